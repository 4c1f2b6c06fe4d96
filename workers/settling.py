"""What becomes of a message after an attempt: sent, tried again, or given up with its owner told; and what of its channel.

It owns these transactions; it must not know how a message is sent, nor which one comes next.
"""

import datetime as dt
import random
from dataclasses import dataclass

from copytaster import heartbeat, metrics
from copytaster.errors import Transient
from copytaster.store import Tx, channels, deliveries, messages, refusals, watches
from copytaster.store.messages import MessageLease
from copytaster.watches import OPEN_AFTER, Channel, MessageId
from workers import packing
from workers.notifiers import NotTheirs, NotTried, RelayAway
from workers.planner import PATIENCE, RELAY_PAUSE, SCHEDULE, next_attempt, next_probe
from workers.services import Services

QUICK_SECONDS = 3.0  # a receiver that takes longer may hold a part of the senders only
MOST_BOUNCES, BOUNCE_DAYS = 3, 7  # so many messages of a week: then the mailbox is taken to be gone
_rng = random.Random()  # noqa: S311  jitter is no secret


def sent(tx: Tx, lease: MessageLease, detail: str, *, seconds: float) -> list[dt.datetime]:
    """It was taken within so many seconds; returns since when each of its deliveries was news."""
    quick, before = seconds <= QUICK_SECONDS, lease.condition
    channel_id = lease.message.channel.id
    if before.failures or before.proven != quick:
        channels.worked(tx, channel_id, quick=quick)
    if before.failures >= OPEN_AFTER:
        messages.bring_forward(tx, channel_id)
    if not messages.sent(tx, lease, detail):
        return []
    deliveries.settle(tx, lease.message.id, "sent")
    return deliveries.found_at(tx, lease.message.id)


def try_later(services: Services, lease: MessageLease, error: Transient) -> None:
    """By the schedule, and where that is over it is given up: then a channel that took nothing all the time is dead."""
    metrics.DELIVERIES.labels("retry").inc()
    if isinstance(error, RelayAway) and _wait_for_relay(services, lease, error):
        return
    channel_id, asked = lease.message.channel.id, error.retry_after
    with services.store.write() as tx:
        due_at = next_attempt(lease.message.attempts, "transient", tx.now, retry_after=asked, rng=_rng)
        until = next_probe(lease.condition.failures + 1, tx.now, retry_after=asked, rng=_rng)
        channels.failed(tx, channel_id, until=until)
        if due_at:
            messages.again(tx, lease, str(error), due_at)
        took = due_at is None and messages.took_since(tx, channel_id, lease.message.created_at)
    if due_at is None:
        dead = not took and not isinstance(error, NotTheirs)
        give_up(services, lease, f"Given up after {lease.message.attempts} attempts: {error}", "given_up", disable=dead)


def _wait_for_relay(services: Services, lease: MessageLease, error: RelayAway) -> bool:
    """One mail of each channel asks every few minutes, and no attempt is used up; False where that took days already."""
    message = lease.message
    with services.store.write() as tx:
        if (tx.now - message.created_at).total_seconds() > PATIENCE:
            return False
        until = next_probe(lease.condition.failures + 1, tx.now, retry_after=None, rng=_rng, longest=RELAY_PAUSE)
        channels.failed(tx, message.channel.id, until=until)
        messages.held_up(tx, lease, str(error), until)
    return True


def put_back(services: Services, lease: MessageLease, error: NotTried) -> None:
    """It never left us, so neither the message nor its channel is the worse for it."""
    with services.store.write() as tx:
        messages.put_back(tx, lease, tx.now + dt.timedelta(seconds=error.retry_after or 0))


def give_up(services: Services, lease: MessageLease, why: str, reason: str, *, disable: bool = False) -> None:
    """Nothing more is tried by itself; it is listed as refused, and where the channel is dead its owner is told elsewhere."""
    message = lease.message
    metrics.DELIVERIES.labels("failed").inc()
    with services.store.write() as tx:
        if messages.failed(tx, lease, why, outcome="bounced" if reason == "bounced" else "failed"):
            tried = min(message.attempts, len(SCHEDULE))  # a claim that only gives up tried nothing
            _end(tx, message.id, message.channel, Ending(why, reason, tried, disable=disable))


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a message comes to nothing; ``disable``: and its channel with it, and all that waits for that."""

    why: str
    reason: str
    attempts: int
    disable: bool = False


def bounce(tx: Tx, message_id: MessageId, why: str, *, no_mailbox: bool) -> bool:
    """A mail that the server took came back; False where there is no such message."""
    found = messages.get(tx, message_id)
    if found is None:
        return False
    channel = watches.by_ids(tx, [found["channel_id"]])[found["channel_id"]]
    messages.note_attempt(tx, message_id, "bounced" if no_mailbox else "returned", why)
    messages.fail(tx, message_id, why)
    _end(tx, message_id, channel, Ending(why, "bounced", found["attempts"]))
    return True


def _end(tx: Tx, message_id: MessageId, channel: Channel, ending: Ending) -> None:
    failed, why = {message_id: ending.attempts}, ending.why
    since = tx.now - dt.timedelta(days=BOUNCE_DAYS)
    dead = ending.disable or (ending.reason == "bounced" and messages.bounces(tx, channel.id, since) >= MOST_BOUNCES)
    if dead and watches.disable(tx, channel.id, why):
        failed |= messages.fail_waiting(tx, channel.id, why)
        packing.tell_owner(tx, channel, why)
    for each, tried in failed.items():
        deliveries.settle(tx, each, "failed")
        if channel.id == heartbeat.CHANNEL:
            continue  # its age tells
        refusal = refusals.Refusal(stage="deliver", key=each, url=channel.url, reason=ending.reason, detail=why, attempts=tried)
        refusals.put(tx, refusal)
