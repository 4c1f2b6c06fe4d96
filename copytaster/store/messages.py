"""The outbox: messages with their frozen payload, leases and attempts as rows. It sends nothing."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ScalarSelect, Text, bindparam, case, func, insert, literal, null, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from copytaster.store import channels as channel_rows
from copytaster.store.channels import Condition
from copytaster.store.db import Tx
from copytaster.store.schema import attempts, channels, deliveries, messages, refusals
from copytaster.store.types import Instant
from copytaster.watches import ChannelId, Message, MessageId

MOST_COUNTED = 100_000
BACK_LINE = 1_000_000_000  # turns from here on are of what is sent again: it waits behind all that is new
_NOW = bindparam("now", type_=Instant)
_ON = (channels.c.state == "active") & or_(channels.c.paused_until.is_(None), channels.c.paused_until <= _NOW)
_SENDABLE = messages.c.channel_id.in_(select(channels.c.id).where(_ON))
_CLAIM_LOCK = select(func.pg_advisory_xact_lock(7_020_417_414))
_ATTEMPT = insert(attempts)
_ONE_LESS = case((messages.c.attempts > 0, messages.c.attempts - 1), else_=0)
# Channels take turns (decision 0013): the second message that waits for one comes after the first of every other.
_NEXT_TURN = select(func.coalesce(func.max(messages.c.turn) + 1, bindparam("line"))).where(
    messages.c.channel_id == bindparam("channel"),
    messages.c.due_at.is_not(None),
    messages.c.turn >= bindparam("line"),
    messages.c.turn < bindparam("line") + BACK_LINE,
)
_END = (
    update(messages)
    .where(messages.c.id == bindparam("message"), messages.c.lease_token == bindparam("token"))
    .values(state=bindparam("new_state"), due_at=bindparam("again"), lease_token=null())
    .values(sent_at=bindparam("sent"), last_error=func.coalesce(bindparam("error"), messages.c.last_error))
)
_DUE = select(literal(1)).where(messages.c.due_at <= _NOW, _SENDABLE).limit(MOST_COUNTED)
_COUNT_DUE = select(func.count()).select_from(_DUE.subquery())


@cache
def _claim(dialect: str) -> ReturningUpdate[*tuple[Any, ...]]:
    busy = messages.alias("busy")
    under_way = select(busy.c.id).where(
        busy.c.channel_id == messages.c.channel_id, busy.c.lease_token.is_not(None), busy.c.due_at > _NOW
    )
    able = select(channels.c.id).where(_ON, or_(channels.c.proven, _held_by_unproven() < bindparam("most_unproven")))
    first = select(messages.c.id).where(messages.c.due_at <= _NOW, messages.c.channel_id.in_(able), ~under_way.exists())
    first = first.order_by(messages.c.turn, messages.c.due_at).limit(1)
    if dialect == "postgresql":
        first = first.with_for_update(skip_locked=True)
    leased = {"lease_token": bindparam("token"), "due_at": bindparam("until"), "attempts": messages.c.attempts + 1}
    return update(messages).where(messages.c.id == first.scalar_subquery()).values(leased).returning(*messages.c)


def _held_by_unproven() -> ScalarSelect[int]:
    """Places of one pool at which a message to a channel waits that was slow or failed the last time, or is new."""
    held, whose, pool = messages.alias("held"), channels.alias("whose"), bindparam("pool", type_=Text)
    ours = func.substr(held.c.lease_token, 1, func.length(pool)) == pool
    query = select(func.count()).join(whose, whose.c.id == held.c.channel_id)
    return query.where(held.c.lease_token.is_not(None), held.c.due_at > _NOW, ours, ~whose.c.proven).scalar_subquery()


@dataclass(frozen=True, slots=True)
class MessageLease:
    """A claimed message and the token that the update which finishes it must carry."""

    message: Message
    token: str
    kind: str
    condition: Condition


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
        "turn": tx.conn.execute(_NEXT_TURN, {"channel": channel_id, "line": 0}).scalar_one(),
    }
    return tx.insert_new(messages, values) == 1


@dataclass(frozen=True, slots=True)
class Senders:
    """A pool of senders: its name, with which its tokens begin, and how many messages it can have under way at once.

    Half of them are kept for channels that took their last message quickly: slow and dead receivers hold the others,
    however many there are of them.
    """

    pool: str = ""
    places: int = 2

    @property
    def most_unproven(self) -> int:
        return max(self.places // 2, 1)


ANY = Senders(places=2_000_000)


def claim(tx: Tx, token: str, *, seconds: float, senders: Senders = ANY) -> MessageLease | None:
    """The next due message, each channel in turn, its attempt counted before the work; ``token`` begins with the pool's name.

    A channel with a message under way gives no second one: a receiver that hangs holds one place, not all of them. One
    that is paused gives none; when that ends, one message shows how it is.
    """
    if tx.dialect == "postgresql":  # one after the other, or two would each not see the other's channel as busy
        tx.conn.execute(_CLAIM_LOCK)
    values = {"token": token, "now": tx.now, "until": tx.now + dt.timedelta(seconds=seconds)}
    who = {"pool": senders.pool, "most_unproven": senders.most_unproven}
    row = tx.conn.execute(_claim(tx.dialect), values | who).first()
    if row is None:
        return None
    channel, condition = channel_rows.claimed(tx, row.channel_id)
    payload = json.loads(row.payload)
    message_id = _renamed(tx, row.id, payload.get("id", row.id))
    message = Message(id=message_id, channel=channel, payload=payload, created_at=row.created_at, attempts=row.attempts)
    return MessageLease(message, token, row.kind, condition)


def _renamed(tx: Tx, old: MessageId, new: MessageId) -> MessageId:
    """What was redacted after an attempt goes out under the id that its payload was given then, and never again under the old."""
    if new != old:
        tx.conn.execute(update(messages).where(messages.c.id == old).values(id=new))
        for column in (deliveries.c.message_id, attempts.c.message_id):
            tx.conn.execute(update(column.table).where(column == old).values({column: new}))
        refused = (refusals.c.stage == "deliver") & (refusals.c.key == old)
        tx.conn.execute(update(refusals).where(refused).values(key=new))
    return new


def sent(tx: Tx, lease: MessageLease, detail: str) -> bool:
    """False where the lease ran out meanwhile: the one that holds it now settles the message."""
    return _end(tx, lease, "sent", detail, due_at=None)


def failed(tx: Tx, lease: MessageLease, detail: str, *, outcome: str = "failed") -> bool:
    """For good; ``bounced``: its mailbox does not exist."""
    return _end(tx, lease, "failed", detail, due_at=None, outcome=outcome)


def note_attempt(tx: Tx, message_id: MessageId, outcome: str, detail: str) -> None:
    """What came later than the answer: a bounce, a warning that it is delayed."""
    tx.conn.execute(_ATTEMPT, {"message_id": message_id, "at": tx.now, "outcome": outcome, "detail": detail[:2000]})


def fail(tx: Tx, message_id: MessageId, why: str) -> None:
    """It was taken, and did not arrive."""
    values = {"state": "failed", "due_at": None, "last_error": why[:2000]}
    tx.conn.execute(update(messages).where(messages.c.id == message_id).values(**values))


def bounces(tx: Tx, channel_id: ChannelId, since: dt.datetime) -> int:
    """How many of the channel's messages of that time bounced."""
    mine = (messages.c.channel_id == channel_id) & (messages.c.created_at >= since) & (attempts.c.outcome == "bounced")
    query = select(func.count(attempts.c.message_id.distinct())).join(messages, messages.c.id == attempts.c.message_id)
    return tx.conn.execute(query.where(mine)).scalar_one()


def again(tx: Tx, lease: MessageLease, detail: str, due_at: dt.datetime) -> bool:
    """Tries later; how long its whole channel rests is the channel's own (`channels.failed`)."""
    return _end(tx, lease, "pending", detail, due_at=due_at)


def held_up(tx: Tx, lease: MessageLease, detail: str, due_at: dt.datetime) -> bool:
    """Tries later like `again`, and the attempt does not count: nobody was asked."""
    ours = again(tx, lease, detail, due_at)
    if ours:
        tx.conn.execute(update(messages).where(messages.c.id == lease.message.id).values(attempts=_ONE_LESS))
    return ours


def put_back(tx: Tx, lease: MessageLease, due_at: dt.datetime) -> bool:
    """It was not tried after all: nothing of it is noted, and the attempt does not count."""
    mine = (messages.c.id == lease.message.id) & (messages.c.lease_token == lease.token)
    values = {"due_at": due_at, "lease_token": None, "attempts": _ONE_LESS}
    return tx.conn.execute(update(messages).where(mine).values(**values)).rowcount == 1


def bring_forward(tx: Tx, channel_id: ChannelId) -> int:
    """The channel takes messages again: what failed meanwhile waits no longer. One after the other, for none else is sent.

    The try out of turn is one more than the schedule's, so it is given back beforehand: a receiver that fails again at once
    must not use up three days of attempts in an hour. Where it fails, the wait that it cut short begins anew.
    """
    waiting = (messages.c.channel_id == channel_id) & (messages.c.due_at > tx.now) & messages.c.lease_token.is_(None)
    values = {"due_at": tx.now, "attempts": _ONE_LESS}
    return tx.conn.execute(update(messages).where(waiting).values(**values)).rowcount


def took_since(tx: Tx, channel_id: ChannelId, since: dt.datetime) -> bool:
    """Whether the channel took any message after ``since``: then it is not dead."""
    mine = (messages.c.channel_id == channel_id) & (messages.c.sent_at >= since)
    return tx.conn.execute(select(messages.c.id).where(mine).limit(1)).first() is not None


def _end(tx: Tx, lease: MessageLease, state: str, detail: str, *, due_at: dt.datetime | None, outcome: str | None = None) -> bool:
    sent_at, error = (tx.now, None) if state == "sent" else (None, detail[:2000])
    key = {"message": lease.message.id, "token": lease.token}
    ended = {"new_state": state, "again": due_at, "sent": sent_at, "error": error}
    ours = tx.conn.execute(_END, {**key, **ended}).rowcount == 1
    outcome = outcome or {"pending": "retry"}.get(state, state)
    row = {"message_id": lease.message.id, "at": tx.now, "outcome": outcome, "detail": detail[:2000]}
    tx.conn.execute(_ATTEMPT, row)
    return ours


def fail_waiting(tx: Tx, channel_id: ChannelId, why: str) -> dict[MessageId, int]:
    """A channel was disabled: its waiting messages fail, and can be brought back by hand; each with its attempts.

    One whose sender died waits, too: nobody claims it any more. One that is on its way just now ends by its own answer.
    """
    free = messages.c.lease_token.is_(None) | (messages.c.due_at <= tx.now)
    waiting = (messages.c.channel_id == channel_id) & (messages.c.state == "pending") & free
    values = {"state": "failed", "due_at": None, "lease_token": None, "last_error": why[:2000]}
    ended = update(messages).where(waiting).values(**values).returning(messages.c.id, messages.c.attempts)
    return {row.id: row.attempts for row in tx.conn.execute(ended)}


def retry(tx: Tx, message_id: MessageId) -> bool:
    """Due at once with its attempts forgotten, behind all that is new; the same id and payload, so that a repeat shows."""
    mine = messages.c.id == message_id
    channel_id = tx.conn.execute(select(messages.c.channel_id).where(mine)).scalar()
    if channel_id is None:
        return False
    turn = tx.conn.execute(_NEXT_TURN, {"channel": channel_id, "line": BACK_LINE}).scalar_one()
    values = {"state": "pending", "due_at": tx.now, "lease_token": None, "attempts": 0, "turn": turn}
    values["sent_at"] = None  # what it took before says nothing of how its channel is now
    return tx.conn.execute(update(messages).where(mine).values(**values)).rowcount == 1


def get(tx: Tx, message_id: str) -> Mapping[str, Any] | None:
    row = tx.conn.execute(select(messages).where(messages.c.id == message_id)).first()
    return {**row._mapping, "payload": json.loads(row.payload)} if row else None


def attempts_of(tx: Tx, message_id: str) -> Sequence[Mapping[str, Any]]:
    rows = tx.conn.execute(select(attempts).where(attempts.c.message_id == message_id).order_by(attempts.c.id))
    return [dict(row._mapping) for row in rows]


def due(tx: Tx) -> int:
    """Messages that could be sent now, counted up to 100,000; those of channels that are off or rest wait."""
    return tx.conn.execute(_COUNT_DUE, {"now": tx.now}).scalar_one()
