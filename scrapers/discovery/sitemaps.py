"""Sitemaps (index, URL set, news, plain text, packed or not) from bytes to links and further sitemaps.

It owns the formats and the caps; it must not fetch the children that an index names.
"""

import contextlib
import io
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from lxml import etree

from copytaster.errors import Rejected
from copytaster.news import Link, LinkId, Printed
from copytaster.urls import canonical, url_id
from scrapers.discovery.boxed import parse_feed_boxed
from scrapers.discovery.feeds import links_of
from scrapers.discovery.plain import one_line, printed_w3c
from scrapers.resolving import http_only

MAX_URLS = 50_000
MAX_BYTES = 50_000_000  # unpacked, as the protocol has it
MAX_DEPTH = 3  # of indexes in indexes
_MAX_RATIO = 200  # 50,000 addresses of one pattern pack 43 to 1, bombs 1,000 to 1
_FREE_BYTES = 10_000_000  # below this any ratio is harmless
_MAX_NODES = 20_000  # in one entry: a thousand images have five thousand
_MAX_ENTRY = 1_000_000  # bytes of one entry: a tag with a million attributes would be 600 MB
_MAX_LINE = 20_000
_CPU_SECONDS = 3.0  # 50,000 entries of the usual kind take two; what was read until then is kept
_CHUNK = 65_536
_HEAD_BYTES = 65_536  # comments before the root are common, longer ones are not
_FEED_ROOTS = frozenset({"rss", "feed", "rdf", "channel"})
_TEXT_URL = re.compile(r"https?://\S+\Z")

SitemapKind = Literal["index", "urlset", "text", "feed"]


@dataclass(frozen=True, slots=True)
class SitemapChild:
    """A sitemap that an index names, and when it last changed."""

    url: str
    updated: Printed | None = None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """One file: ``links`` of articles or ``children``, never both."""

    kind: SitemapKind
    links: Sequence[Link] = ()
    children: Sequence[SitemapChild] = ()
    is_news: bool = False  # it carries Google's news tags, so it holds the newest articles only
    truncated: bool = False


def parse_sitemap(data: bytes, url: str) -> Sitemap:
    """At most 50,000 links or children, each once, absolute; ``truncated`` where that or its share of CPU left some out.

    Raises ``Rejected`` with ``too_big`` (a bomb, or beyond 50 MB) or ``not_a_sitemap``.
    """
    data = unpack(data)
    head = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head.startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return _text(data, url)
    root = _root(data)
    if root in _FEED_ROOTS:
        return Sitemap("feed", links_of(parse_feed_boxed(data, url)))
    if root not in ("urlset", "sitemapindex"):
        raise Rejected("not_a_sitemap", "This is no sitemap; its address may now lead to a page.")
    return _index(data, url) if root == "sitemapindex" else _urlset(data, url)


def unpack(data: bytes, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Takes gzip off as often as it was done (servers pack the packed), within bounds.

    Raises ``Rejected`` with ``too_big`` or ``not_a_sitemap``.
    """
    for _ in range(3):
        if not data.startswith(b"\x1f\x8b"):
            break
        data = _inflate(data, min(max_bytes, max(_FREE_BYTES, len(data) * _MAX_RATIO)))
    if len(data) > max_bytes:
        raise _too_big(max_bytes)
    return data


def _inflate(packed: bytes, limit: int) -> bytes:
    machine = zlib.decompressobj(47)
    try:
        data = machine.decompress(packed, limit + 1)
    except zlib.error:
        raise Rejected("not_a_sitemap", "The sitemap says that it is gzip, but can't be unpacked.") from None
    if len(data) > limit:
        raise _too_big(limit)
    return data


def _too_big(limit: int) -> Rejected:
    return Rejected("too_big", f"The sitemap unpacks to more than {limit // 1_000_000} MB, so it is not read.")


def _root(data: bytes) -> str:
    entries = _Entries("")
    for _ in _rows(data[:_HEAD_BYTES], entries):
        pass
    return entries.root


def _rows(data: bytes, entries: "_Entries") -> Iterator[dict[str, str]]:
    """Each entry as {local name: text}. No entities, no DTD, no network; what is ill-formed ends it where it breaks for good."""
    parser = etree.XMLParser(  # type: ignore[call-overload]  # the stubs know no target without all its methods
        target=entries, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=True
    )
    begun = 0  # bytes before the chunk in which the last entry ended
    for start in range(0, len(data), _CHUNK):
        try:
            parser.feed(data[start : start + _CHUNK])
        except etree.XMLSyntaxError:
            break
        if found := entries.taken():
            begun = start
            yield from found
        if entries.held > _MAX_NODES or start - begun > _MAX_ENTRY:
            most = f"{_MAX_NODES} tags or {_MAX_ENTRY // 1_000_000} MB"
            raise Rejected("too_big", f"One entry of the sitemap holds over {most}, so it is not read.")
    with contextlib.suppress(etree.XMLSyntaxError):
        parser.close()
    yield from entries.taken()


class _Entries:
    """What the parser tells as it goes: no tree is made, which costs a third of the time, and memory stays flat."""

    def __init__(self, tag: str) -> None:
        self.root, self.held = "", 0
        self._tag = tag
        self._found: list[dict[str, str]] = []
        self._row: dict[str, str] | None = None
        self._name, self._text = "", ""

    def taken(self) -> list[dict[str, str]]:
        found, self._found = self._found, []
        return found

    def start(self, tag: str, _: Mapping[str, str]) -> None:
        self.held += 1
        if self._text:
            self._keep()
        name = _name(tag)
        self.root = self.root or name
        self._name = name
        if name == self._tag:
            self._end_row()  # one that was never closed
            self._row = {}

    def data(self, text: str) -> None:
        if self._name:
            self._text += text

    def end(self, tag: str) -> None:
        if self._text:
            self._keep()
        self._name = ""
        if _name(tag) == self._tag:
            self._end_row()

    def close(self) -> None:
        self._end_row()

    def _keep(self) -> None:
        if self._row is not None and (text := self._text.strip()):
            self._row.setdefault(self._name, text)
        self._text = ""

    def _end_row(self) -> None:
        if self._row is not None:
            self._found.append(self._row)
            self._row, self.held = None, 0


@lru_cache(maxsize=1_000)
def _name(tag: str) -> str:
    """The local name; none for image and video tags, which have their own <loc> and <title>."""
    space, _, name = tag.rpartition("}")
    return "" if "image" in space or "video" in space or "xhtml" in space else name.lower()


def _index(data: bytes, url: str) -> Sitemap:
    children: dict[str, SitemapChild] = {}
    until, truncated = time.thread_time() + _CPU_SECONDS, False
    for number, row in enumerate(_rows(data, _Entries("sitemap")), 1):
        if place := http_only(row.get("loc", ""), url):
            children.setdefault(place, SitemapChild(place, printed_w3c(row.get("lastmod", ""))))
        if truncated := _is_enough(number, until):
            break
    return Sitemap("index", (), tuple(children.values()), truncated=truncated)


def _urlset(data: bytes, url: str) -> Sitemap:
    links: dict[LinkId, Link] = {}
    is_news = truncated = False
    until = time.thread_time() + _CPU_SECONDS
    for number, row in enumerate(_rows(data, _Entries("url")), 1):
        is_news = is_news or "publication_date" in row
        if link := _link(row, url):
            links.setdefault(link.id, link)
        if truncated := _is_enough(number, until):
            break
    return Sitemap("urlset", tuple(links.values()), is_news=is_news, truncated=truncated)


def _is_enough(entries: int, until: float) -> bool:
    """Whatever they hold: a million of one and the same take as long as a million. ``until`` is of this thread's CPU time."""
    return entries >= MAX_URLS or time.thread_time() > until


def _link(row: dict[str, str], base: str) -> Link | None:
    place = http_only(row.get("loc", ""), base)
    if not place:
        return None
    try:
        identity = LinkId(url_id(canonical(place)))
    except Rejected:
        return None
    return Link(
        id=identity,
        url=place,
        title=one_line(row.get("title", "")) or None,
        published=printed_w3c(row.get("publication_date", "")),
        updated=printed_w3c(row.get("lastmod", "")),
    )


def _text(data: bytes, url: str) -> Sitemap:
    """One address a line; a file with anything else in it is something else."""
    links: dict[LinkId, Link] = {}
    until, truncated = time.thread_time() + _CPU_SECONDS, False
    for number, line in enumerate(iter(partial(io.BytesIO(data).readline, _MAX_LINE), b""), 1):
        place = line.decode("utf-8-sig", "replace").strip()
        if place and not _TEXT_URL.match(place):
            raise Rejected("not_a_sitemap", f"Line {number} is no address, so this is no sitemap.")
        if place and (link := _link({"loc": place}, url)):
            links.setdefault(link.id, link)
        if truncated := _is_enough(number, until):
            break
    if not links:
        raise Rejected("not_a_sitemap", "The sitemap is empty.")
    return Sitemap("text", tuple(links.values()), truncated=truncated)
