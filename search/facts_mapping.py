"""The mappings of the facts' indices, each field named. It owns their version; it must not know requests or queries."""

from collections.abc import Mapping
from typing import Any

from search.facts import Kind

VERSION = 1  # raise it with every change: known indices get the new fields, and all facts are written again
_KEYWORD: Mapping[str, Any] = {"type": "keyword", "ignore_above": 1_024}
_DATE: Mapping[str, Any] = {"type": "date"}
_SECONDS: Mapping[str, Any] = {"type": "double"}
_COUNT: Mapping[str, Any] = {"type": "long"}
_SENTENCE: Mapping[str, Any] = {"type": "text", "fields": {"raw": _KEYWORD}}


def _of(**fields: Any) -> dict[str, Any]:
    return {"dynamic": False, "properties": fields}


_URL = _of(full={"type": "keyword", "ignore_above": 2_048}, domain=_KEYWORD)
_ENDPOINTS = _of(
    kind=_KEYWORD,
    host=_KEYWORD,
    interval_seconds=_SECONDS,
    readings=_COUNT,
    failures=_COUNT,
    overflows=_COUNT,
    read_at=_DATE,
    last_error=_SENTENCE,
)
_FIELDS: Mapping[Kind, Mapping[str, Any]] = {
    "alerts": {
        "url": _URL,
        "copytaster": _of(
            article=_KEYWORD,
            revision=_COUNT,
            story=_KEYWORD,
            watches=_KEYWORD,
            watch_names=_KEYWORD,
            source=_KEYWORD,
            source_id=_KEYWORD,
            language=_KEYWORD,
            title=_SENTENCE,
            channel=_KEYWORD,
            kind=_KEYWORD,
            found_at=_DATE,
            read_at=_DATE,
            seconds_to_alert=_SECONDS,
            seconds_from_reading=_SECONDS,
            seconds_from_publication=_SECONDS,
        ),
    },
    "refusals": {
        "url": _URL,
        "copytaster": _of(
            stage=_KEYWORD,
            reason=_KEYWORD,
            detail=_SENTENCE,
            channel=_KEYWORD,
            attempts=_COUNT,
            source=_KEYWORD,
            source_id=_KEYWORD,
        ),
    },
    "sources": {
        "host": _of(name=_KEYWORD),
        "copytaster": _of(
            source=_KEYWORD,
            source_id=_KEYWORD,
            state=_KEYWORD,
            added_at=_DATE,
            baseline_at=_DATE,
            found_at=_DATE,
            freshness_seconds=_SECONDS,
            silent_at=_DATE,
            silent_reason=_SENTENCE,
            endpoints=_ENDPOINTS,
        ),
    },
}


def mappings(kind: Kind) -> dict[str, Any]:
    return {
        "_meta": {"version": VERSION},
        "dynamic": False,
        "date_detection": False,
        "properties": {"@timestamp": _DATE, "event": _of(kind=_KEYWORD), **_FIELDS[kind]},
    }


def settings(replicas: int) -> dict[str, Any]:
    return {"number_of_shards": 1, "number_of_replicas": replicas, "codec": "best_compression"}
