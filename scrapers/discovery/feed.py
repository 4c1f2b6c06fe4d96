"""What a feed says, whatever its format: the document and its items.

It owns these two shapes; it must not know how any format is parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from copytaster.news import Printed

MAX_ITEMS = 500  # of one document; feeds print the newest first
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
