"""News sites made out of a folder of recorded pages, for `bench pipeline`: each host of the corpus becomes one site.

It owns which page stands at which address and how feeds and sitemaps name it; it must not know what the pages hold.
"""

import datetime as dt
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree as ET

from copytaster.errors import Permanent
from desk.site import Resource, Site

FEED_TYPE = "application/rss+xml; charset=utf-8"
SITEMAP_TYPE = "application/xml; charset=utf-8"
SITEMAP_SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
TITLE_WITHIN = 300_000  # bytes; a title farther down is not worth decoding a page for


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusPage:
    """One recorded page and where it stands now; ``url`` is http and unlike that of every other page."""

    key: str
    url: str
    original_url: str  # as the truth has it; give this to the extractor when scoring
    title: str
    published_at: dt.datetime
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """The sites and what to add as sources: half of them are found by their feed, half by their sitemap."""

    pages: Sequence[CorpusPage]
    sites: Sequence[Site]

    @property
    def source_urls(self) -> list[str]:
        return [_source_url(site) for site in self.sites]


def load(folder: Path, *, now: dt.datetime) -> Corpus:
    """``folder`` has ``ground-truth.json`` and ``html/KEY.html.gz``; a page that the truth gives no date is an hour old.

    Pages are marked as paced, so that a server's ``pages_per_second`` holds them (and nothing else) to that speed.
    """
    return load_all([folder], now=now)


def load_all(folders: Sequence[Path], *, now: dt.datetime) -> Corpus:
    """Several such folders as one corpus."""
    taken: set[str] = set()
    pages = [page for folder in folders for page in _pages(folder, taken, now)]
    by_host: defaultdict[str, list[CorpusPage]] = defaultdict(list)
    for page in pages:
        by_host[urlsplit(page.url).netloc].append(page)
    sites = [_site(host, by_host[host], has_feed=number % 2 == 0) for number, host in enumerate(sorted(by_host))]
    return Corpus(pages=pages, sites=sites)


def _pages(folder: Path, taken: set[str], now: dt.datetime) -> list[CorpusPage]:
    truth_path = folder / "ground-truth.json"
    if not truth_path.is_file():
        raise Permanent(f"{folder} has no ground-truth.json; give a folder of recorded pages with their truth.")
    truth: Mapping[str, Mapping[str, Any]] = json.loads(truth_path.read_text(encoding="utf-8"))
    pages = []
    for key in sorted(truth):
        body = gzip.decompress((folder / "html" / f"{key}.html.gz").read_bytes())
        url = _own_address(truth[key]["url"], taken)
        pages.append(
            CorpusPage(
                key=key,
                url=url,
                original_url=truth[key]["url"],
                title=truth[key].get("title") or _title(body) or key,
                published_at=_instant(truth[key].get("date")) or now - dt.timedelta(hours=1),
                body=body,
            )
        )
    return pages


def _own_address(url: str, taken: set[str]) -> str:
    """Over http and without fragment. The second page of one URL moves to a host of its own: on the same host its
    ``rel=canonical`` would rightly make the two one article.
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    host = parts.netloc.lower()
    copy = 1
    while (address := urlunsplit(("http", host, path, parts.query, ""))) in taken:
        copy += 1
        host = f"{parts.netloc.lower()}.copy{copy}.example"
    taken.add(address)
    return address


def _title(body: bytes) -> str | None:
    found = TITLE.search(body, 0, TITLE_WITHIN)
    if not found:
        return None
    import lxml.html

    # the page's own parser finds its charset from <meta>, which the head up to here holds
    head = lxml.html.document_fromstring(body[: found.end()] + b">")
    return " ".join((head.findtext(".//title") or "").split()) or None


def _instant(printed: str | None) -> dt.datetime | None:
    if not printed:
        return None
    at = dt.datetime.fromisoformat(printed)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _site(host: str, pages: Sequence[CorpusPage], *, has_feed: bool) -> Site:
    pages = sorted(pages, key=lambda page: page.published_at, reverse=True)
    site = Site(host)
    if has_feed:
        site.put("/feed.xml", Resource(body=_feed(site, pages), content_type=FEED_TYPE))
        site.put("/robots.txt", _robots(""))
    else:
        site.put("/sitemap.xml", Resource(body=_sitemap(pages), content_type=SITEMAP_TYPE))
        site.put("/robots.txt", _robots(f"Sitemap: {site.url}sitemap.xml\n"))
    site.put("/", Resource(body=_front(site, pages, has_feed=has_feed)))
    for page in pages:
        path = page.url.removeprefix(f"http://{host}")
        site.put(path, Resource(body=page.body, content_type="text/html", paced=True))
    return site


def _source_url(site: Site) -> str:
    """The front page, from which all is found; where a recorded page stands there, what names the pages itself."""
    if not site.resources["/"].paced:
        return site.url
    return site.url + ("feed.xml" if "/feed.xml" in site.resources else "sitemap.xml")


def _robots(more: str) -> Resource:
    return Resource(body=f"User-agent: *\nDisallow:\n{more}".encode(), content_type="text/plain; charset=utf-8")


def _front(site: Site, pages: Sequence[CorpusPage], *, has_feed: bool) -> bytes:
    feed = f'<link rel="alternate" type="application/rss+xml" title="{site.host}" href="/feed.xml">' if has_feed else ""
    items = "\n".join(f'<li><a href="{escape(page.url)}">{escape(page.title)}</a></li>' for page in pages)
    head = f'<meta charset="utf-8"><title>{site.host}</title>{feed}'
    return f"<!doctype html><html><head>{head}</head><body><ul>{items}</ul></body></html>".encode()


def _feed(site: Site, pages: Iterable[CorpusPage]) -> bytes:
    rss = ET.Element("rss", version="2.0")
    channel = ET.SubElement(rss, "channel")
    _leaves(channel, {"title": site.host, "link": site.url, "description": f"News of {site.host}"})
    for page in pages:
        item = ET.SubElement(channel, "item")
        _leaves(item, {"title": page.title, "link": page.url, "pubDate": format_datetime(page.published_at)})
        ET.SubElement(item, "guid", isPermaLink="false").text = f"{site.host}:{page.key}"
    return _document(rss)


def _sitemap(pages: Iterable[CorpusPage]) -> bytes:
    urlset = ET.Element("urlset", xmlns=SITEMAP_SPACE)
    for page in pages:
        entry = ET.SubElement(urlset, "url")
        _leaves(entry, {"loc": page.url, "lastmod": page.published_at.isoformat(timespec="seconds")})
    return _document(urlset)


def _document(root: ET.Element) -> bytes:
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _leaves(parent: ET.Element, texts: Mapping[str, str]) -> None:
    for tag, text in texts.items():
        ET.SubElement(parent, tag).text = text
