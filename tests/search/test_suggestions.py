"""Suggestions for a watch: which forms articles have, how often, at which level each counts, and a sample of it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from copytaster.watches import Hit
from search.document import Document
from search.matcher import Matcher
from search.query import parse
from search.suggestions import Gathering

KH = '"Kataib Hezbollah"'


def gathered(query, *texts, aliases=(), vetoes=(), titles=None):
    """As a search at ``wide`` would find the hits."""
    read = parse(query).or_forms(aliases)
    gathering, matcher = Gathering(read, vetoes=vetoes), Matcher()
    matcher.add("w", read, level="wide", vetoes=vetoes)
    for number, text in enumerate(texts):
        document = Document(title=titles[number] if titles else "", text=text)
        for found in matcher.match(document):
            gathering.read(document, found.hits, f"https://news.example/{number}")
    return gathering.found()


def kinds(suggestions):
    return {each.form: each.kind for each in suggestions}


def test_spellings_are_counted_by_article_most_first_and_say_at_which_level_they_count():
    found = gathered(
        KH,
        "Fighters of Kata'ib Hizballah left. The Kata'ib Hizballah came back.",
        "On Monday the Kata'ib Hizballah left.",
        "On Monday the Kataib Hezbollah left.",
    )
    assert [(each.form, each.articles, each.level, each.kind) for each in found] == [
        ("Kata'ib Hizballah", 2, "strict", "spelling"),
        ("Kataib Hezbollah", 1, "exact", "spelling"),
    ]
    assert found[0].counts("strict")
    assert found[0].counts("wide")
    assert not found[0].counts("exact")
    assert {each.term for each in found} == {"Kataib Hezbollah"}


def test_what_counts_at_wide_alone_is_told_as_that():
    (one,) = gathered("Hasakah", "On Monday the report named Heseke, officials said.")
    assert (one.level, one.counts("strict"), one.counts("wide")) == ("wide", False, True)


def test_capitals_and_accents_make_no_other_form_and_the_usual_print_stands_for_all():
    (one,) = gathered(KH, "KATAIB HEZBOLLAH left.", "Kataib Hezbollah left.", "Katāib Hezbollah and Kataib Hezbollah left.")
    assert (one.form, one.articles, one.level) == ("Kataib Hezbollah", 3, "exact")


def test_a_form_of_another_script_counts_by_itself_where_it_is_the_same_name_spelled():
    found = gathered(KH, "قال كتائب حزب الله اليوم", "Катаиб Хезболла ушла.")
    assert kinds(found) == {"كتائب حزب الله": "script", "Катаиб Хезболла": "script"}
    assert all(each.counts("strict") for each in found)


def test_an_acronym_beside_any_spelling_is_offered_as_one_that_does_not_count():
    found = gathered(KH, "The Kata'ib Hizballah (KH) left.", "The Kataib Hezbollah (“KH”) left.", "KH alone.")
    acronym = next(each for each in found if each.form == "KH")
    assert (acronym.kind, acronym.articles, acronym.level, acronym.counts("wide")) == ("acronym", 2, None, False)


def test_a_translation_of_another_script_is_offered():
    found = gathered('"Hayat Tahrir al-Sham"', "Hayat Tahrir al-Sham (Организация освобождения Леванта) ушла.")
    assert kinds(found)["Организация освобождения Леванта"] == "script"


def test_the_sample_is_a_passage_with_the_form_marked_and_its_url():
    found = gathered(KH, f"{'Long before it. ' * 30}The Kataib Hezbollah (KH) left. {'Long after it. ' * 30}")
    acronym = next(each for each in found if each.form == "KH")
    ((start, end),) = acronym.sample.marks
    assert acronym.sample.text[start:end] == "KH"
    assert "Kataib Hezbollah (KH) left." in acronym.sample.text
    assert len(acronym.sample.text) < 200
    assert acronym.url == "https://news.example/0"


def test_a_title_is_read_as_the_text_is_and_never_runs_into_it():
    found = gathered(KH, "(KH) is what it is called.", titles=["On the Kataib Hezbollah"])
    assert kinds(found) == {"Kataib Hezbollah": "spelling"}
    found = gathered(KH, "Nothing.", titles=["Kataib Hezbollah (KH) leaves"])
    assert found[-1].sample.text[slice(*found[-1].sample.marks[0])] == found[-1].form


def test_what_is_an_alias_or_vetoed_already_is_not_offered_again():
    text = "The Kataib Hezbollah (KH), also known as the Hezbollah Brigades, left."
    assert "KH" in kinds(gathered(KH, text))
    assert kinds(gathered(KH, text, vetoes=["kh", "Hezbollah Brigades"])) == {"Kataib Hezbollah": "spelling"}
    with_alias = {each.form: each.level for each in gathered(KH, text, aliases=["KH"])}
    assert with_alias == {"Kataib Hezbollah": "exact", "KH": "exact", "Hezbollah Brigades": None}


def test_a_vetoed_spelling_is_not_shown():
    assert gathered(KH, "The Kata'ib Hizballah left.", vetoes=["Kata'ib Hizballah"]) == []


def test_a_hit_of_an_earlier_revision_is_left_out():
    gathering = Gathering(parse(KH))
    hit = Hit("text", 4, 20, "Kataib Hezbollah", "Kataib Hezbollah")
    gathering.read(Document(text="The text was edited (KH) since."), [hit], "https://news.example/1")
    assert gathering.found() == []


def test_each_name_of_a_query_has_its_own_forms():
    text = "The Kataib Hezbollah (KH) and Hayat Tahrir al-Sham (HTS) met."
    found = gathered('"Kataib Hezbollah" OR "Hayat Tahrir al-Sham"', text)
    assert {each.form: each.term for each in found} == {
        "Kataib Hezbollah": "Kataib Hezbollah",
        "KH": "Kataib Hezbollah",
        "Hayat Tahrir al-Sham": "Hayat Tahrir al-Sham",
        "HTS": "Hayat Tahrir al-Sham",
    }


def test_terms_that_are_no_names_have_no_forms():
    for query in ('="Kataib Hezbollah"', "katai*", '"kataib hezbollah"~3', "source:kataib", "lang:en"):
        assert not Gathering(parse(query)).has_names
        assert gathered(query, "The Kataib Hezbollah (KH) left.") == []
    assert Gathering(parse(KH)).has_names


def test_an_article_that_the_query_excludes_gives_nothing():
    assert gathered(f"{KH} NOT football", "The Kataib Hezbollah (KH) play football.") == []


def test_places_are_code_points_whatever_stands_before():
    for before in ("😀 ", "𝔘𝔫𝔦 ", "Ä́é ", "\u200f\u202b", "فاطمة، ", "真主 "):
        found = gathered(KH, f"{before}Kata'ib Hizballah (كتائب بغداد) left")
        assert kinds(found) == {"Kata'ib Hizballah": "spelling", "كتائب بغداد": "script"}
        for each in found:
            assert [each.sample.text[start:end] for start, end in each.sample.marks] == [each.form]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Kataib Hezbollah", "KH", "(", ")", "ХТШ", "كتائب", "\n", "a.k.a."]) | st.text(max_size=8), max_size=20
    )
)
def test_any_text_is_read(parts):
    for each in gathered(KH, " ".join(parts), "".join(parts)):
        assert 1 <= each.articles <= 2
        assert each.form
