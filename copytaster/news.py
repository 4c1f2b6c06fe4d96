"""The nouns of news, frozen: Source, Endpoint, Link, Page, Article, Story and how an instant was printed.

It owns what they are and what their ids mean; it must not know how they are stored, fetched or searched.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NewType

SourceId = NewType("SourceId", str)
EndpointId = NewType("EndpointId", str)
LinkId = NewType("LinkId", str)
ArticleId = NewType("ArticleId", str)
StoryId = NewType("StoryId", str)

EndpointKind = Literal["feed", "sitemap", "section"]
SourceState = Literal["active", "paused", "internal"]
Precision = Literal["day", "second"]
# What is wrong with a source: nothing new comes; it keeps us off; it lives elsewhere; its domain is for sale; it answers with
# less than it did; what it sends can't be read; it does not answer.
TroubleKind = Literal["silent", "blocked", "moved", "parked", "degraded", "malformed", "unreachable"]


@dataclass(frozen=True, slots=True)
class Printed:
    """An instant as a page or feed printed it.

    ``at`` is aware UTC (midnight UTC for a day alone; UTC assumed where no zone was printed), ``offset_minutes``
    is the zone that was printed (``None``: none was), ``precision`` says whether a time of day was printed at all.
    """

    at: dt.datetime
    offset_minutes: int | None = None
    precision: Precision = "second"

    def isoformat(self) -> str:
        """ISO 8601 with the offset that was printed; a day alone is ``YYYY-MM-DD``; no offset is made up."""
        if self.precision == "day":
            return self.at.date().isoformat()
        if self.offset_minutes is None:
            return self.at.replace(tzinfo=None).isoformat(timespec="seconds")
        zone = dt.timezone(dt.timedelta(minutes=self.offset_minutes))
        return self.at.astimezone(zone).isoformat(timespec="seconds")

    @classmethod
    def of(cls, moment: dt.datetime) -> "Printed":
        """From a datetime; a naive one is taken as UTC with no zone printed."""
        if moment.tzinfo is None:
            return cls(moment.replace(tzinfo=dt.UTC), None)
        offset = moment.utcoffset() or dt.timedelta()
        return cls(moment.astimezone(dt.UTC), int(offset.total_seconds() // 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One site that is read. Its id is that of the URL it was added with."""

    id: SourceId
    url: str
    name: str
    host: str
    state: SourceState = "active"
    every_seconds: float | None = None  # fixed rhythm asked for by the operator; None: adaptive
    alert_since_seconds: float | None = None  # None: the first reading is a baseline; inf: alert for all of it
    proxy: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    user_agent: str | None = None
    added_at: dt.datetime
    baseline_at: dt.datetime | None = None  # when its first reading was complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One thing of a source that is read again and again for new links, with its own rhythm and validators."""

    id: EndpointId
    source_id: SourceId
    url: str
    kind: EndpointKind
    etag: str | None = None
    last_modified: str | None = None
    interval_seconds: float = 300.0
    due_at: dt.datetime
    read_at: dt.datetime | None = None  # last successful reading
    changed_at: dt.datetime | None = None  # last reading that brought something new
    failures: int = 0  # in a row
    last_error: str | None = None
    overflows: int = 0
    hub: str | None = None  # WebSub
    topic: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was seen where an endpoint gave trouble: bounded, and every text of it safe to print."""

    url: str  # that was asked
    final_url: str | None = None  # that answered, where it is another
    status: int | None = None  # None: nothing answered
    content_type: str | None = None
    title: str | None = None  # of the page
    head: str | None = None  # the first characters of what came


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An article's address as found, before anybody fetched it; ``id`` is that of the URL's normal form.

    This is what discovery gives: pure data from bytes. ``published`` and ``updated`` are what the feed or sitemap said.
    """

    id: LinkId
    url: str
    title: str | None = None
    published: Printed | None = None
    updated: Printed | None = None
    guid: str | None = None
    summary: str | None = None  # text, no markup; kept so that an item survives when its page fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a fetch brought: bytes and headers, nothing read into them yet."""

    link_id: LinkId
    url: str  # the final one, after redirects
    status: int
    content_type: str
    body: bytes
    fetched_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted:
    """What extraction read out of one page; it is not yet an article, for it has no place in the store."""

    title: str
    text: str  # paragraphs parted by "\n"
    authors: Sequence[str] = ()
    published: Printed | None = None
    modified: Printed | None = None
    language: str | None = None  # ISO 639-1 where there is one
    site_name: str | None = None
    topics: Sequence[str] = ()
    image: str | None = None
    canonical_url: str | None = None
    extractor: str = ""  # which reader made it, with its version


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A read article in its newest revision, as matcher, engines and notifiers see it."""

    id: ArticleId  # of the normal form of the final URL
    url: str
    source_id: SourceId
    source_name: str
    story_id: StoryId
    revision: int
    document_version: int
    first_seen_at: dt.datetime
    read_at: dt.datetime
    extracted: Extracted

    @property
    def title(self) -> str:
        return self.extracted.title

    @property
    def text(self) -> str:
        return self.extracted.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Near-duplicates, known by the first article of them that was read."""

    id: StoryId
    first_article_id: ArticleId
    started_at: dt.datetime
