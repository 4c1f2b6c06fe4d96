"""What is wrong with sources, as rows: what is to be judged now, what was reported, what ended. It judges nothing itself."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, case, func, literal, null, select, update

from copytaster import heartbeat
from copytaster.news import SourceId, TroubleKind
from copytaster.store.db import Record, Tx
from copytaster.store.schema import articles, endpoints, refusals, sources, texts
from copytaster.store.types import Instant

_MINE = update(sources).where(sources.c.id == bindparam("source"))
_CHECK = _MINE.where(sources.c.check_at.is_not(None)).values(check_at=bindparam("at"))
FRESH_AT = func.coalesce(sources.c.found_at, sources.c.added_at, type_=Instant)
_REPORTED = ("silent_at", "silent_reason", "trouble", "trouble_stage", "evidence")
_STATE = ("kind", "url", "readings", "interval_seconds", "gaps", "due_at", "last_error", "trouble", "well_until", "evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What is to be told of a source, once. ``stage``: discover where its endpoints are ill, read where its pages are."""

    kind: TroubleKind
    reason: str
    stage: str = "discover"
    evidence: Mapping[str, Any] | None = None


def to_judge(tx: Tx, *, limit: int = 1_000) -> list[Record]:
    """Endpoints of live sources that are to be judged now, the longest due first.

    Rows of source_id, name, fresh_at, rhythm and what was reported of the source, and of kind, url, readings,
    interval_seconds, gaps, due_at, last_error, trouble, well_until and evidence as ``end_trouble`` and so on; whole sources,
    each together. A source without an endpoint that was ever added brings one row whose kind is null.
    """
    of_source = (sources.c[name] for name in ("id", "name", "check_at", "rhythm", *_REPORTED))
    page = select(*of_source, FRESH_AT.label("fresh_at")).where(sources.c.check_at <= tx.now, sources.c.id != heartbeat.SOURCE)
    due = page.order_by(sources.c.check_at).limit(limit).subquery()
    ends = {"trouble": "end_trouble", "evidence": "end_evidence"}
    columns = (endpoints.c[name].label(ends.get(name, name)) for name in _STATE)
    query = select(due.c.id.label("source_id"), *(each for each in due.c if each.name not in ("id", "check_at")), *columns)
    query = query.select_from(due.outerjoin(endpoints, endpoints.c.source_id == due.c.id))
    return list(tx.conn.execute(query.order_by(due.c.check_at, due.c.id, endpoints.c.url)))


def check_again(tx: Tx, due: Mapping[SourceId, dt.datetime]) -> None:
    """When these are judged next."""
    if due:
        tx.conn.execute(_CHECK, [{"source": source_id, "at": at} for source_id, at in sorted(due.items())])


def look_now(tx: Tx, source_id: SourceId) -> None:
    """The trouble of an endpoint began, changed or ended: its source is judged at the next look."""
    tx.conn.execute(_CHECK, {"source": source_id, "at": tx.now})


def note(tx: Tx, source_id: SourceId, what: Reported, *, fresh_at: dt.datetime) -> bool:
    """Notes a trouble as reported; False where one was reported already, or something came since ``fresh_at``."""
    mine = (sources.c.id == source_id) & sources.c.silent_at.is_(None) & (sources.c.state == "active") & (fresh_at == FRESH_AT)
    # One that ended a moment ago and is not told yet goes on: it would be told as well and as ill in one breath.
    values = {"silent_at": func.coalesce(sources.c.began_at, literal(tx.now, Instant)), "began_at": null(), "ended_at": null()}
    goes_on = select(sources.c.began_at).where(sources.c.id == source_id, sources.c.began_at.is_not(None))
    was = tx.conn.execute(goes_on).first()
    done = tx.conn.execute(update(sources).where(mine).values(**values, **_values(what))).rowcount == 1
    return done and was is None


def change(tx: Tx, source_id: SourceId, what: Reported) -> None:
    """A trouble that was told turned out to be another one: shown, not told again."""
    tx.conn.execute(_MINE.where(sources.c.silent_at.is_not(None)).values(**_values(what)), {"source": source_id})


def _values(what: Reported) -> dict[str, Any]:
    return {
        "silent_reason": what.reason[:2000],
        "trouble": what.kind,
        "trouble_stage": what.stage,
        "evidence": dict(what.evidence) if what.evidence else None,
    }


def ending(*, pages_too: bool) -> dict[str, Any]:
    """Columns that end what was reported, with what is to be told of it; a find proves nothing where pages are refused."""
    told = sources.c.silent_at.is_not(None)
    over = told if pages_too else and_(told, func.coalesce(sources.c.trouble_stage, "discover") != "read")
    values: dict[str, Any] = {"silent_at": case((over, null()), else_=sources.c.silent_at)}
    values["silent_reason"] = case((over, null()), else_=sources.c.silent_reason)
    values["began_at"] = case((over, sources.c.silent_at), else_=sources.c.began_at)
    values["ended_at"] = case((over, bindparam("moment", type_=Instant)), else_=sources.c.ended_at)
    return values


_END = _MINE.values(ending(pages_too=True))


def end(tx: Tx, source_id: SourceId) -> None:
    """What was reported of the source is over."""
    tx.conn.execute(_END, {"source": source_id, "moment": tx.now})


def take_ended(tx: Tx, *, limit: int) -> list[Record]:
    """Troubles that are over and were not told yet: rows of id, name, trouble, began_at; they count as told."""
    columns = (sources.c[name] for name in ("id", "name", "trouble", "began_at"))
    query = select(*columns).where(sources.c.ended_at.is_not(None)).order_by(sources.c.ended_at).limit(limit)
    found = list(tx.conn.execute(query))
    if found:
        told = {"ended_at": None, "began_at": None, "trouble": None, "trouble_stage": None, "evidence": null()}
        tx.conn.execute(update(sources).where(sources.c.id.in_([each.id for each in found])).values(**told))
    return found


def by_kind(tx: Tx) -> dict[str, int]:
    """Active sources of which a trouble was reported, by its kind."""
    live = (sources.c.silent_at.is_not(None)) & (sources.c.state == "active")
    kind = func.coalesce(sources.c.trouble, "silent").label("kind")
    query = select(kind, func.count().label("number")).where(live).group_by(kind)
    return {row.kind: row.number for row in tx.conn.execute(query)}


_LENGTH = func.length(texts.c.body)
_READ = (
    select(articles.c.read_at.label("at"), _LENGTH.label("size"), articles.c.url)
    .select_from(
        articles.join(
            texts,
            (texts.c.month == articles.c.text_month)
            & (texts.c.article_id == articles.c.id)
            & (texts.c.revision == articles.c.revision),
        )
    )
    .where(articles.c.source_id == bindparam("source"))
    .order_by(articles.c.first_seen_at.desc())
    .limit(bindparam("most"))
)
_REFUSED = (
    select(refusals.c.refused_at.label("at"), refusals.c.reason, refusals.c.detail, refusals.c.url)
    .where(refusals.c.source_id == bindparam("source"), refusals.c.stage.in_(("fetch", "ingest")))
    .order_by(refusals.c.refused_at.desc())
    .limit(bindparam("most"))
)


def pages_read(tx: Tx, source_id: SourceId, *, most: int) -> Sequence[Record]:
    """The newest articles of a source: at, size (of the packed text, which follows its length), url."""
    return list(tx.conn.execute(_READ, {"source": source_id, "most": most}))


def pages_refused(tx: Tx, source_id: SourceId, *, most: int) -> Sequence[Record]:
    """… and the newest pages that were refused: at, reason, detail, url."""
    return list(tx.conn.execute(_REFUSED, {"source": source_id, "most": most}))
