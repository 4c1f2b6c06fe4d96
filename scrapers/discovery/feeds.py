"""Feeds of every kind (RSS, Atom, CDF, JSON Feed) from bytes to a document and its links.

It owns what a feed says and the caps that hold for it; it must not fetch, nor know what was seen before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from copytaster.errors import Rejected
from copytaster.news import Link, LinkId, Printed
from copytaster.urls import canonical, resolve, url_id

MAX_BYTES = 5_000_000
MAX_ITEMS = 500
INLINE_BYTES = 200_000  # beyond it a feed is parsed in a child that can be killed
MAX_UNCLOSED = 4_000
FeedKind = Literal["rss", "atom", "json", "cdf", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedItem:
    """One entry as the feed gives it: ``url`` absolute where it could be made so, ``text`` and ``title`` plain."""

    id: str | None = None
    url: str | None = None
    title: str | None = None
    published: Printed | None = None
    updated: Printed | None = None
    authors: Sequence[str] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedDocument:
    """A whole feed. ``every_seconds`` is the rhythm that it claims; ``total`` counts the items before the cap."""

    kind: FeedKind
    id: str | None = None
    title: str | None = None
    url: str | None = None  # the site's page that the feed stands for
    text: str | None = None  # what it says of itself
    published: Printed | None = None
    updated: Printed | None = None
    hub: str | None = None
    topic: str | None = None
    next_url: str | None = None  # RFC 5005: the page of older items
    every_seconds: float | None = None
    items: Sequence[FeedItem] = ()
    total: int = 0


def parse_feed(data: bytes, url: str = "", content_type: str | None = None) -> FeedDocument:
    """A feed of at most 5 MB, its first 500 items (feeds print the newest first).

    It may take seconds on hostile bytes: in a crawler or a worker use ``parse_feed_boxed``.
    Raises ``Rejected`` with ``too_big`` or ``not_a_feed``.
    """
    if len(data) > MAX_BYTES:
        raise Rejected("too_big", f"The feed is larger than {MAX_BYTES // 1_000_000} MB, so it is not read.")
    if looks_like_json(data):
        from scrapers.discovery.feed_json import read_json

        return read_json(data, url)
    from scrapers.discovery.feed_xml import read_xml

    return read_xml(data, url, content_type)


def parse_feed_boxed(data: bytes, url: str = "", content_type: str | None = None, *, max_seconds: float = 10.0) -> FeedDocument:
    """``parse_feed`` where no feed can hold the process: large or odd ones go to a child with a time and memory limit.

    Raises as ``parse_feed``, and ``Rejected("too_slow")``.
    """
    if len(data) > MAX_BYTES or not needs_box(data):
        return parse_feed(data, url, content_type)
    from scrapers.discovery.boxed import parse_in_child

    return parse_in_child(data, url, content_type, max_seconds=max_seconds)


def looks_like_json(data: bytes) -> bool:
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def needs_box(data: bytes) -> bool:
    """Whether parsing may be slow: size, or tags that are opened and never closed.

    feedparser's cost grows with the square of the depth: 60,000 of ``<a>`` took 4.5 s, 4,000 took 0.2 s.
    """
    if len(data) > INLINE_BYTES:
        return True
    return data.count(b"<") - 2 * data.count(b"</") - data.count(b"/>") - data.count(b"<!") > MAX_UNCLOSED


def links_of(document: FeedDocument) -> list[Link]:
    """The articles of a feed, each address once; what is no http(s) address is left out.

    Identity is the address, never the guid: guids change with each build of some sites and repeat on others.
    """
    links: dict[LinkId, Link] = {}
    for item in document.items:
        if link := _link(item):
            links.setdefault(link.id, link)
    return list(links.values())


def _link(item: FeedItem) -> Link | None:
    try:
        if not item.url:
            return None
        url = resolve(item.url)
        return Link(
            id=LinkId(url_id(canonical(url))),
            url=url,
            title=item.title,
            published=item.published,
            updated=item.updated,
            guid=item.id,
            summary=item.text,
        )
    except Rejected:
        return None
