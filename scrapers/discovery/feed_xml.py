"""RSS, Atom and CDF to a feed document, through feedparser. It owns that library's odd corners.

It must not be imported where start-up matters, nor fetch: only bytes go in.
"""

import io
import re
import warnings
from typing import Any

import feedparser

from copytaster.errors import Rejected
from copytaster.news import Printed
from scrapers.discovery.feed import MAX_ITEMS, FeedDocument, FeedItem, FeedKind
from scrapers.discovery.plain import one_line, printed_struct, squeeze, text_of

Row = dict[str, Any]
_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_FEED_NAMES = re.compile(rb"<(?:\w+:)?(?:rss|rdf|feed|channel|entry|item)\b", re.IGNORECASE)
# ``mail (name)``, ``name (mail)``, ``name <mail>``, ``mail``: feedparser cuts top-level domains of five letters.
_PERSON = re.compile(r"(?P<before>[^@<(]*?)\s*[<(]?\s*[^\s<(]+@[^\s)>]+[)>]?\s*(?:\((?P<after>[^()]+)\))?\Z")
_ITEM = re.compile(rb"<(?:item|entry)[\s>]")
_WRAPPED = re.compile(rb"<(rss|feed|rdf:RDF)[\s>]", re.IGNORECASE)
_CDF = re.compile(rb"<channel\b[^>]*\shref\s*=", re.IGNORECASE)  # feedparser knows its items, but seldom its name


def read_xml(data: bytes, url: str, content_type: str | None) -> FeedDocument:
    """Raises ``Rejected("not_a_feed")``."""
    data, total = _first_items(data)
    parsed = _parse(data, url, content_type)
    feed, entries = parsed.get("feed") or {}, parsed.get("entries") or []
    if not parsed.get("version") and not entries and not _looks_like_feed(data):
        raise Rejected("not_a_feed", "This is no feed; give the address of a feed, or of the site to find its feeds.")
    hub, topic, next_url = (_rel(feed, rel) for rel in ("hub", "self", "next"))
    return FeedDocument(
        kind=_kind(str(parsed.get("version") or ""), data),
        id=_plain(feed, "id"),
        title=_title(feed),
        url=_plain(feed, "link"),
        text=_words(feed, "subtitle") or _words(feed, "info") or _words(feed, "summary"),
        published=_date(feed, "published") or _date(feed, "created"),
        updated=_date(feed, "updated"),
        hub=hub,
        topic=topic,
        next_url=next_url,
        every_seconds=_rhythm(feed),
        items=tuple(_item(entry) for entry in entries[:MAX_ITEMS]),
        total=max(total, len(entries)),
    )


def _first_items(data: bytes) -> tuple[bytes, int]:
    """The feed closed after its first 500 items, and how many it has if more: feedparser takes 13 s for 70,000."""
    starts = [found.start() for found in _ITEM.finditer(data)]
    root = _WRAPPED.search(data[:8192])
    if len(starts) <= MAX_ITEMS or not root:
        return data, 0
    name = root[1].lower()
    closing = b"</channel></" + root[1] + b">" if name == b"rss" else b"</" + root[1] + b">"
    return data[: starts[MAX_ITEMS]] + closing, len(starts)


def _parse(data: bytes, url: str, content_type: str | None) -> Row:
    """Bytes go in as a stream, for feedparser opens bytes that name a file; broken feeds make it raise at times."""
    headers = {"content-type": _media_type(data, content_type), "content-location": url}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = feedparser.parse(io.BytesIO(data), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    except RecursionError:
        raise Rejected("not_a_feed", "The feed is nested too deeply to be read.") from None
    except Exception as error:
        raise Rejected("not_a_feed", f"The feed can't be read: {type(error).__name__}.") from error
    return dict(found)


def _media_type(data: bytes, content_type: str | None) -> str:
    """What feedparser shall believe: bytes that are valid UTF-8 beat a wrong header, and ``text/xml`` means XML.

    By RFC 3023 ``text/xml`` alone would be ASCII; RFC 7303 withdrew that, and servers send it for everything.
    """
    if not data.isascii() and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            data.decode()
        except UnicodeDecodeError:
            pass
        else:
            return "application/xml; charset=utf-8"
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type or "", re.IGNORECASE)
    return f"application/xml; charset={charset[1]}" if charset else "application/xml"


def _looks_like_feed(data: bytes) -> bool:
    return _FEED_NAMES.search(data[:4096].replace(b"\0", b"")) is not None


def _kind(version: str, data: bytes) -> FeedKind:
    if version.startswith("rss"):
        return "rss"
    if version.startswith("atom"):
        return "atom"
    return "cdf" if version == "cdf" or _CDF.search(data[:4096]) else "unknown"


def _item(entry: Row) -> FeedItem:
    return FeedItem(
        id=_plain(entry, "id"),
        url=_address(entry),
        title=_title(entry),
        published=_date(entry, "published") or _date(entry, "created"),
        updated=_date(entry, "updated"),
        authors=_authors(entry),
        text=_body(entry) or None,
    )


def _address(entry: Row) -> str | None:
    """FeedBurner's proxy is half dead, but its feeds still name the real address; a guid serves where no link is."""
    for name in ("feedburner_origlink", "pheedo_origlink", "link"):
        if url := _plain(entry, name):
            return url
    guid = _plain(entry, "id") or ""
    return guid if guid.startswith(("http://", "https://")) else None


def _body(entry: Row) -> str:
    """The fullest of what the entry carries: some feeds print a teaser as content and all of it as description."""
    contents = [part for part in dict.get(entry, "content") or [] if isinstance(part, dict)]
    texts = [_rendered(part.get("value"), part.get("type")) for part in contents if _is_textual(part.get("type"))]
    return max([*texts, _words(entry, "summary") or ""], key=len)


def _is_textual(kind: Any) -> bool:
    return not kind or str(kind).startswith("text/") or "html" in str(kind) or "xml" in str(kind)


def _title(row: Row) -> str | None:
    return one_line(_words(row, "title") or "") or None


def _words(row: Row, name: str) -> str | None:
    """A text construct as plain text, by the type that it was declared or guessed to be."""
    detail = dict.get(row, f"{name}_detail")
    kind = detail.get("type") if isinstance(detail, dict) else None
    return _rendered(dict.get(row, name), kind) or None


def _rendered(value: Any, kind: Any) -> str:
    if not isinstance(value, str):
        return ""
    return squeeze(value) if kind == "text/plain" else text_of(value)


def _plain(row: Row, name: str) -> str | None:
    value = dict.get(row, name)
    return value.strip() or None if isinstance(value, str) else None


def _date(row: Row, name: str) -> Printed | None:
    """``dict.get``, because feedparser's own ``get`` gives ``published`` for a missing ``updated`` and warns."""
    raw = _plain(row, name)
    return printed_struct(raw, dict.get(row, f"{name}_parsed")) if raw else None


def _authors(entry: Row) -> tuple[str, ...]:
    people = [person for person in dict.get(entry, "authors") or [] if isinstance(person, dict)]
    names = [one_line(str(person.get("name") or person.get("email") or "")) for person in people]
    raw = _plain(entry, "author") or ""
    if len(names) == 1 and len(raw) < 500 and (found := _PERSON.match(raw)):
        names = [one_line(found["before"] or found["after"] or raw)]
    return tuple(dict.fromkeys(name for name in names if name))


def _rel(feed: Row, rel: str) -> str | None:
    for link in dict.get(feed, "links") or []:
        if link.get("rel") == rel and link.get("href"):
            return str(link["href"])
    return None


def _rhythm(feed: Row) -> float | None:
    """``ttl`` in minutes, or the syndication module's so many times a period; in seconds."""
    try:
        if ttl := _plain(feed, "ttl"):
            return max(float(ttl), 0) * 60 or None
        period = _PERIODS[str(_plain(feed, "sy_updateperiod")).lower()]
        return period / max(float(_plain(feed, "sy_updatefrequency") or 1), 1)
    except (KeyError, ValueError):
        return None
