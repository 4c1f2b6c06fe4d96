"""What failed or was refused is tried again, and what was sent is sent once more: the same message, id and payload.

It owns which rows that moves; it must not know how anything is sent, fetched or read.
"""

import datetime as dt
from collections.abc import Iterator, Sequence

from copytaster.errors import Rejected
from copytaster.news import EndpointId, LinkId
from copytaster.store import Store, Tx, channels, deliveries, links, messages, refusals, sources, watches
from copytaster.store.health import index_anew
from copytaster.store.refusals import Refusal
from copytaster.watches import ChannelId, MessageId, OwnerId
from desk import watching

BATCH = 100


def is_number(named: str) -> bool:
    """A delivery's id, as against a message's; longer ones would not fit a column."""
    return named.isascii() and named.isdigit() and len(named) < 19


def message_of(tx: Tx, named: str) -> MessageId:
    """The message of a delivery's number or of a message's own id."""
    if is_number(named):
        delivery = deliveries.get(tx, int(named))
        if delivery is None:
            raise Rejected("no_such_delivery", f"There is no delivery {named}; `copytaster deliveries list` shows their ids.")
        if delivery.message_id is None:
            due = f"{delivery.due_at:%Y-%m-%d %H:%M} UTC"
            raise Rejected("not_sent", f"Delivery {named} was not sent yet: it is {delivery.state}, due at {due}.")
        return delivery.message_id
    if messages.get(tx, named) is None:
        raise Rejected("no_such_delivery", f"There is no delivery {named!r}; `copytaster deliveries list` shows their ids.")
    return MessageId(named)


def channel_of(tx: Tx, named: str) -> channels.Standing:
    """A channel by its id or its whole address; raises Rejected where there is none, or more than one."""
    found = channels.find(tx, named)
    if not found:
        raise Rejected("no_such_channel", f"There is no channel {named!r}; `copytaster channel list` shows their ids.")
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise Rejected("which_channel", f"Several owners have this channel: name one of {ids}.")
    return found[0]


def switch_on(tx: Tx, channel: channels.Standing) -> None:
    """Whatever it failed before is forgotten, and what waits is tried at once."""
    watches.ensure_channel(tx, channel.url, OwnerId(channel.owner_id))
    channels.worked(tx, channel.id, quick=False)
    messages.bring_forward(tx, channel.id)


def send_again(tx: Tx, message_id: MessageId) -> None:
    """Due at once; a channel that was switched off is on again, for a person asked for it."""
    found = messages.get(tx, message_id)
    if found is None:
        raise Rejected("no_such_message", f"There is no message {message_id!r} any more.")
    channel = watches.by_ids(tx, [found["channel_id"]])[found["channel_id"]]
    if channel.state != "active":
        watches.ensure_channel(tx, channel.url, channel.owner_id)
    messages.retry(tx, message_id)
    deliveries.settle(tx, message_id, "sending")
    refusals.clear(tx, "deliver", message_id)


def send_all_again(store: Store, ids: Sequence[MessageId]) -> Iterator[int]:
    """A bounded number in each transaction, so that nobody who writes waits; tells how many each was."""
    for start in range(0, len(ids), BATCH):
        done = 0
        with store.write() as tx:
            for message_id in ids[start : start + BATCH]:
                if messages.get(tx, message_id):  # retention may have been here meanwhile
                    send_again(tx, message_id)
                    done += 1
        yield done


def failed_messages(tx: Tx, channel_id: ChannelId | None = None) -> list[MessageId]:
    return deliveries.message_ids(tx, deliveries.Told(state="failed", channel_id=channel_id))


def sent_since(
    tx: Tx, since: float | dt.datetime | None, *, until: dt.datetime | None, to: str | None, watch: str | None
) -> deliveries.Told:
    """What a replay means; it ends now at the latest, or it would send again what it sent. Switched off channels are left out."""
    start = since if isinstance(since, dt.datetime) else tx.now - dt.timedelta(seconds=since or 0)
    return deliveries.Told(
        state="sent",
        since=start,
        until=min(until or tx.now, tx.now),
        channel_id=channel_of(tx, to).id if to else None,
        watch_id=watching.find(tx, watch).id if watch else None,
        only_on=True,
    )


def chosen(tx: Tx, ids: Sequence[int], *, reason: str | None, stage: str | None, everything: bool) -> list[Refusal]:
    """The refusals that a person named; raises Rejected where there is no such one."""
    if not ids:
        return refusals.every(tx, limit=1_000_000, reason=reason, stage=stage) if everything or reason or stage else []
    found = [(number, refusals.get(tx, number)) for number in ids]
    missing = [number for number, refusal in found if refusal is None]
    if missing:
        raise Rejected("no_such_refusal", f"There is no refusal {missing[0]}; `copytaster refused list` shows their ids.")
    return [refusal for _, refusal in found if refusal]


def bring_back(tx: Tx, refusal: Refusal) -> bool:
    """Makes it due again and takes it off the list; False where what was refused is gone meanwhile."""
    if refusal.stage in ("fetch", "ingest"):
        done = links.bring_back(tx, LinkId(refusal.key))
    elif refusal.stage == "discover":
        done = _read_again(tx, refusal.key)
    elif refusal.stage == "deliver":
        done = messages.get(tx, refusal.key) is not None
        if done:
            send_again(tx, MessageId(refusal.key))
    else:
        done = index_anew(tx, refusal.key)
    refusals.clear(tx, refusal.stage, refusal.key)
    return done


def _read_again(tx: Tx, key: str) -> bool:
    if sources.endpoint(tx, EndpointId(key)) is None:
        return links.bring_back(tx, LinkId(key))
    sources.note_reading(tx, EndpointId(key), {"due_at": tx.now, "failures": 0})
    return True
