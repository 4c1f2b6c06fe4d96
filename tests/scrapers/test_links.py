"""Which links of a page are articles, and which feeds it names."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.discovery.links import (
    article_links,
    find_endpoints,
    looks_like_section,
    needs_javascript,
    page_title,
    sitemap_candidates,
)
from scrapers.discovery.shapes import url_score

PAGES = Path(__file__).parents[1] / "pages/sections"
BASE = "https://courier.example/"


def page(name):
    return (PAGES / f"{name}.html").read_bytes()


def test_articles_are_told_from_navigation():
    links = article_links(page("cards"), BASE)
    assert [link.url.removeprefix(BASE) for link in links] == [
        "2026/11/02/port-workers-agree-to-end-their-strike/",
        "2026/11/02/ferry-line-to-open-in-spring/",
        "2026/11/01/council-votes-on-new-bridge/",
        "2026/11/01/storm-damages-the-old-lighthouse/",
        "2026/10/31/school-in-the-hills-reopens/",
    ]


def test_a_picture_and_its_headline_are_one_link_with_title_and_date():
    first = article_links(page("cards"), BASE)[0]
    assert first.title == "Port workers agree to end their strike after nine days"
    assert first.published
    assert first.published.isoformat() == "2026-11-02T08:15:00+02:00"


def test_numbered_addresses_in_another_script_are_articles():
    links = article_links(page("numbers"), "https://chronika.example/")
    assert [link.url[-12:-5] for link in links] == ["1048213", "1048211", "1048207", "1048199", "1048190"]


def test_cards_that_are_links_give_their_heading_and_obey_the_base():
    links = article_links(page("cards-of-links"), "https://bandar.example/")
    assert len(links) == 5
    assert links[0].title == "اعتصاب کارگران بندر پس از نه روز پایان یافت"
    assert links[0].url.startswith("https://bandar.example/fa/news/240118/")


@pytest.mark.parametrize(
    ("name", "is_section"), [("cards", True), ("numbers", True), ("cards-of-links", True), ("about", False), ("shell", False)]
)
def test_a_section_lists_articles(name, is_section):
    assert looks_like_section(page(name), "https://bandar.example/" if "links" in name else BASE) is is_section


def test_an_article_with_related_links_is_no_section():
    article = page("cards").replace(b"<head>", b'<head><meta property="og:type" content="article">')
    assert not looks_like_section(article, BASE)


@pytest.mark.parametrize(
    ("name", "needs"), [("shell", True), ("cards", False), ("numbers", False), ("about", False), ("cards-of-links", False)]
)
def test_a_page_that_only_scripts_can_fill_is_known(name, needs):
    assert needs_javascript(page(name)) is needs


def test_a_rendered_application_needs_no_javascript():
    words = b"<div>" + b"The harbour has opened again after nine days of strike. " * 10 + b"</div>"
    assert not needs_javascript(page("shell").replace(b'<div id="root"></div>', b'<div id="root">' + words + b"</div>"))


def test_feeds_of_the_head_go_before_those_that_are_linked():
    html = b"""<html><head><base href="https://courier.example/a/">
    <link rel="alternate" type="application/rss+xml" title="Comments" href="/comments/feed/">
    <link rel="alternate" type="application/json" href="/wp-json/posts">
    <link rel="alternate" hreflang="fr" href="/fr/">
    <link rel="ALTERNATE home" type="application/atom+xml; charset=utf-8" title="News" href="atom.xml"></head>
    <body><a href="/rss/world.xml">World</a><a href="https://feeds.host.example/courier/rss">All</a>
    <a href="https://other.example/rss.xml">Partner</a><a href="atom.xml">Atom</a><a href="/news">News</a></body></html>"""
    assert [(one.url, one.why, one.title) for one in find_endpoints(html, BASE)] == [
        ("https://courier.example/a/atom.xml", "autodiscovery", "News"),
        ("https://courier.example/rss/world.xml", "anchor", "World"),
        ("https://feeds.host.example/courier/rss", "anchor", "All"),
    ]


def test_the_sites_name_goes_before_the_pages_title():
    assert page_title(page("cards")) == "The Harbour Courier"
    assert page_title(page("about")) == "About the harbour"
    assert page_title(b"") is None


def test_news_sitemaps_go_first():
    found = sitemap_candidates(["https://a.example/sitemap.xml", "https://a.example/news.xml"])
    assert [one.url for one in found] == ["https://a.example/news.xml", "https://a.example/sitemap.xml"]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/2026/11/02/port-opens",
        "https://a.example/news/world-europe-65432178",
        "https://a.example/politics/the-port-opens-after-nine-days",
        "https://a.example/news/1048213.html",
        "https://a.example/story.php?id=48213",
        "https://a.example/article/port-opens-9f86d081884c7d65",
    ],
)
def test_addresses_of_articles(url):
    assert url_score(url) >= 3


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/",
        "https://a.example/world",
        "https://a.example/tag/ports/",
        "https://a.example/authors/ann-author",
        "https://a.example/news?page=3",
        "https://a.example/a/b/picture-of-the-old-port.jpg",
        "https://a.example/login",
    ],
)
def test_addresses_of_other_pages(url):
    assert url_score(url) <= 1


@pytest.mark.parametrize(
    "piece",
    [
        b"<a href='/2026/11/02/%d-one-two-three-four/'>One two three four five six</a>",
        b"<div><a href='/%d'>",
        b"<time datetime='2026-11-02'>%d",
        b"<noscript %d",
        b"<div %d",
        b"<%d",
    ],
)
def test_a_hostile_page_costs_little(piece):
    hostile = b"<html><script></script><div id=root>" + b"".join(piece % n for n in range(60_000))
    start = time.process_time()
    looks_like_section(hostile, BASE)
    find_endpoints(hostile, BASE)
    needs_javascript(hostile)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("quote", ['"', "'", ""])
def test_a_tag_that_is_too_long_keeps_its_beginning_and_what_follows_it(quote):
    long = f"<div class='nav' data-state={quote}{'x' * 100_000}{quote}>"
    card = "<p><a href='/2026/11/02/bridge-opens-before-the-winter-begins/'>The bridge opens before the winter begins</a></p>"
    html = f"<html><body>{long}{card}</div><main>{card.replace('bridge', 'market', 1)}</main></body></html>".encode()
    assert [link.url for link in article_links(html, BASE)] == [f"{BASE}2026/11/02/market-opens-before-the-winter-begins/"]


def test_a_tag_that_is_too_long_is_cut_between_letters_in_any_encoding():
    long = f"<div data-state='x{'é' * 100_000}'>"
    card = "<p><a href='/2026/11/02/bridge-opens-before-the-winter-begins/'>The bridge opens before the winter begins</a></p>"
    html = f"<html><body>{long}{card}</div></body></html>".encode("utf-16")
    assert [link.title for link in article_links(html, BASE)] == ["The bridge opens before the winter begins"]


def test_a_long_script_that_compares_ends_where_it_ends():
    script = "<script>if (1 <b) {" + "state = 1;" * 20_000 + "}</script>"
    card = "<p><a href='/2026/11/02/bridge-opens-before-the-winter-begins/'>The bridge opens before the winter begins</a></p>"
    assert len(article_links(f"<html><body>{script}{card}</body></html>".encode(), BASE)) == 1


@given(st.binary(max_size=300), st.sampled_from([b"", b"<a href='/2026/11/02/a-b-c-d/'>", b"<html><body>", b"\xff\xfe"]))
def test_no_bytes_crash_it(data, start):
    for read in (article_links, find_endpoints, looks_like_section):
        read(start + data, BASE)
    page_title(start + data)
    needs_javascript(start + data)
