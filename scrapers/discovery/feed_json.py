"""JSON Feed 1.0 and 1.1 to a feed document. It owns that format's names; it must not know other kinds."""

import json
from collections.abc import Mapping
from typing import Any

from copytaster.errors import Rejected
from scrapers.discovery.feed import MAX_ITEMS, FeedDocument, FeedItem
from scrapers.discovery.plain import one_line, printed_w3c, squeeze, text_of
from scrapers.resolving import absolute


def read_json(data: bytes, url: str) -> FeedDocument:
    """Raises ``Rejected("not_a_feed")`` for JSON of another kind."""
    feed = _load(data)
    items = feed.get("items")
    if not isinstance(items, list) or not ("jsonfeed.org" in _text(feed, "version") or "title" in feed):
        raise Rejected("not_a_feed", "This is JSON but no JSON Feed; give the address of a feed or of a page.")
    rows = [item for item in items if isinstance(item, dict)]
    hubs = [hub for hub in _list(feed, "hubs") if _text(hub, "type").lower() == "websub"]
    return FeedDocument(
        kind="json",
        title=one_line(_text(feed, "title")) or None,
        url=absolute(_text(feed, "home_page_url"), url),
        text=squeeze(_text(feed, "description")) or None,
        hub=absolute(_text(hubs[0], "url"), url) if hubs else None,
        topic=absolute(_text(feed, "feed_url"), url),
        next_url=absolute(_text(feed, "next_url"), url),
        items=tuple(_item(row, url) for row in rows[:MAX_ITEMS]),
        total=len(rows),
    )


def _load(data: bytes) -> Mapping[str, Any]:
    try:
        feed = json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        raise Rejected("not_a_feed", "This begins like JSON but is not; give the address of a feed.") from None
    if not isinstance(feed, dict):
        raise Rejected("not_a_feed", "This is JSON but no JSON Feed; give the address of a feed or of a page.")
    return feed


def _item(row: Mapping[str, Any], base: str) -> FeedItem:
    identity = _text(row, "id") or None
    guid_is_url = bool(identity) and str(identity).startswith(("http://", "https://"))
    text = squeeze(_text(row, "content_text")) or text_of(_text(row, "content_html")) or squeeze(_text(row, "summary"))
    people = _list(row, "authors") or _list({"author": [row.get("author")]}, "author")  # 1.1, then 1.0
    return FeedItem(
        id=identity,
        url=absolute(_text(row, "url") or (identity or "" if guid_is_url else ""), base),
        title=one_line(_text(row, "title")) or None,
        published=printed_w3c(_text(row, "date_published")),
        updated=printed_w3c(_text(row, "date_modified")),
        authors=tuple(name for person in people if (name := one_line(_text(person, "name")))),
        text=text or None,
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    """A string, or a number as one (the format allows it for ids); anything else is as good as absent."""
    value = row.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _list(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = row.get(name)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
