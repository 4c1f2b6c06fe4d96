"""Feeds of every kind (RSS, Atom, CDF, JSON Feed) from bytes to a document and its links.

It owns what a feed says and the caps that hold for it; it must not fetch, nor know what was seen before.
"""

from copytaster.errors import Rejected
from copytaster.news import Link, LinkId
from copytaster.urls import canonical, resolve, url_id
from scrapers.discovery.feed import FeedDocument, FeedItem

MAX_BYTES = 5_000_000
INLINE_BYTES = 200_000  # beyond it a feed is parsed in a child that can be killed
MAX_UNCLOSED = 4_000


def parse_feed(data: bytes, url: str = "", content_type: str | None = None) -> FeedDocument:
    """A feed of at most 5 MB, its first 500 items (feeds print the newest first).

    It may take seconds on hostile bytes: in a crawler or a worker use ``boxed.parse_feed_boxed``.
    Raises ``Rejected`` with ``too_big`` or ``not_a_feed``.
    """
    if len(data) > MAX_BYTES:
        raise Rejected("too_big", f"The feed is larger than {MAX_BYTES // 1_000_000} MB, so it is not read.")
    if looks_like_json(data):
        from scrapers.discovery.feed_json import read_json

        return read_json(data, url)
    from scrapers.discovery.feed_xml import read_xml

    return read_xml(data, url, content_type)


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
