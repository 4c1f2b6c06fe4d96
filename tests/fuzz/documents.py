"""Targets that read what sites send: feeds, sitemaps, robots.txt, pages, encodings and addresses."""

import contextlib
import dataclasses
import datetime as dt
import json

from copytaster.charset import decode, sniff
from copytaster.errors import CopytasterError, Rejected
from copytaster.outbound import Fetched
from copytaster.urls import canonical, host_of, normalize, resolve, same_site, url_id, whatwg_host
from desk import opml
from scrapers.discovery import boxed, find, links, websub
from scrapers.discovery.feeds import links_of, parse_feed
from scrapers.discovery.sitemaps import parse_sitemap
from scrapers.robots import Robots, decide, product_token
from scrapers.verdicts import Answer, judge, retry_after_seconds
from tests.fuzz.targets import CORPORA, check_storable, files_below, lines_of, naughty, target, text_of
from workers.extraction.boxed import is_suspicious
from workers.extraction.read import extract

HERE = "https://news.example.org/section/page.html"
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
TAGS = (
    b"<rss version='2.0'><channel>", b"<item>", b"</item>", b"<title>", b"</title>", b"<link>", b"<guid>", b"<pubDate>",
    b"<feed xmlns='http://www.w3.org/2005/Atom'>", b"<entry>", b"<updated>", b"<![CDATA[", b"]]>", b"<!DOCTYPE x [<!ENTITY a 'b'>",
    b"&a;", b"<?xml version='1.0' encoding='", b"utf-16", b"?>", b"&#0;", b"&#xd800;", b"\0", b"\xed\xa0\x80", b"2024-01-01T99:99",
    b"<content type='xhtml'><div>", b"http://[", b"xml:base='//'", b"<author><name>", b"99999999999999", b"\xff\xfe", b"\xef\xbb\xbf",
)  # fmt: skip
MAPS = (
    b"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>", b"<sitemapindex>", b"<sitemap>", b"<url>", b"<loc>", b"</loc>",
    b"http://a.example/", b"<lastmod>", b"2024-02-31", b"</url>", b"<news:publication_date>", b"\x1f\x8b\x08\0", b"\n", b"http://[",
)  # fmt: skip
RULES = (
    b"User-agent:", b"Disallow:", b"Allow:", b"Sitemap:", b"Crawl-delay:", b"*", b"$", b"/", b"%", b"\n", b"\r", b"#", b"nan", b"1e999",
    b"/index.htm", b"\xef\xbb", b"\0", b"\xff",
)  # fmt: skip
HTML = (
    b"<html lang=", b"<head>", b"<title>", b"<meta property='og:title' content='", b"<meta charset=", b"utf-7", b"<body>", b"<p>",
    b"<article>", b"<h1>", b"<a href='", b"'>", b"<time datetime='", b"2024-13-45T25:61:61+99:99", b"<script type='application/ld+json'>",
    b'{"@type":"NewsArticle","headline":', b'"datePublished":"', b'"author":[', b'{"@id":', b"null", b"1e400", b"-9" * 200, b"</script>",
    b"<link rel=canonical href='", b"http://[::1", b"<base href='", b"<svg>", b"<table>", b"<iframe srcdoc='", b"<!--", b"-->", b"&#0;",
    b"&#xD800;", b"&zwnj;", b"\xe2\x80\x8c", b"<template>", b"<plaintext>", b"\0", b"\xed\xa0\x80", b"x-user-defined", b"<ul><li>",
    b"The council met on Tuesday evening and agreed to mend the bridge over the river before the next winter. ",
)  # fmt: skip
URLS = (
    b"http:", b"//", b"[", b"]", b"::1", b"@", b"%00", b"%zz", b"xn--", b"..", b"/./", b";sid=", b"?utm_source=a", b"&", b"#", b"\\",
    b"\t", b"\xe2\x91\xa0", b":99999", b"javascript:", b"0x7f.1", b"\xed\xa0\x80", b"www.", b".co.uk",
)  # fmt: skip
OUTLINES = (
    b"<opml version='2.0'><body>", b"<outline ", b"xmlUrl='", b"htmlUrl='", b"title='", b"'/>", b"&#0;", b"<!ENTITY x SYSTEM 'file:///'>",
)  # fmt: skip


def dump(value: object) -> object:
    return json.loads(json.dumps(dataclasses.asdict(value), default=str))  # type: ignore[call-overload]


@target("feed", seeds=files_below("feeds", largest=20_000), tokens=TAGS)
def feed(data: bytes) -> None:
    document = parse_feed(data, HERE, "text/xml; charset=" + data[:8].decode("latin-1"))
    assert dump(boxed.load(json.loads(json.dumps(boxed.dump(document))))) == dump(document)
    for link in links_of(document):
        check_storable(dump(link))
    websub.offer_of(document, text_of(data[:2_000]), HERE)


@target("sitemap", tokens=(*MAPS, *TAGS[-3:]))
def sitemap(data: bytes) -> None:
    read = parse_sitemap(data, HERE)
    for link in read.links:
        check_storable(dump(link))
    for child in read.children:
        check_storable(child.url)


@target("robots", seeds=lines_of("robots/vectors.jsonl", "robots"), tokens=RULES)
def robots(data: bytes) -> None:
    for agent in ("copytaster", "", product_token(text_of(data).encode("utf-8", "replace").decode()[:60])):
        rules = Robots.parse(data, agent, HERE)
        assert rules.allowed("http://news.example.org/a/b?c=d") in (True, False)
        rules.allowed(text_of(data)[:3_000])
        delay = rules.delay_seconds
        assert delay is None or 0 < delay < float("inf")
    assert decide(None) == "disallow_all"


@target("page", seeds=files_below("articles/html", "articles-world/html", most=60, largest=40_000), tokens=HTML)
def page(data: bytes) -> None:
    """A page read as an article is."""
    is_suspicious(data)
    extracted = extract(data, HERE, None)
    assert extracted.text.strip()
    check_storable(dump(extracted))
    if extracted.canonical_url:
        with contextlib.suppress(Rejected):
            normalize(extracted.canonical_url)


@target("section", seeds=files_below("articles/html", "articles-world/html", most=40, largest=40_000), tokens=HTML)
def section(data: bytes) -> None:
    """A page read for its links."""
    for link in links.article_links(data, HERE):
        check_storable(dump(link))
    for candidate in links.find_endpoints(data, HERE):
        check_storable(dump(candidate))
    links.looks_like_section(data, HERE)
    check_storable(links.page_title(data))
    links.needs_javascript(data)
    find.classify(data, HERE, "text/html")


@target("site", seeds=files_below("articles/html", most=10, largest=30_000), tokens=(*HTML, *TAGS, *MAPS, *RULES))
def site(data: bytes) -> None:
    """A whole site whose every address answers the same bytes, whatever they are."""

    def fetch(url: str) -> Fetched:
        return Fetched(url, 200, {"content-type": "text/html"}, data)

    found = find.discover("https://news.example.org/", fetch)
    check_storable(dump(found))


@target("verdict", seeds=naughty, tokens=HTML)
def verdict(data: bytes) -> None:
    """What a server says beside its page: status, type, Retry-After, where it led."""
    head = data[:200].decode("latin-1")
    seconds = retry_after_seconds(head, NOW)
    assert seconds is None or 0 <= seconds <= 86_400
    for status in (200, 203, 204, 301, 304, 399, 403, 418, 429, 503, 999):
        judge(Answer(asked=HERE, url=HERE + "?x", status=status, content_type=head, body=data, retry_after=seconds))


def _encodings() -> list[bytes]:
    folder = CORPORA / "encoding"
    return [part for path in folder.glob("*.dat") for part in path.read_bytes().split(b"#data\n")] if folder.is_dir() else []


@target(
    "charset",
    seeds=_encodings,
    tokens=(*HTML[3:8], b"<?xml encoding='", b"http-equiv=content-type", b"content='text/html; charset="),
)
def charset(data: bytes) -> None:
    text, name = decode(data, data[:60].decode("latin-1"))
    assert sniff(data) == decode(data)[1]
    text.encode("utf-8", "surrogatepass")
    name.encode("ascii")


def _addresses() -> list[bytes]:
    path = CORPORA / "urls" / "urltestdata.json"
    rows = json.loads(path.read_text("utf-8")) if path.exists() else []
    return [row["input"].encode("utf-8", "surrogatepass") for row in rows if isinstance(row, dict)]


@target("url", seeds=_addresses, tokens=URLS)
def url(data: bytes) -> None:
    text = text_of(data)
    href = resolve(text, HERE)
    check_storable(href)
    whatwg_host(href)
    same_site(href, HERE)
    host_of(href)
    normal = canonical(href)
    assert normalize(normal) == normal, "the normal form is not stable"
    assert len(url_id(normal)) == 32


@target("opml", tokens=(*OUTLINES, *TAGS))
def lists_of_feeds(data: bytes) -> None:
    for entry in opml.read(data):
        with contextlib.suppress(CopytasterError):
            normalize(entry.url)
    opml.write([opml.Listed(entry.url, entry.name or "", [entry.url]) for entry in opml.read(data)])
