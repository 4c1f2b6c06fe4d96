"""The parts of extraction on their own: printed dates, JSON-LD, titles, authors, language, clean text."""

import datetime as dt
import json
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copytaster.errors import Rejected
from workers.extraction import authors, dateline, dates, jsonld, language, metadata
from workers.extraction.document import clean, line, read_document
from workers.extraction.read import extract

STRINGS = pathlib.Path(__file__).parents[2].parent / "shared/corpora/strings/blns.json"
PARAGRAPHS = (
    "<p>The council met on Tuesday evening and agreed, after a long debate, to mend the bridge over the river Ash.</p>"
    "<p>Work is to begin in April; the ferry will carry schoolchildren and shoppers until the new deck is laid.</p>"
)


def page(head="", body=PARAGRAPHS, lang="en"):
    return f'<!doctype html><html lang="{lang}"><head>{head}</head><body><article>{body}</article></body></html>'


def document(head="", body=PARAGRAPHS, url="https://news.example/a/b", lang="en"):
    return read_document(page(head, body, lang), url)


def ld(**node):
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle", **node})}</script>'


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("2024-05-01T12:00:00+0200", "2024-05-01T12:00:00+02:00"),
        ("2024-05-01T12:00:00.123Z", "2024-05-01T12:00:00+00:00"),
        ("2024-05-01 12:00", "2024-05-01T12:00:00"),
        ("2024-05-01", "2024-05-01"),
        ("20240501T120000Z", "2024-05-01T12:00:00+00:00"),
        ("2024-05-01T12:00:00+05:30", "2024-05-01T12:00:00+05:30"),
        ("2024-05-01T12:00:00-0330", "2024-05-01T12:00:00-03:30"),
        ("2024-05-01 04:30 PM EDT", "2024-05-01T16:30:00-04:00"),
        ("Wed, 01 May 2024 12:00:00 GMT", "2024-05-01T12:00:00+00:00"),
        ("Wed May 01 2024 12:00:00 GMT+0200 (CEST)", "2024-05-01T12:00:00+02:00"),
        ("01.05.2024 18:30", "2024-05-01T18:30:00"),
        ("1714557600", "2024-05-01T10:00:00+00:00"),
        (1714557600000, "2024-05-01T10:00:00+00:00"),
    ],
)
def test_a_machine_date_keeps_the_zone_and_precision_it_was_printed_with(printed, expected):
    """No offset is made up, a day stays a day."""
    assert dates.read_moment(printed).isoformat() == expected


@pytest.mark.parametrize("printed", ["", "yesterday", "2024-13-01", "2024-02-30T10:00:00Z", "99999999999999", None, True])
def test_what_is_no_date_is_none(printed):
    """Impossible days and words give nothing."""
    assert dates.read_moment(printed) is None


@given(st.text(max_size=60))
def test_no_text_makes_the_date_readers_fail(text):
    """Whatever stands in a date field."""
    for found in (dates.read_moment(text), dateline.read_words(text)):
        assert found is None or found.isoformat()


@given(st.integers(800_000_000, 3_700_000_000), st.integers(-14 * 4, 14 * 4))
def test_an_iso_date_survives_reading(seconds, quarters):
    """Written with any offset, read back the same."""
    aware = dt.datetime.fromtimestamp(seconds, dt.timezone(dt.timedelta(minutes=quarters * 15)))
    assert dates.read_moment(aware.isoformat()).isoformat() == aware.isoformat()


@pytest.mark.parametrize(
    ("printed", "tag", "expected"),
    [
        ("Erschienen am 26. Jan 2022", "de", "2022-01-26"),
        ("3 мая 2024, 12:30", "ru", "2024-05-03T12:30:00"),
        ("17 يناير 2026", "ar", "2026-01-17"),
        ("3 de mayo de 2024", "es", "2024-05-03"),
        ("May 3rd, 2024", "en", "2024-05-03"),
        ("2024年5月3日", "zh", "2024-05-03"),
        ("2024년 5월 3일", "ko", "2024-05-03"),
        ("31/12/2024", "en", "2024-12-31"),
        ("12/31/2024", "en-US", "2024-12-31"),
        ("03/05/2024", "fr", "2024-05-03"),
    ],
)
def test_a_date_in_words_is_read_in_its_language(printed, tag, expected):
    """Months by name, day and month in the order of the place."""
    assert dateline.read_words(printed, tag).isoformat() == expected


def test_day_and_month_that_could_change_places_are_not_guessed():
    """03/05 is May in London and March in Boston."""
    assert dateline.read_words("03/05/2024", "en") is None


def test_a_later_place_may_make_the_first_one_more_exact():
    """JSON-LD gives the day, the meta the hour and zone of the same day."""
    told = document(
        ld(datePublished="2024-05-01") + '<meta property="article:published_time" content="2024-05-01T09:30:00+02:00">'
    )
    assert dates.published(told).isoformat() == "2024-05-01T09:30:00+02:00"


def test_a_date_in_the_future_is_not_believed():
    """Templates print 2099; the next place is asked."""
    told = document(ld(datePublished="2099-01-01T00:00:00Z") + '<meta property="article:published_time" content="2024-05-01">')
    assert dates.published(told, dt.datetime(2024, 6, 1, tzinfo=dt.UTC)).isoformat() == "2024-05-01"


def test_a_date_of_change_is_not_taken_for_that_of_publication():
    """The line that says updated comes last."""
    told = document(body=f"<h1>Bridge</h1><p>Updated 9 May 2024</p><p>Published 1 May 2024</p>{PARAGRAPHS}")
    assert dates.published(told).isoformat() == "2024-05-01"


def test_a_full_quarter_hour_is_not_taken_for_a_time_zone():
    """10:00:00Z and a wall clock of 16:00:00 may be two events."""
    told = document(ld(datePublished="2024-05-01T10:00:00Z"), f"<time datetime='2024-05-01 16:00:00'>x</time>{PARAGRAPHS}")
    assert dates.published(told).isoformat() == "2024-05-01T10:00:00+00:00"


@pytest.mark.parametrize(
    "script",
    [
        '{"@type":"NewsArticle","headline":"A","datePublished":"2024-05-01",}',
        '<!-- {"@type":"NewsArticle","headline":"A","datePublished":"2024-05-01"} -->',
        '//<![CDATA[\n{"@type":"NewsArticle","headline":"A","datePublished":"2024-05-01"}\n//]]>',
        '{"@type":"NewsArticle","headline":"A","datePublished":"2024-05-01"};',
        '{"@type":"WebSite"}{"@type":"NewsArticle","headline":"A","datePublished":"2024-05-01"}',
        '{"@type":"NewsArticle","headline":"A","description":"line\nbreak","datePublished":"2024-05-01"}',
        '{"@type":"NewsArticle","headline":"A","description":"an "inner" quote","datePublished":"2024-05-01"}',
        '[[{"@graph":[{"@type":["Thing","http://schema.org/NewsArticle"],"headline":"A","datePublished":"2024-05-01"}]}]]',
        '{"@type":"WebPage","mainEntity":{"@type":"BlogPosting","headline":"A","datePublished":"2024-05-01"}}',
    ],
)
def test_json_ld_is_read_in_all_its_states(script):
    """Wrapped, nested, broken, several at once."""
    node = jsonld.choose(jsonld.graph([script]), [], [])
    assert (node["headline"], node["datePublished"]) == ("A", "2024-05-01")


KEYS = [
    "@type",
    "@id",
    "@graph",
    "author",
    "name",
    "headline",
    "url",
    "mainEntityOfPage",
    "keywords",
    "image",
    "datePublished",
    "publisher",
    "inLanguage",
]
SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)  # the first example imports libraries
@given(SHAPES)
def test_no_shape_of_json_ld_makes_a_reader_fail(thing):
    """Every property may hold anything."""
    told = document(ld(**dict.fromkeys([*KEYS[3:], "dateModified", "articleBody", "x"], thing)))
    assert isinstance(metadata.title(told), str)
    assert all(isinstance(name, str) for name in (*authors.authors(told), *metadata.topics(told)))
    assert metadata.image(told) is None or metadata.image(told).startswith("http")
    for printed in (dates.published(told), dates.modified(told)):
        assert printed is None or printed.isoformat()


def test_of_several_articles_the_one_named_by_the_address_is_chosen():
    """Teasers carry JSON-LD too."""
    nodes = [{"@type": "Article", "headline": name, "url": f"https://x.example/{name}"} for name in ("one", "two", "three")]
    found = jsonld.graph([json.dumps(nodes)])
    assert jsonld.choose(found, ["https://x.example/two/"], [])["headline"] == "two"


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("By Jane Roe and Richard Miles", ("Jane Roe", "Richard Miles")),
        ("Von Jörg Müller, Anna Weiß", ("Jörg Müller", "Anna Weiß")),
        ({"name": "Li Wei"}, ("Li Wei",)),
        ([{"name": "A. Bee"}, "C. Dee", {"@type": "Person", "name": ["E. Eff", "A. Bee"]}], ("A. Bee", "C. Dee", "E. Eff")),
        ({"givenName": "Olga", "familyName": "Petrenko"}, ("Olga Petrenko",)),
        ("desk@news.example", ()),
        ("https://news.example/author/7", ()),
        ("Jo Frost (jof)", ("Jo Frost",)),
    ],
)
def test_authors_are_names_whatever_shape_they_come_in(stated, expected):
    """With or without a type, in lists, with words around them."""
    assert authors.authors(document(ld(author=stated))) == expected


def test_the_outlet_is_the_author_only_where_nobody_else_is_named():
    """JSON-LD names the house, the byline the reporter."""
    head = '<meta property="og:site_name" content="The Ash Valley News">' + ld(author="The Ash Valley News")
    assert authors.authors(document(head)) == ("The Ash Valley News",)
    assert authors.authors(document(head, f'<span class="byline-author">Mary Stone</span>{PARAGRAPHS}')) == ("Mary Stone",)


@pytest.mark.parametrize("mark", [" | ", " - ", " – ", " — ", " · ", " » "])
def test_the_site_name_is_cut_from_the_title(mark):
    """By the name that the page gives its site, or because the heading does without it."""
    named = document(f'<meta property="og:site_name" content="Ash News"><title>Bridge to be mended{mark}Ash News</title>')
    headed = document(f"<title>Bridge to be mended{mark}All the news</title>", f"<h1>Bridge to be mended</h1>{PARAGRAPHS}")
    assert metadata.title(named) == metadata.title(headed) == "Bridge to be mended"


def test_a_title_is_one_line_of_bounded_length():
    """A title of a million characters comes out as one of at most five hundred."""
    article = extract(page(f"<title>{'long title ' * 100_000}\n</title>").encode(), None)
    assert "\n" not in article.title
    assert 400 < len(article.title) <= 500


def test_a_page_without_a_title_is_headed_by_its_first_line():
    """There is always a title."""
    assert extract(page().encode(), None).title.startswith("The council met on Tuesday")


@given(st.text())
def test_clean_text_can_be_stored_and_sent(text):
    """No NUL, no lone surrogate, no other control."""
    assert clean(text).encode("utf-8").isascii() or clean(text)
    assert "\x00" not in clean(text)
    assert line(text) == " ".join(line(text).split())


def test_the_zero_width_joiners_of_persian_survive():
    """Without them two words become one and no name matches."""
    body = "<p>" + "کتاب‌های تازه در کتابخانه‌ها می&zwnj;آیند و خوانندگان آنها را می‌پسندند. " * 4 + "</p>"
    text = extract(page(body=body, lang="fa").encode(), None).text
    assert "کتاب‌های" in text
    assert "می‌آیند" in text


@pytest.mark.parametrize(
    "reference", ["&#x1;", "&#1;", "&#0;", "&#x1F;", "&#X0b;", "&#0012;", "&#31", "&#x0000;", "&#xFFFE;", "&#65535;"]
)
def test_a_reference_to_a_control_character_costs_nothing_but_itself(reference):
    """One in a first paragraph lost the whole article."""
    article = extract(page(body=f"<p>{reference} c</p>{PARAGRAPHS}").encode(), None)
    assert article.text == extract(page(body=f"<p> c</p>{PARAGRAPHS}").encode(), None).text


def test_a_short_page_is_read_though_its_headline_is_of_controls():
    """All of them, in title and headline: a short page was taken for binary data."""
    controls = "".join(map(chr, [*range(1, 9), *range(14, 32), 127]))
    assert extract(page(f"<title>{controls}</title>", f"<h1>{controls}</h1>{PARAGRAPHS * 3}").encode(), None).text


def test_references_to_blanks_and_letters_stay():
    text = extract(page(body=f"<p>One&#9;two&#10;three&#x41;&#100;&#310;&#x1f600; and more.</p>{PARAGRAPHS}").encode(), None).text
    assert "One two threeAd\u0136\U0001f600 and more." in text


@pytest.mark.slow
def test_naughty_strings_pass_through_extraction():
    """Each as title, author, body and attribute of one page."""
    if not STRINGS.exists():
        pytest.skip(f"the corpus of naughty strings is absent: {STRINGS}")
    refused = 0
    for naughty in json.loads(STRINGS.read_text("utf-8")):
        head = f'<title>{naughty}</title><meta name="author" content="{naughty}">' + ld(
            headline=naughty, author={"name": naughty}
        )
        try:
            article = extract(
                page(head, f"<h1>{naughty}</h1><p>{naughty}</p>{PARAGRAPHS}").encode("utf-8", "surrogatepass"), None
            )
        except Rejected:
            refused += 1
            continue
        for text in (article.title, article.text, *article.authors):
            assert text == clean(text)
            text.encode("utf-8")
    assert refused < 10


@pytest.mark.parametrize(
    ("text", "claims", "expected"),
    [
        ("The council met on Tuesday and agreed to mend the old bridge over the river.", ["de-DE"], "en"),
        ("Совет собрался во вторник и решил починить старый мост через реку Ясень.", ["en"], "ru"),
        ("Рада зібралася у вівторок і вирішила полагодити старий міст через річку.", ["uk-UA"], "uk"),
        ("Kommunestyret møttes tirsdag og vedtok å reparere den gamle broen over elva.", ["nb-NO"], "no"),
        ("12:4", ["pt_BR"], "pt"),
        ("12:4", ["und", None, "x-default"], None),
    ],
)
def test_the_text_outweighs_what_the_page_claims_of_its_language(text, claims, expected):
    """A template's default does not make a Russian page English."""
    assert language.language(text, claims) == expected


def test_valid_utf8_beats_a_wrong_label():
    """The meta says windows-1251, the bytes say otherwise."""
    body = f"<p>Café Größe — žluťoučký kůň.</p>{PARAGRAPHS}"
    assert "žluťoučký kůň" in extract(page('<meta charset="windows-1251">', body).encode(), None).text


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", None, "not_html"),
        (b"%PDF-1.7 ...", None, "not_html"),
        (b'{"a": "<p>"}', "application/json", "not_html"),
        (bytes(range(256)) * 40, None, "not_html"),
        (b"<html><body><p>Short.</p></body></html>", "text/html", "no_text"),
        (b"<html><body>" + b"<div>" * 3_000 + PARAGRAPHS.encode() + b"</body></html>", "text/html", "too_deep"),
    ],
)
def test_what_holds_no_article_is_refused_never_silently_empty(body, content_type, reason):
    """Each with its reason and one sentence."""
    with pytest.raises(Rejected) as refusal:
        extract(body, None, content_type)
    assert refusal.value.reason == reason
    assert str(refusal.value).endswith(".")
