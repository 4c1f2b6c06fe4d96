"""Feeds of every kind from bytes to links."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected
from copytaster.news import Printed
from scrapers.discovery import feeds
from scrapers.discovery.boxed import dump, load, parse_feed_boxed, parse_in_child
from scrapers.discovery.feed import MAX_ITEMS, FeedDocument, FeedItem
from scrapers.discovery.feeds import links_of, needs_box, parse_feed
from scrapers.discovery.plain import printed_struct, printed_w3c, text_of

RSS = """<?xml version="1.0" encoding="{encoding}"?>
<rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" xmlns:atom="http://www.w3.org/2005/Atom"
  xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0">
<channel><title>Курьер &amp; Co</title><link>https://courier.example/</link><description>News</description><ttl>15</ttl>
<atom:link rel="hub" href="https://hub.example/"/><atom:link rel="self" href="https://courier.example/rss"/>
<item><title>Первая &lt;b&gt;новость&lt;/b&gt;</title><link>/2026/1?utm_source=rss</link><guid isPermaLink="false">1</guid>
<pubDate>Mon, 02 Nov 2026 09:30:00 +0330</pubDate><author>a@courier.example (Ann Author)</author>
<description>&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;Two &amp;amp; three.&lt;/p&gt;</description></item>
<item><title>Again</title><link>https://courier.example/2026/1</link><guid isPermaLink="false">2</guid></item>
<item><title>By guid</title><guid>https://courier.example/2026/2</guid></item>
<item><title>By the proxy</title><link>https://proxy.example/~r/1</link>
<feedburner:origLink>https://courier.example/2026/3</feedburner:origLink></item>
<item><title>A call</title><link>tel:12345</link></item>
<item><title>Nothing at all</title></item>
</channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://a.example/blog/"><title>A</title>
<link href="https://a.example/"/><link rel="next" href="?page=2"/>
<entry><id>tag:a.example,2026:1</id><title type="text">1 &lt; 2</title><link href="one"/>
<published>2026-11-02T09:30:00+02:00</published><updated>2026-11-03</updated>
<author><name>Ann</name></author><author><name>Bea</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One</p><p>Two</p></div></content></entry></feed>"""

CDF = """<CHANNEL HREF="https://c.example/"><TITLE>C</TITLE>
<ITEM HREF="https://c.example/1"><TITLE>One</TITLE></ITEM></CHANNEL>"""


def test_an_rss_feed_is_read_whole():
    document = parse_feed(RSS.format(encoding="utf-8").encode(), "https://courier.example/rss")
    first = document.items[0]
    assert (document.kind, document.title, document.url) == ("rss", "Курьер & Co", "https://courier.example/")
    assert (document.hub, document.topic) == ("https://hub.example/", "https://courier.example/rss")
    assert (document.every_seconds, document.total) == (900, 6)
    assert (first.title, first.text, first.authors) == ("Первая новость", "One.\nTwo & three.", ("Ann Author",))
    assert first.published
    assert first.published.isoformat() == "2026-11-02T09:30:00+03:30"


def test_each_address_is_one_link_whatever_its_guids():
    links = links_of(parse_feed(RSS.format(encoding="utf-8").encode(), "https://courier.example/rss"))
    assert [link.url for link in links] == [
        "https://courier.example/2026/1?utm_source=rss",
        "https://courier.example/2026/2",
        "https://courier.example/2026/3",
    ]
    assert links[0].title == "Первая новость"


def test_a_link_keeps_its_id_when_tracking_changes():
    one, other = (
        links_of(FeedDocument(kind="rss", items=(FeedItem(url=f"https://a.example/1?utm_source={name}"),)))
        for name in ("rss", "mail")
    )
    assert one[0].id == other[0].id


@pytest.mark.parametrize(
    ("declared", "real"),
    [("windows-1251", "windows-1251"), ("koi8-r", "koi8-r"), ("utf-16", "utf-16"), ("windows-1251", "utf-8")],
)
def test_bytes_are_read_as_they_are_not_as_they_are_declared(declared, real):
    data = RSS.format(encoding=declared).encode(real)
    assert parse_feed(data, "https://courier.example/", "text/xml").title == "Курьер & Co"


def test_a_wrong_header_does_not_beat_valid_utf_8():
    data = RSS.format(encoding="utf-8").encode()
    assert parse_feed(data, "", "application/rss+xml; charset=ISO-8859-1").title == "Курьер & Co"


def test_an_atom_feed_keeps_offsets_precision_and_base():
    document = parse_feed(ATOM.encode(), "https://elsewhere.example/")
    item = document.items[0]
    assert (document.kind, item.url, item.id) == ("atom", "https://a.example/blog/one", "tag:a.example,2026:1")
    assert (item.title, item.text, item.authors) == ("1 < 2", "One\nTwo", ("Ann", "Bea"))
    assert item.published
    assert item.updated
    assert (item.published.isoformat(), item.updated.isoformat()) == ("2026-11-02T09:30:00+02:00", "2026-11-03")
    assert document.next_url == "https://a.example/blog/?page=2"


def test_the_old_channel_format_is_read():
    document = parse_feed(CDF.encode())
    assert (document.kind, document.title, document.items[0].url) == ("cdf", "C", "https://c.example/1")


def test_a_json_feed_is_read():
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "J",
        "home_page_url": "https://j.example/",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
        "items": [
            {"id": 1, "url": "/1", "content_html": "<p>One</p>", "date_published": "2026-11-02T09:30:00Z"},
            {"id": "https://j.example/2", "title": "Two", "authors": [{"name": "Ann"}], "content_text": "Two."},
            "nonsense",
        ],
    }
    document = parse_feed(json.dumps(feed).encode(), "https://j.example/feed.json")
    assert (document.kind, document.title, document.hub, document.total) == ("json", "J", "https://hub.example/", 2)
    assert [item.url for item in document.items] == ["https://j.example/1", "https://j.example/2"]
    assert [(item.id, item.text) for item in document.items] == [("1", "One"), ("https://j.example/2", "Two.")]
    assert document.items[0].published
    assert document.items[0].published.isoformat() == "2026-11-02T09:30:00+00:00"


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><title>A page</title></html>", b'{"a": 1}', b"{", b"[" * 100_000, b"{" * 100_000, b"\x89PNG\r\n\x00"],
)
def test_what_is_no_feed_is_refused(data):
    with pytest.raises(Rejected) as refused:
        parse_feed(data)
    assert refused.value.reason == "not_a_feed"


def test_bytes_that_name_a_file_are_not_opened():
    with pytest.raises(Rejected):
        parse_feed(str(__file__).encode())


def test_a_feed_beyond_five_megabytes_is_refused():
    with pytest.raises(Rejected) as refused:
        parse_feed_boxed(b"<rss>" + b" " * feeds.MAX_BYTES)
    assert refused.value.reason == "too_big"


def test_entities_do_not_blow_up():
    rows = "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True))
    bomb = f'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">{rows}]><rss version="2.0"><channel><title>&i;</title></channel></rss>'
    assert len(parse_feed(bomb.encode()).title or "") < 10_000


def test_only_the_first_five_hundred_items_are_kept_and_all_are_counted():
    items = "".join(f"<item><link>https://a.example/{n}</link></item>" for n in range(700))
    document = parse_feed_boxed(f'<rss version="2.0"><channel>{items}</channel></rss>'.encode())
    assert (len(document.items), document.total) == (MAX_ITEMS, 700)
    assert document.items[0].url == "https://a.example/0"


def test_a_large_feed_is_parsed_in_a_child_and_comes_back_the_same():
    data = RSS.format(encoding="utf-8").encode() + b"<!--" + b" " * feeds.INLINE_BYTES + b"-->"
    assert needs_box(data)
    assert parse_feed_boxed(data, "https://courier.example/rss") == parse_feed(data, "https://courier.example/rss")


def test_a_refusal_comes_back_from_the_child():
    with pytest.raises(Rejected) as refused:
        parse_in_child(b"<html></html>", "", None, max_seconds=10)
    assert refused.value.reason == "not_a_feed"


def test_a_feed_that_would_hold_the_process_is_killed():
    hostile = b'<rss version="2.0"><channel>' + b"<a>" * 150_000
    assert needs_box(hostile[:40_000])
    with pytest.raises(Rejected) as refused:
        parse_feed_boxed(hostile, max_seconds=1.0)
    assert refused.value.reason == "too_slow"


def test_an_ordinary_feed_is_parsed_in_the_process():
    assert not needs_box(RSS.encode())


@given(
    st.builds(
        FeedItem,
        id=st.none() | st.text(),
        title=st.none() | st.text(),
        published=st.none() | st.datetimes().map(Printed.of),
        authors=st.lists(st.text()).map(tuple),
    )
)
def test_a_document_survives_the_way_from_the_child(item):
    document = FeedDocument(kind="atom", items=(item,), updated=item.published, total=1)
    assert load(json.loads(json.dumps(dump(document)))) == document


@given(st.binary(max_size=400), st.sampled_from([b"", b"<rss>", b"<feed>", b"{", b"<?xml version='1.0'?><rss><channel>"]))
def test_no_bytes_crash_the_reader(data, start):
    try:
        links_of(parse_feed(start + data, "https://a.example/"))
    except Rejected as refused:
        assert refused.reason == "not_a_feed"  # noqa: PT017


@given(st.text(max_size=200))
def test_no_markup_crashes_the_text(markup):
    assert "\x00" not in text_of(markup)


@pytest.mark.parametrize(
    ("raw", "printed"),
    [
        ("2026-11-02", "2026-11-02"),
        ("2026-11-02T09:30Z", "2026-11-02T09:30:00+00:00"),
        ("2026-11-02T09:30:15.123-05:00", "2026-11-02T09:30:15-05:00"),
        ("2026-11-02 09:30:15", "2026-11-02T09:30:15"),
        ("2026-11-02T23:59:60Z", "2026-11-02T23:59:59+00:00"),
    ],
)
def test_dates_keep_what_was_printed(raw, printed):
    found = printed_w3c(raw)
    assert found
    assert found.isoformat() == printed


@pytest.mark.parametrize("raw", ["", "yesterday", "2026-13-02", "0000-01-01", "9999-12-31T23:59:59-23:59", "2026"])
def test_a_date_that_is_none_is_left_out(raw):
    assert printed_w3c(raw) is None


def test_named_zones_give_their_offset():
    document = parse_feed(
        b'<rss version="2.0"><channel><item><pubDate>Mon, 02 Nov 2026 09:30:00 EST</pubDate></item></channel></rss>'
    )
    assert document.items[0].published
    assert document.items[0].published.isoformat() == "2026-11-02T09:30:00-05:00"
    assert printed_struct("nonsense", None) is None


@pytest.mark.parametrize(
    ("raw", "author"),
    [
        ("Ann Author", "Ann Author"),
        ("ann@courier.example (Ann Author)", "Ann Author"),
        ("Ann Author (ann@courier.media)", "Ann Author"),
        ("Ann Author &lt;ann@courier.media&gt;", "Ann Author"),
        ("ann@courier.media", "ann@courier.media"),
    ],
)
def test_an_author_is_a_name_wherever_the_mail_address_stands(raw, author):
    feed = f'<rss version="2.0"><channel><item><author>{raw}</author></item></channel></rss>'
    assert parse_feed(feed.encode()).items[0].authors == (author,)


@pytest.mark.parametrize(
    ("head", "item", "tail"),
    [
        ('<rss version="2.0"><channel>', "<item><title>{n}</title></item>", "</channel></rss>"),
        ('<feed xmlns="http://www.w3.org/2005/Atom">', "<entry><title>{n}</title></entry>", "</feed>"),
        (
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">',
            "<item><title>{n}</title></item>",
            "</rdf:RDF>",
        ),
    ],
)
def test_a_feed_of_seventy_thousand_items_costs_no_more_than_its_first_five_hundred(head, item, tail):
    data = (head + "".join(item.format(n=n) for n in range(70_000)) + tail).encode()
    start = time.process_time()
    document = parse_feed(data)
    assert time.process_time() - start < 3
    assert (len(document.items), document.total, document.items[-1].title) == (MAX_ITEMS, 70_000, "499")
