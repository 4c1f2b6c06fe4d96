"""What people see in Kibana beside the articles: alerts, refusals and sources as documents, and the names of their indices.

It owns these documents; it must not know where the facts come from, nor how they are written. Fields that ECS has are
named as there; those of an article keep its names (search/elastic_mapping.py), so that one filter holds on every dashboard.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from copytaster.news import Printed

Kind = Literal["alerts", "refusals", "sources"]
KINDS: tuple[Kind, ...] = ("alerts", "refusals", "sources")
MOST_ENDPOINTS = 50  # of one source that are shown
DEFAULT_INDEX = "articles"
_MONTH = re.compile(r"-(\d{4})\.(\d{2})$")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+?(?=[.,:;)]*(?:\s|$))", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,19}")
_CHANNELS = {"mailto": "mail", "http": "webhook", "https": "webhook"}


def alias_of(kind: Kind, index: str = DEFAULT_INDEX) -> str:
    """``copytaster-alerts``; where the articles are not ``articles`` but ``paris``, ``copytaster.paris-alerts``.

    So two installations share a cluster. The name of an articles' alias has no dot, so none is ever taken for another.
    """
    return f"copytaster-{kind}" if index == DEFAULT_INDEX else f"copytaster.{index}-{kind}"


def patterns(index: str = DEFAULT_INDEX) -> list[str]:
    """The names of all indices that facts are in, for the roles of those who write and read them."""
    return [f"{alias_of(kind, index)}*" for kind in KINDS]


def month_of(index: str) -> dt.datetime | None:
    """The first instant of the month that an index is for; None where its name tells none."""
    found = _MONTH.search(index)
    return dt.datetime(int(found[1]), int(found[2]), 1, tzinfo=dt.UTC) if found and 1 <= int(found[2]) <= 12 else None


def expired(indices: Sequence[str], *, before: dt.datetime) -> list[str]:
    """Those whose whole month lies before ``before``."""
    return [name for name in indices if (first := month_of(name)) and _next_month(first) <= before]


def _next_month(first: dt.datetime) -> dt.datetime:
    return (first + dt.timedelta(days=31)).replace(day=1)


def channel_kind(url: str) -> str:
    """``mail``, ``webhook`` or the scheme of an Apprise URL; never more of it, for the rest is an address or a secret."""
    scheme = url.partition(":")[0].lower()
    return _CHANNELS.get(scheme, scheme) if _SCHEME.fullmatch(scheme) else "other"


def without_addresses(sentence: str) -> str:
    """Of each URL in it the host alone: a feed's may hold a token, a proxy's a password."""
    return _ADDRESS.sub(lambda found: _domain(found[0]) or "…", sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One story told to one channel for one watch. What retention took away meanwhile is None."""

    delivery_id: int
    sent_at: dt.datetime
    kind: str  # instant, digest, late
    channel: str  # as ``channel_kind`` says
    watch_id: str
    watch_name: str
    story_id: str
    article_id: str
    revision: int = 1
    url: str | None = None
    title: str | None = None
    language: str | None = None
    source_id: str | None = None
    source_name: str | None = None
    found_at: dt.datetime | None = None
    read_at: dt.datetime | None = None
    published: Printed | None = None

    @property
    def id(self) -> str:
        return str(self.delivery_id)

    @property
    def at(self) -> dt.datetime:
        return self.sent_at

    def document(self) -> dict[str, Any]:
        ours = {
            "article": self.article_id,
            "revision": self.revision,
            "story": self.story_id,
            "watches": self.watch_id,
            "watch_names": self.watch_name,
            "source": self.source_name,
            "source_id": self.source_id,
            "language": self.language,
            "title": self.title,
            "channel": self.channel,
            "kind": self.kind,
            "found_at": self.found_at,
            "read_at": self.read_at,
            "seconds_to_alert": _seconds(self.found_at, self.sent_at),
            "seconds_from_reading": _seconds(self.read_at, self.sent_at),
            "seconds_from_publication": _seconds(self._published_at(), self.sent_at),
        }
        return _document(self.sent_at, "alert", self.url, ours)

    def _published_at(self) -> dt.datetime | None:
        """A day alone says nothing about seconds."""
        return self.published.at if self.published and self.published.precision == "second" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Something was refused at a stage. What is refused again later is another fact."""

    stage: str
    key: str
    reason: str
    detail: str
    url: str
    attempts: int
    refused_at: dt.datetime
    source_id: str | None = None
    source_name: str | None = None

    @property
    def id(self) -> str:
        return f"{self.stage}/{self.key}/{self.refused_at.isoformat()}"

    @property
    def at(self) -> dt.datetime:
        return self.refused_at

    def document(self) -> dict[str, Any]:
        """Of a refused delivery neither URL nor sentence: they hold the receiver's address or its secret."""
        told = self.stage != "deliver"
        ours = {
            "stage": self.stage,
            "reason": self.reason,
            "detail": without_addresses(self.detail) if told else None,
            "channel": None if told or ":" not in self.url else channel_kind(self.url),
            "attempts": self.attempts,
            "source": self.source_name,
            "source_id": self.source_id,
        }
        return _document(self.refused_at, "event", self.url if told else None, ours)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """One thing of a source that is read again and again. Its URL may hold a token, so only its host is shown."""

    kind: str
    host: str
    interval_seconds: float
    readings: int
    failures: int
    overflows: int
    read_at: dt.datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """One source as it stood at ``at``."""

    source_id: str
    name: str
    host: str
    state: str  # as `copytaster status` says
    at: dt.datetime
    added_at: dt.datetime
    baseline_at: dt.datetime | None
    found_at: dt.datetime | None
    silent_at: dt.datetime | None
    silent_reason: str | None
    endpoints: Sequence[EndpointState]

    @property
    def id(self) -> str:
        return self.source_id

    def document(self) -> dict[str, Any]:
        ours = {
            "source": self.name,
            "source_id": self.source_id,
            "state": self.state,
            "added_at": self.added_at,
            "baseline_at": self.baseline_at,
            "found_at": self.found_at,
            "freshness_seconds": _seconds(self.found_at or self.added_at, self.at),
            "silent_at": self.silent_at,
            "silent_reason": without_addresses(self.silent_reason) if self.silent_reason else None,
            "endpoints": [_shown(each) for each in self.endpoints[:MOST_ENDPOINTS]],
        }
        return _document(self.at, "state", None, ours) | {"host": {"name": self.host}}


Fact = Alert | Refused | SourceState


_KINDS: Mapping[type[Fact], Kind] = {Alert: "alerts", Refused: "refusals", SourceState: "sources"}


def kind_of(fact: Fact) -> Kind:
    return _KINDS[type(fact)]


def index_of(fact: Fact, index: str = DEFAULT_INDEX) -> str:
    """The index that a fact belongs in: one for all sources, one a month for what happened."""
    alias = alias_of(kind_of(fact), index)
    return alias if isinstance(fact, SourceState) else f"{alias}-{fact.at:%Y.%m}"


def _document(at: dt.datetime, kind: str, url: str | None, ours: Mapping[str, Any]) -> dict[str, Any]:
    address = {"url": {"full": url, "domain": _domain(url)}} if url else {}
    return {"@timestamp": at.isoformat(), "event": {"kind": kind}, **address, "copytaster": _plain(ours)}


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known, instants as text."""
    return {
        name: value.isoformat() if isinstance(value, dt.datetime) else value
        for name, value in fields.items()
        if value is not None
    }


def _shown(endpoint: EndpointState) -> dict[str, Any]:
    said = without_addresses(endpoint.last_error) if endpoint.last_error else None
    return _plain({name: getattr(endpoint, name) for name in EndpointState.__dataclass_fields__} | {"last_error": said})


def _seconds(since: dt.datetime | None, until: dt.datetime) -> float | None:
    """Below zero where a page printed an instant that was still ahead."""
    return None if since is None else round((until - since).total_seconds(), 3)


def _domain(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # "http://[" and its like
        return None
