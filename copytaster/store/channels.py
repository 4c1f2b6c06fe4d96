"""How well each channel takes what it is sent, and the keys it is signed with, as rows: an endpoint's circuit breaker.

It owns what is noted of a channel; it must not know when one is tried again, which comes in as data.
"""

import datetime as dt
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, false, func, null, select, true, update

from copytaster import heartbeat
from copytaster.store.db import Tx
from copytaster.store.schema import channels, messages
from copytaster.store.types import Instant
from copytaster.watches import OPEN_AFTER, Channel, ChannelId

FIELDS = [channels.c[name] for name in Channel.__dataclass_fields__]
HEALTHY: dict[str, Any] = {"failures": 0, "failing_since": None, "paused_until": None}
_CLAIMED = select(*FIELDS, channels.c.failures, channels.c.proven, channels.c.old_secret, channels.c.old_secret_until).where(
    channels.c.id == bindparam("channel")
)
_WORKED = update(channels).where(channels.c.id == bindparam("channel")).values(**HEALTHY, proven=bindparam("quick"))
_FAILED = (
    update(channels)
    .where(channels.c.id == bindparam("channel"))
    .values(failures=channels.c.failures + 1, paused_until=bindparam("until", type_=Instant), proven=false())
    .values(failing_since=func.coalesce(channels.c.failing_since, bindparam("since", type_=Instant)))
)
_STATE = case((channels.c.state != "active", channels.c.state), (channels.c.failures >= OPEN_AFTER, "open"), else_="active")
_THEIRS = channels.c.owner_id != heartbeat.OWNER.id  # what people see: the heartbeat's is none of them
_TROUBLE = (channels.c.state != "active") | (channels.c.failures > 0)


def new_secret() -> str:
    return "whsec_" + b64encode(secrets.token_bytes(24)).decode()


@dataclass(frozen=True, slots=True)
class Condition:
    """How a channel stood when a message to it was claimed; ``proven``: it took the last one, and quickly."""

    failures: int = 0
    proven: bool = True


def claimed(tx: Tx, channel_id: ChannelId) -> tuple[Channel, Condition]:
    """A channel to send to: with an old key too, where that is still good by the store's clock."""
    row = tx.conn.execute(_CLAIMED, {"channel": channel_id}).one()._mapping
    values = {name: row[name] for name in Channel.__dataclass_fields__}
    if row["old_secret"] and row["old_secret_until"] > tx.now:
        values["secret"] = f"{row['secret']} {row['old_secret']}"
    return Channel(**values), Condition(row["failures"], row["proven"])


def proven(tx: Tx, ids: Sequence[ChannelId]) -> set[ChannelId]:
    """Those that took their last message, and quickly."""
    return set(tx.conn.execute(select(channels.c.id).where(channels.c.id.in_(ids), channels.c.proven)).scalars())


def worked(tx: Tx, channel_id: ChannelId, *, quick: bool) -> None:
    """It took a message: its circuit is closed."""
    tx.conn.execute(_WORKED, {"channel": channel_id, "quick": quick})


def failed(tx: Tx, channel_id: ChannelId, *, until: dt.datetime) -> None:
    """It did not take a message; nothing is sent there before ``until``, and then one message first."""
    tx.conn.execute(_FAILED, {"channel": channel_id, "until": until, "since": tx.now})


# -- keys -------------------------------------------------------------------------------------------------------------


def rotate(tx: Tx, channel_id: ChannelId, *, overlap_seconds: float) -> str:
    """Gives the channel a new key, which is returned; the old one signs beside it for a while."""
    secret = new_secret()
    until = tx.now + dt.timedelta(seconds=overlap_seconds)
    values = {"secret": secret, "old_secret": channels.c.secret, "old_secret_until": until}
    tx.conn.execute(update(channels).where(channels.c.id == channel_id).values(**values))
    return secret


def forget_old_keys(tx: Tx) -> int:
    """Those whose time is over."""
    over = channels.c.old_secret_until <= tx.now
    return tx.conn.execute(update(channels).where(over).values(old_secret=null(), old_secret_until=null())).rowcount


# -- what a person sees -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One channel as lists show it. ``state``: active, open (its circuit) or disabled; ``waiting``: messages."""

    id: ChannelId
    owner_id: str
    url: str
    state: str
    reason: str | None
    failures: int
    failing_since: dt.datetime | None
    paused_until: dt.datetime | None
    old_secret_until: dt.datetime | None
    sent_at: dt.datetime | None
    waiting: int
    last_error: str | None


_PLAIN = [channels.c[name] for name in ("id", "owner_id", "url", "reason", "failures", "failing_since", "paused_until")]
_OF_CHANNEL = messages.c.channel_id == channels.c.id
_SENT_AT = select(func.max(messages.c.sent_at, type_=Instant)).where(_OF_CHANNEL).scalar_subquery()
_COUNT = select(func.count()).where(_OF_CHANNEL, messages.c.due_at.is_not(None)).scalar_subquery()
_ERROR = (
    select(messages.c.last_error)
    .where(_OF_CHANNEL, messages.c.due_at.is_not(None), messages.c.last_error.is_not(None))
    .order_by(messages.c.turn)
    .limit(1)
    .scalar_subquery()
)


def listed(tx: Tx, *, limit: int | None, trouble: bool = False) -> list[Standing]:
    """Those that are switched off or fail first, then by the time they were added."""
    return _standings(tx, _TROUBLE if trouble else true(), limit)


def find(tx: Tx, named: str) -> list[Standing]:
    """By id or by URL; several owners may have the same URL."""
    return _standings(tx, (channels.c.id == named) | (channels.c.url == named), 10)


def counts(tx: Tx) -> dict[str, int]:
    """How many are active, open and disabled."""
    query = select(_STATE, func.count()).where(_THEIRS).group_by(_STATE)
    return {row[0]: row[1] for row in tx.conn.execute(query)}


def _standings(tx: Tx, which: ColumnElement[bool], limit: int | None) -> list[Standing]:
    query: Select[*tuple[Any, ...]] = select(
        *_PLAIN,
        _STATE.label("state"),
        channels.c.old_secret_until,
        _SENT_AT.label("sent_at"),
        _COUNT.label("waiting"),
        _ERROR.label("last_error"),
    ).where(_THEIRS, which)
    query = query.order_by(case((_TROUBLE, 0), else_=1), channels.c.created_at, channels.c.id).limit(limit)
    return [Standing(**row._mapping) for row in tx.conn.execute(query)]
