"""The content of a message as JSON, frozen before the first attempt so that a repeat is the same to the byte.

It owns the public format of alerts and notices; it must not know how it travels or who is told.
"""

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from copytaster.news import Article
from copytaster.watches import DeliveryId, Hit, MessageId, Watch

MAX_TITLE = 500  # a page's title may be a megabyte; code points
MAX_QUERY = 2000
MAX_HITS = 50  # of one item; "hit_count" tells how many there were
MAX_COPIES = 50

# NUL can't be stored by PostgreSQL, lone surrogates can't be sent; one code point for one keeps offsets true.
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_FIELD_NAMES = {"title": "title", "text": "text", "source": "source's name", "author": "author's name"}


@dataclass(frozen=True, slots=True)
class Copy:
    """Another article of the same story."""

    url: str
    source: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertItem:
    """One delivery as the reader sees it; ``marks`` are code points into ``passage``, end exclusive."""

    delivery_id: DeliveryId
    watch: Watch
    article: Article
    hits: Sequence[Hit]
    passage: str
    marks: Sequence[tuple[int, int]]
    why: str | None = None  # one sentence; None: made from the hits
    copies: Sequence[Copy] = ()
    late: bool = False
    audit: bool = False  # an audit found it, the stream had missed it
    edited: bool = False


def build(
    message_id: MessageId,
    items: Sequence[AlertItem],
    *,
    created_at: dt.datetime,
    kind: str,
    unsubscribe_url: str | None = None,
) -> dict[str, Any]:
    """The payload of an alert; ``kind`` is that of the planner's group. Plain JSON values, nothing unsendable."""
    payload = {
        "type": "copytaster.alert",
        "id": message_id,
        "timestamp": created_at.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "kind": kind,
        "items": [_item(each) for each in items],
    }
    return _clean_object(payload | ({"unsubscribe_url": unsubscribe_url} if unsubscribe_url else {}))


def notice(message_id: MessageId, title: str, text: str, *, created_at: dt.datetime) -> dict[str, Any]:
    """The payload of a word to the owner: a channel was disabled, a source fell silent."""
    at = created_at.astimezone(dt.UTC).isoformat(timespec="seconds")
    fields = {"type": "copytaster.notice", "id": message_id, "timestamp": at, "kind": "notice"}
    return _clean_object(fields | {"title": _bounded(title, MAX_TITLE), "text": text, "items": []})


def encode(payload: Mapping[str, Any]) -> bytes:
    """The bytes that are sent and signed: keys sorted, for ``jsonb`` gives them back in an order of its own."""
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def why(hits: Sequence[Hit]) -> str:
    """One sentence that says which words were found where, and how they are a form of what is watched."""
    if not hits:
        return "The article satisfies the watch as a whole; no single word of it was asked for."
    told = dict.fromkeys(_reason(hit) for hit in hits)  # each once, in the order of the article
    first = list(told)[:3]
    more = f", and {len(told) - 3} more" if len(told) > 3 else ""
    return "; ".join(first)[:1].upper() + "; ".join(first)[1:] + more + "."


def clean(value: Any) -> Any:
    """The same JSON value with all that can't be stored or sent replaced, one code point for one."""
    if isinstance(value, str):
        return _UNSENDABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return _clean_object(value)
    if isinstance(value, list | tuple):
        return [clean(each) for each in value]
    return value


def _clean_object(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {str(clean(key)): clean(each) for key, each in fields.items()}


def _reason(hit: Hit) -> str:
    place = f"the {_FIELD_NAMES[hit.field]} prints “{_bounded(hit.printed, 80)}”"
    if hit.kind == "exact" or hit.term.strip('"=') == hit.printed:
        return place
    how = hit.why or ("a variant of the name" if hit.kind == "variant" else "the same but for case or marks")
    return f"{place} for “{_bounded(hit.term, 80)}” ({how.rstrip('.')})"


def _item(item: AlertItem) -> dict[str, Any]:
    return {
        "delivery": item.delivery_id,
        "watch": {"id": item.watch.id, "name": _name(item.watch), "query": _bounded(item.watch.query, MAX_QUERY)},
        "story": item.article.story_id,
        "article": _article(item.article),
        "hits": [_hit(each) for each in item.hits[:MAX_HITS]],
        "hit_count": len(item.hits),
        "passage": {"text": item.passage, "marks": [list(mark) for mark in item.marks]},
        "why": item.why or why(item.hits),
        "copies": [_copy(each) for each in item.copies[:MAX_COPIES]],
        "late": item.late,
        "audit": item.audit,
        "edited": item.edited,
    }


def _name(watch: Watch) -> str:
    return _bounded(watch.name or watch.query, MAX_TITLE)


def _article(article: Article) -> dict[str, Any]:
    read = article.extracted
    return {
        "id": article.id,
        "url": article.url,
        "title": _bounded(read.title, MAX_TITLE),
        "source": article.source_name,
        "authors": [_bounded(each, MAX_TITLE) for each in read.authors[:20]],
        "published_at": read.published.isoformat() if read.published else None,
        "language": read.language,
        "image": read.image,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "field": hit.field,
        "start": hit.start,
        "end": hit.end,
        "printed": hit.printed,
        "term": hit.term,
        "kind": hit.kind,
        "score": hit.score,
        "why": hit.why,
    }


def _copy(copy: Copy) -> dict[str, str]:
    return {"url": copy.url, "source": copy.source, "title": _bounded(copy.title, MAX_TITLE)}


def _bounded(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
