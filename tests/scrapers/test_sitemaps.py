"""Sitemaps from bytes to links and further sitemaps."""

import gzip
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected
from scrapers.discovery.sitemaps import MAX_URLS, parse_sitemap, unpack

BASE = "https://news.example/sitemap.xml"
NEWS = b"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"
  xmlns:image="http://www.google.com/schemas/sitemap-image/1.1" xmlns:xhtml="http://www.w3.org/1999/xhtml">
<url><image:image><image:loc>https://img.example/1.jpg</image:loc><image:title>A picture</image:title></image:image>
<loc> /2026/one?utm_source=sitemap </loc><xhtml:link rel="alternate" href="https://news.example/fr/one"/>
<n:news><n:publication><n:name>News</n:name><n:language>en</n:language></n:publication>
<n:publication_date>2026-11-02T09:30:00+03:30</n:publication_date><n:title>One &amp; all</n:title></n:news>
<lastmod>2026-11-03</lastmod></url>
<url><loc>https://news.example/2026/one</loc></url>
<url><loc>javascript:alert(1)</loc></url>
<url><lastmod>2026-11-03</lastmod></url>
<url><loc>https://news.example/2026/two</loc></url>
</urlset>"""
INDEX = b"""<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>https://news.example/a.xml.gz</loc><lastmod>2026-11-02T10:00:00Z</lastmod></sitemap>
<sitemap><loc>/b.xml</loc></sitemap></sitemapindex>"""


def test_a_news_sitemap_gives_links_with_titles_and_dates():
    sitemap = parse_sitemap(NEWS, BASE)
    first, second = sitemap.links
    assert (sitemap.kind, sitemap.is_news, sitemap.children) == ("urlset", True, ())
    assert (first.url, first.title) == ("https://news.example/2026/one?utm_source=sitemap", "One & all")
    assert first.published
    assert first.updated
    assert (first.published.isoformat(), first.updated.isoformat()) == ("2026-11-02T09:30:00+03:30", "2026-11-03")
    assert (second.url, second.title, second.published) == ("https://news.example/2026/two", None, None)


def test_an_index_gives_its_children_with_their_dates():
    sitemap = parse_sitemap(INDEX, BASE)
    assert sitemap.kind == "index"
    assert [child.url for child in sitemap.children] == ["https://news.example/a.xml.gz", "https://news.example/b.xml"]
    assert [child.updated.isoformat() if child.updated else None for child in sitemap.children] == [
        "2026-11-02T10:00:00+00:00",
        None,
    ]


@pytest.mark.parametrize("times", [1, 2])
def test_packed_sitemaps_are_unpacked(times):
    data = NEWS
    for _ in range(times):
        data = gzip.compress(data)
    assert parse_sitemap(data, BASE) == parse_sitemap(NEWS, BASE)


def test_a_text_sitemap_is_read_line_by_line():
    sitemap = parse_sitemap(b"\xef\xbb\xbfhttps://a.example/1\r\n\r\nhttps://a.example/2\n", BASE)
    assert (sitemap.kind, [link.url for link in sitemap.links]) == (
        "text",
        ["https://a.example/1", "https://a.example/2"],
    )


def test_a_feed_in_its_place_is_read_as_one():
    feed = b'<rss version="2.0"><channel><item><title>A</title><link>https://a.example/1</link></item></channel></rss>'
    assert [link.title for link in parse_sitemap(feed, BASE).links] == ["A"]


@pytest.mark.parametrize("code", ["utf-16", "iso-8859-1"])
def test_other_encodings_are_read(code):
    text = f"<?xml version='1.0' encoding='{code}'?><urlset><url><loc>https://a.example/\u00e9</loc></url></urlset>"
    assert parse_sitemap(text.encode(code), BASE).links[0].url == "https://a.example/%C3%A9"


@pytest.mark.parametrize("data", [b"", b"<html><body>Not found</body></html>", b"Not found", b"\x1f\x8bno", b"<", b"{}"])
def test_what_is_no_sitemap_is_refused(data):
    with pytest.raises(Rejected) as refused:
        parse_sitemap(data, BASE)
    assert refused.value.reason == "not_a_sitemap"


def test_what_is_broken_off_is_read_as_far_as_it_goes():
    assert parse_sitemap(NEWS[:-100], BASE).links[0].title == "One & all"


def packed(piece, times):
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb") as out:
        for _ in range(times):
            out.write(piece)
    return made.getvalue()


def test_a_bomb_is_refused():
    with pytest.raises(Rejected) as refused:
        unpack(packed(bytes(1_000_000), 60))
    assert refused.value.reason == "too_big"


def test_a_bomb_in_a_bomb_is_refused():
    with pytest.raises(Rejected) as refused:
        unpack(gzip.compress(packed(bytes(1_000_000), 60)))
    assert refused.value.reason == "too_big"


@pytest.mark.slow
def test_a_million_urls_are_cut_at_the_cap():
    rows = b"".join(b"<url><loc>https://a.example/%d</loc></url>" % n for n in range(60_000))
    sitemap = parse_sitemap(gzip.compress(b"<urlset>" + rows + b"</urlset>"), BASE)
    assert (len(sitemap.links), sitemap.truncated) == (MAX_URLS, True)


def test_entities_and_outside_files_are_not_read():
    hostile = (
        b'<!DOCTYPE u [<!ENTITY x SYSTEM "file:///etc/passwd">]><urlset><url><loc>https://a.example/&x;</loc></url></urlset>'
    )
    assert all("root" not in link.url for link in parse_sitemap(hostile, BASE).links)


@pytest.mark.parametrize(
    "hostile",
    [
        b"<urlset>" + b"<a/>" * 1_000_000,
        b"<urlset>" + b"<a>" * 1_000_000,
        b"<urlset>" + b"<" * 4_000_000,
        b"<urlset " + b" ".join(b"a%d='b'" % n for n in range(300_000)) + b">",
        b"https://n.example/" + b"a" * 40_000_000,
    ],
    ids=["tags", "open tags", "brackets", "attributes", "a line"],
)
def test_a_hostile_tree_costs_little(hostile):
    start = time.process_time()
    try:
        assert parse_sitemap(hostile, BASE).links == ()
    except Rejected as refused:
        assert refused.reason in ("too_big", "not_a_sitemap")  # noqa: PT017
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "slow",
    [
        b"https://n.example/a\n" * 400_000,
        b"<urlset>" + b"".join(b"<url><loc>https://n.example/%d%s</loc></url>" % (n, b"%41" * 1_000) for n in range(9_000)),
    ],
    ids=["lines", "long addresses"],
)
def test_what_took_its_share_of_cpu_is_read_until_there(slow, monkeypatch):
    monkeypatch.setattr("scrapers.discovery.sitemaps._CPU_SECONDS", 0.3)
    start = time.thread_time()
    sitemap = parse_sitemap(slow, BASE)
    assert sitemap.truncated
    assert sitemap.links
    assert time.thread_time() - start < 1


@given(st.binary(max_size=300), st.sampled_from([b"", b"<urlset>", b"<sitemapindex><sitemap>", b"\x1f\x8b\x08"]))
def test_no_bytes_crash_it(data, start):
    try:
        parse_sitemap(start + data, BASE)
    except Rejected as refused:
        assert refused.reason in ("too_big", "not_a_sitemap", "not_a_feed")  # noqa: PT017
