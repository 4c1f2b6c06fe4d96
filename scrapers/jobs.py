"""The values that pass between spider and frontier: what to fetch, and what became of it, all frozen.

It must not know Scrapy or SQL; a result says which host's lease it was fetched under.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from copytaster.news import Evidence, Link, Page, Source, TroubleKind
from copytaster.store.hosts import HostLease


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One claimed endpoint or link, with its row as it was claimed."""

    kind: Literal["endpoint", "link"]
    id: str
    url: str
    host: str
    source: Source
    row: Any
    attempts: int = 0  # this one included


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one tick gave the spider."""

    leases: Sequence[HostLease] = ()
    jobs: Sequence[Job] = ()
    lost: frozenset[str] = frozenset()  # hosts that are no longer ours: given back, or held by another crawler
    renewed: bool = False  # whether the leases of all the others begin anew
    more: bool = True  # whether anything is left that this run should wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class PageKept:
    job: Job
    page: Page
    packed: bytes | None = None  # the body as it came, gzip, where it did


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRetry:
    job: Job
    reason: str
    detail: str
    seconds: float
    asked: float | None = None  # Retry-After, where there was one


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRefused:
    job: Job
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A successful reading of an endpoint; ``unchanged`` for a 304."""

    job: Job
    links: Sequence[Link] = ()
    unchanged: bool = False
    total: int = 0  # items before the cap
    etag: str | None = None
    last_modified: str | None = None
    moved_to: str | None = None
    hub: str | None = None
    topic: str | None = None
    every_seconds: float | None = None  # the rhythm that the feed claims
    retry_after: float | None = None
    cut: bool = False  # it holds more than was read of it
    trouble: TroubleKind | None = None  # where nothing is in it: what that means, if there was something before
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFailed:
    job: Job
    reason: str
    detail: str
    retry_after: float | None = None
    trouble: TroubleKind | None = None
    evidence: Evidence | None = None
    feeds: Sequence[str] = ()  # that the site's front page names instead


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsRead:
    host: str
    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenBack:
    """Claimed and never asked for, or led to a host that another crawler holds: then it is ``host``'s work from now on."""

    job: Job
    host: str | None = None


Outcome = PageKept | LinkRetry | LinkRefused | Reading | ReadingFailed | GivenBack
Result = Outcome | RobotsRead
