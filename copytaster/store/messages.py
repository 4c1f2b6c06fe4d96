"""The outbox: messages with their frozen payload, leases and attempts as rows. It sends nothing."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, insert, literal, null, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from copytaster.store import watches as watch_rows
from copytaster.store.db import Tx
from copytaster.store.schema import attempts, channels, messages
from copytaster.store.types import Instant
from copytaster.watches import ChannelId, Message, MessageId

MOST_COUNTED = 100_000
PAUSE = dt.timedelta(minutes=5)
_SENDABLE = messages.c.channel_id.in_(select(channels.c.id).where(channels.c.state == "active"))
_CLAIM_LOCK = select(func.pg_advisory_xact_lock(7_020_417_414))
_ATTEMPT = insert(attempts)
# Channels take turns (decision 0013): the second message that waits for one comes after the first of every other.
_NEXT_TURN = select(func.coalesce(func.max(messages.c.turn), -1) + 1).where(
    messages.c.channel_id == bindparam("channel"), messages.c.due_at.is_not(None)
)
_END = (
    update(messages)
    .where(messages.c.id == bindparam("message"), messages.c.lease_token == bindparam("token"))
    .values(state=bindparam("new_state"), due_at=bindparam("again"), lease_token=null())
    .values(sent_at=bindparam("sent"), last_error=func.coalesce(bindparam("error"), messages.c.last_error))
)
_DUE = select(literal(1)).where(messages.c.due_at <= bindparam("now", type_=Instant), _SENDABLE).limit(MOST_COUNTED)
_COUNT_DUE = select(func.count()).select_from(_DUE.subquery())


@cache
def _claim(dialect: str) -> ReturningUpdate[*tuple[Any, ...]]:
    busy, now = messages.alias("busy"), bindparam("now", type_=Instant)
    under_way = select(busy.c.id).where(
        busy.c.channel_id == messages.c.channel_id, busy.c.lease_token.is_not(None), busy.c.due_at > now
    )
    first = select(messages.c.id).where(messages.c.due_at <= now, _SENDABLE, ~under_way.exists())
    first = first.order_by(messages.c.turn, messages.c.due_at).limit(1)
    if dialect == "postgresql":
        first = first.with_for_update(skip_locked=True)
    leased = {"lease_token": bindparam("token"), "due_at": bindparam("until"), "attempts": messages.c.attempts + 1}
    return update(messages).where(messages.c.id == first.scalar_subquery()).values(leased).returning(*messages.c)


@dataclass(frozen=True, slots=True)
class MessageLease:
    """A claimed message and the token that the update which finishes it must carry."""

    message: Message
    token: str
    kind: str


def put(tx: Tx, message_id: MessageId, channel_id: ChannelId, kind: str, payload: Mapping[str, Any]) -> bool:
    """Due at once. False where a message of this id is there already, which stays as it is."""
    values = {
        "id": message_id,
        "channel_id": channel_id,
        "kind": kind,
        "payload": json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
        "state": "pending",
        "due_at": tx.now,
        "created_at": tx.now,
        "turn": tx.conn.execute(_NEXT_TURN, {"channel": channel_id}).scalar_one(),
    }
    return tx.insert_new(messages, values) == 1


def claim(tx: Tx, token: str, *, seconds: float) -> MessageLease | None:
    """The next due message, each channel in turn, its attempt counted before the work.

    A channel with a message under way gives no second one: a receiver that hangs holds one worker, not all of them.
    """
    if tx.dialect == "postgresql":  # one after the other, or two would each not see the other's channel as busy
        tx.conn.execute(_CLAIM_LOCK)
    values = {"token": token, "now": tx.now, "until": tx.now + dt.timedelta(seconds=seconds)}
    row = tx.conn.execute(_claim(tx.dialect), values).first()
    if row is None:
        return None
    channel = watch_rows.by_ids(tx, [row.channel_id])[row.channel_id]
    message = Message(
        id=row.id, channel=channel, payload=json.loads(row.payload), created_at=row.created_at, attempts=row.attempts
    )
    return MessageLease(message, token, row.kind)


def sent(tx: Tx, lease: MessageLease, detail: str) -> bool:
    """False where the lease ran out meanwhile: the one that holds it now settles the message."""
    return _end(tx, lease, "sent", detail, due_at=None)


def failed(tx: Tx, lease: MessageLease, detail: str) -> bool:
    return _end(tx, lease, "failed", detail, due_at=None)


def again(tx: Tx, lease: MessageLease, detail: str, due_at: dt.datetime) -> bool:
    """Tries later. What else waits for this channel waits a while too, so that a dead receiver is not asked in a row.

    A short while only: the receiver may dislike just this one message, which by now may wait for a day.
    """
    settled = _end(tx, lease, "pending", detail, due_at=due_at)
    soon = min(due_at, tx.now + PAUSE)
    others = (messages.c.channel_id == lease.message.channel.id) & (messages.c.due_at < soon)
    tx.conn.execute(update(messages).where(others, messages.c.lease_token.is_(None)).values(due_at=soon))
    return settled


def took_since(tx: Tx, channel_id: ChannelId, since: dt.datetime) -> bool:
    """Whether the channel took any message after ``since``: then it is not dead."""
    mine = (messages.c.channel_id == channel_id) & (messages.c.sent_at >= since)
    return tx.conn.execute(select(messages.c.id).where(mine).limit(1)).first() is not None


def _end(tx: Tx, lease: MessageLease, state: str, detail: str, *, due_at: dt.datetime | None) -> bool:
    sent_at, error = (tx.now, None) if state == "sent" else (None, detail[:2000])
    key = {"message": lease.message.id, "token": lease.token}
    ended = {"new_state": state, "again": due_at, "sent": sent_at, "error": error}
    ours = tx.conn.execute(_END, {**key, **ended}).rowcount == 1
    outcome = {"pending": "retry"}.get(state, state)
    row = {"message_id": lease.message.id, "at": tx.now, "outcome": outcome, "detail": detail[:2000]}
    tx.conn.execute(_ATTEMPT, row)
    return ours


def fail_waiting(tx: Tx, channel_id: ChannelId, why: str) -> list[MessageId]:
    """A channel was disabled: its waiting messages fail, and can be brought back by hand."""
    waiting = (messages.c.channel_id == channel_id) & (messages.c.state == "pending") & messages.c.lease_token.is_(None)
    values = {"state": "failed", "due_at": None, "last_error": why}
    return list(tx.conn.execute(update(messages).where(waiting).values(**values).returning(messages.c.id)).scalars())


def retry(tx: Tx, message_id: MessageId) -> bool:
    """Due at once with its attempts forgotten; the same id and the same payload, so a receiver can tell a repeat."""
    values = {"state": "pending", "due_at": tx.now, "lease_token": None, "attempts": 0}
    return tx.conn.execute(update(messages).where(messages.c.id == message_id).values(**values)).rowcount == 1


def get(tx: Tx, message_id: str) -> Mapping[str, Any] | None:
    row = tx.conn.execute(select(messages).where(messages.c.id == message_id)).first()
    return {**row._mapping, "payload": json.loads(row.payload)} if row else None


def attempts_of(tx: Tx, message_id: str) -> Sequence[Mapping[str, Any]]:
    rows = tx.conn.execute(select(attempts).where(attempts.c.message_id == message_id).order_by(attempts.c.id))
    return [dict(row._mapping) for row in rows]


def due(tx: Tx) -> int:
    """Messages that could be sent now, counted up to 100,000; those of channels that are switched off wait."""
    return tx.conn.execute(_COUNT_DUE, {"now": tx.now}).scalar_one()
