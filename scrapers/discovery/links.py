"""Pages of sites: the feeds that they name, and which of their links are articles and which are navigation.

It owns what a link looks like; it must not fetch, nor read an article's text.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from lxml import etree

from copytaster.charset import decode
from copytaster.errors import Rejected
from copytaster.news import EndpointKind, Link, LinkId, Printed
from copytaster.urls import canonical, host_of, same_site, url_id
from scrapers.discovery.plain import one_line, printed_w3c
from scrapers.discovery.shapes import is_empty_shell, url_score
from scrapers.resolving import http_only

MAX_BYTES = 3_000_000  # five times the front pages of large papers; three times as much would take 370 MB of the crawler
MAX_TAG = 12_288  # characters
CLOSED = "'\""  # ends a value in either quotes; outside of one it is a name that the parser skips
MAX_LINKS = 500
MAX_ANCHORS = 5_000
ENOUGH = 4  # points that make a link an article: a slug of four words and a headline, or a date and a headline
SECTION_LINKS = 5
_FEED_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml", "text/xml"}
)
_FEED_URL = re.compile(
    r"(?:/(?:rss|feed|feeds|atom)(?:[/.?]|\Z)|\.(?:rss|rdf|atom)\Z|[?&](?:feed|format)=(?:rss|atom))", re.IGNORECASE
)
_COMMENTS = re.compile(r"comments?\b", re.IGNORECASE)
_AROUND = frozenset({"nav", "footer", "aside", "menu", "dialog", "form"})
_AROUND_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|submenu|footer|sidebar|breadcrumbs?|social|share|sharing|cookie|pagination|"
    r"pager|tags?|tagcloud|related-tags|newsletter|subscribe|login|advert|ads?|sponsored|skip)(?:$|[\s_-])",
    re.IGNORECASE,
)
_NEAR = 60  # nodes of a container that may still be one card
_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")

Why = Literal["given", "autodiscovery", "anchor", "robots", "guess"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint that a site may have, and how it was found; ``items`` once it was looked at."""

    url: str
    kind: EndpointKind
    why: Why
    title: str | None = None
    items: int = 0
    is_news: bool = False  # a sitemap of the newest articles only


@dataclass(frozen=True, slots=True)
class _Anchor:
    link: Link
    score: int
    place: str  # the containers that it stands in, to find repeated ones


def find_endpoints(html: bytes, url: str, content_type: str | None = None) -> list[Candidate]:
    """Feeds that a page names, those in its head before those that it merely links; comment feeds left out."""
    tree = _tree(html, content_type)
    if tree is None:
        return []
    base = _base(tree, url)
    found: dict[str, Candidate] = {}
    for candidate in [*_alternates(tree, base), *_feed_anchors(tree, base, url)]:
        found.setdefault(candidate.url, candidate)
    return list(found.values())


def article_links(html: bytes, url: str, content_type: str | None = None) -> list[Link]:
    """The articles that a section page lists, in its order: same site, an article's address, a headline's text."""
    tree = _tree(html, content_type)
    if tree is None:
        return []
    best: dict[LinkId, _Anchor] = {}
    for anchor in islice(_anchors(tree, _base(tree, url), url), MAX_ANCHORS):
        known = best.get(anchor.link.id)
        best[anchor.link.id] = _merged(known, anchor) if known else anchor
    places = Counter(anchor.place for anchor in best.values() if anchor.score >= ENOUGH - 1)
    chosen = [one.link for one in best.values() if one.score + (places[one.place] >= 3) >= ENOUGH]
    return chosen[:MAX_LINKS]


def looks_like_section(html: bytes, url: str, content_type: str | None = None) -> bool:
    """Whether a page lists articles, rather than being one."""
    is_article = re.search(rb"<meta[^>]+og:type[^>]+content=[\"']?article", html[:200_000], re.IGNORECASE)
    return not is_article and len(article_links(html, url, content_type)) >= SECTION_LINKS


def page_title(html: bytes, content_type: str | None = None) -> str | None:
    """The site's name as its page gives it, else the page's title."""
    tree = _tree(html, content_type)
    if tree is None:
        return None
    name = tree.xpath("string(//meta[@property='og:site_name']/@content)") or tree.findtext(".//title")
    return one_line(str(name or "")) or None


def _tree(html: bytes, content_type: str | None) -> etree._Element | None:
    text, _ = decode(html[:MAX_BYTES], content_type)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        return etree.fromstring(_with_short_tags(text).encode("utf-8", "replace"), parser=parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _with_short_tags(html: str) -> str:
    """The parser compares each attribute of a tag with all before it: 300,000 of them held it for minutes."""
    pieces = html.split(">")
    return ">".join(map(_shortened, pieces)) if max(map(len, pieces)) > MAX_TAG else html


def _shortened(piece: str) -> str:
    """What stands before a ``>``, its first tag cut and closed if it is too long; the last one may end a script, and stays."""
    first, last = piece.find("<"), piece.rfind("<")
    if first == -1 or len(piece) - first <= MAX_TAG:
        return piece
    cut = piece[: first + MAX_TAG] + CLOSED
    return cut if last == first else cut + ">" + (piece[last:] if len(piece) - last <= MAX_TAG else "<wbr")


def _base(tree: etree._Element, url: str) -> str:
    node = tree.find(".//base[@href]")
    return (http_only(str(node.get("href")), url) if node is not None else None) or url


def _alternates(tree: etree._Element, base: str) -> Iterator[Candidate]:
    for node in tree.iter("link"):
        kind = (node.get("type") or "").partition(";")[0].strip().lower()
        place = http_only(node.get("href") or "", base)
        if not place or "alternate" not in (node.get("rel") or "").lower().split():
            continue
        is_json = kind == "application/json" and "feed" in place and "wp-json" not in place
        title = one_line(node.get("title") or "") or None
        if (kind in _FEED_TYPES or is_json) and not _COMMENTS.search(f"{title} {place}"):
            yield Candidate(place, "feed", "autodiscovery", title)


def _feed_anchors(tree: etree._Element, base: str, url: str) -> Iterator[Candidate]:
    for node in tree.iter("a"):
        href = node.get("href") or ""
        if not _FEED_URL.search(href) or _COMMENTS.search(href):
            continue
        place = http_only(href, base)
        if place and (same_site(place, url) or "feed" in host_of(place)):
            yield Candidate(place, "feed", "anchor", _words_of(node) or None)


def _anchors(tree: etree._Element, base: str, url: str) -> Iterator[_Anchor]:
    """Walks the tree once; a subtree that is navigation is left at its door."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if not isinstance(node.tag, str) or _is_around(node):
            continue
        if node.tag == "a" and (anchor := _anchor(node, base, url)):
            yield anchor
        stack.extend(reversed(node))


def _is_around(node: etree._Element) -> bool:
    if node.tag in _AROUND:
        return True
    if node.tag in ("body", "html", "main", "article", "a"):
        return False
    names = f"{node.get('class') or ''} {node.get('id') or ''}"
    return node.get("role") in ("navigation", "contentinfo", "search") or bool(_AROUND_NAMES.search(names))


def _anchor(node: etree._Element, base: str, url: str) -> _Anchor | None:
    place = http_only(node.get("href") or "", base)
    if not place or not same_site(place, url):
        return None
    try:
        normal = canonical(place)
        itself = canonical(url)
    except Rejected:
        return None
    if normal == itself:
        return None
    title = _words_of(node) or one_line(node.get("title") or node.get("aria-label") or "")
    shape = url_score(normal)
    score = shape + _title_score(title) + 2 * _is_headline(node) - (shape < 2)  # "More in Sports" is a headline too
    link = Link(id=LinkId(url_id(normal)), url=place, title=title or None, published=_time_beside(node))
    return _Anchor(link, score, _place(node))


def _merged(known: _Anchor, other: _Anchor) -> _Anchor:
    """A picture and a headline that lead to one article: the best of both."""
    first, second = known.link, other.link
    title = max(first.title or "", second.title or "", key=len) or None
    link = replace(first, title=title, published=first.published or second.published)
    return _Anchor(link, max(known.score, other.score), max(known, other, key=lambda one: one.score).place)


def _words_of(node: etree._Element) -> str:
    """The heading inside an anchor that wraps a whole card, else all its text."""
    for heading in node.iter(*_HEADINGS):
        if words := one_line("".join(heading.itertext())):
            return words[:300]
    return one_line("".join(node.itertext(with_tail=False)))[:300]


def _title_score(title: str) -> int:
    """Headlines are sentences; menus are words. A wide letter (Chinese, Thai …) says as much as three others."""
    length = len(title) + 2 * len(_WIDE.findall(title))
    words = len(title.split())
    if length >= 25 and (words >= 4 or length > 3 * len(title) - 1):
        return 2
    return 1 if length >= 18 else -1 if length < 8 else 0


def _is_headline(node: etree._Element) -> bool:
    above: etree._Element | None = node
    for _ in range(3):
        above = above.getparent() if above is not None else None
        if above is not None and above.tag in _HEADINGS:
            return True
    return next(node.iter(*_HEADINGS), None) is not None


def _time_beside(node: etree._Element) -> Printed | None:
    """The date of the smallest container that has just one."""
    above: etree._Element | None = node
    for _ in range(4):
        above = above.getparent() if above is not None else None
        if above is None or above.tag in ("body", "main", "html"):
            return None
        near = islice(above.iter(), _NEAR)  # a flat page of 300,000 links would be walked for each of them
        times = [one for one in near if one.tag == "time" and one.get("datetime")]
        if times:
            return printed_w3c(str(times[0].get("datetime"))) if len(times) == 1 else None
    return None


def _place(node: etree._Element) -> str:
    names: list[str] = []
    above = node.getparent()
    while above is not None and len(names) < 4:
        names.append(str(above.tag) + "." + (above.get("class") or "").partition(" ")[0])
        above = above.getparent()
    return "<".join(names)


def needs_javascript(html: bytes) -> bool:
    """Whether a page is an empty shell with an application's root and scripts. Cheap: it runs for each page."""
    return is_empty_shell(html)


def sitemap_candidates(urls: Sequence[str]) -> list[Candidate]:
    """Those that a robots.txt names, the news ones first."""
    found = [Candidate(url, "sitemap", "robots", is_news="news" in url.lower()) for url in dict.fromkeys(urls)]
    return sorted(found, key=lambda one: not one.is_news)
