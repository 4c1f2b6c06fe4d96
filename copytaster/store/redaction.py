"""What the outbox holds of articles that are taken down: owed deliveries and frozen payloads, sent ones too.

It owns how a payload loses an item, and in which order these rows are locked; it must not know why, nor how messages are sent.
Their tombstones must be committed before: who packs from then on leaves them out, and who packed before is waited for.
"""

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, select, tuple_, update

from copytaster.store.db import Record, Tx
from copytaster.store.schema import attempts, deliveries, matches, messages, refusals
from copytaster.store.tombstones import is_buried
from copytaster.watches import Delivery

PAIRS = 50  # of watches and stories in one transaction: each may be owed to several channels, each in a message of its own
Pair = tuple[str, str]  # story, watch


@dataclass(slots=True)
class Redacted:
    deliveries: int = 0  # that were owed and are cancelled
    messages: int = 0  # that were rewritten or deleted


def pairs(tx: Tx, stories: Collection[str], after: Pair, *, limit: int = PAIRS) -> list[Pair]:
    """Which watches may have been told of which of these stories, in order, those that follow ``after``."""
    pair = (matches.c.story_id, matches.c.watch_id)
    query = select(*pair).where(matches.c.story_id.in_(stories), tuple_(*pair) > tuple_(*after)).distinct()
    return [(row.story_id, row.watch_id) for row in tx.conn.execute(query.order_by(*pair).limit(limit))]


def wait_for_packers(tx: Tx, of: Sequence[Pair]) -> None:
    """Whoever puts one of these deliveries into a message just now has committed it when this returns."""
    if tx.dialect == "postgresql":
        tx.conn.execute(_locked(tx, select(deliveries.c.id).where(_of(of)).order_by(deliveries.c.id))).all()


def redact(tx: Tx, of: Sequence[Pair], gone: Collection[str], urls: Collection[str]) -> Redacted:
    """Takes articles out of every delivery and message of these; ``urls`` are theirs, which copies are shown by."""
    done, held = Redacted(), _hold_messages(tx, _of(of))
    rows = tx.conn.execute(_locked(tx, select(deliveries).where(_of(of)).order_by(deliveries.c.id))).all()
    mine = [row for row in rows if row.article_id in gone]
    for row in mine:
        if row.state == "pending":
            done.deliveries += pass_on(tx, row)
    done.messages += sum(_rewrite(tx, message, gone, urls) for message in held)
    taken_back = (deliveries.c.state == "sending") & deliveries.c.id.in_([row.id for row in mine])
    done.deliveries += tx.conn.execute(update(deliveries).where(taken_back).values(state="cancelled", message_id=None)).rowcount
    return done


def _of(wanted: Sequence[Pair]) -> ColumnElement[bool]:
    return tuple_(deliveries.c.watch_id, deliveries.c.story_id).in_([(watch, story) for story, watch in wanted])


def _locked(tx: Tx, query: Select[Any]) -> Select[Any]:
    return query.with_for_update() if tx.dialect == "postgresql" else query


def _hold_messages(tx: Tx, mine: ColumnElement[bool]) -> list[Record]:
    """Before their deliveries, as whoever settles one locks them; again, for one may be renamed while it is waited for."""
    looked: set[str] = set()
    held: list[Record] = []
    theirs = select(deliveries.c.message_id).where(mine, deliveries.c.message_id.is_not(None)).distinct()
    while ids := set(tx.conn.execute(theirs).scalars()) - looked:
        query = select(messages).where(messages.c.id.in_(ids)).order_by(messages.c.id)
        held += tx.conn.execute(_locked(tx, query)).all()
        looked |= ids
    return held


def pass_on(tx: Tx, owed: Record | Delivery) -> int:
    """Another copy of the story that the watch matched is told instead; 1 where there is none, and it is cancelled."""
    others = (matches.c.story_id == owed.story_id) & (matches.c.watch_id == owed.watch_id) & ~is_buried(matches.c.article_id)
    query = select(matches.c.article_id, matches.c.revision).where(others).order_by(matches.c.matched_at, matches.c.article_id)
    other = tx.conn.execute(query.limit(1)).first()
    values = {"article_id": other.article_id, "revision": other.revision} if other else {"state": "cancelled"}
    tx.conn.execute(update(deliveries).where(deliveries.c.id == owed.id).values(**values))
    return other is None


def _rewrite(tx: Tx, message: Record, gone: Collection[str], urls: Collection[str]) -> bool:
    before = json.loads(message.payload)
    after = without(before, gone, urls)
    if after == before:
        return False
    if not after["items"]:
        _delete(tx, message.id)
        return True
    payload = json.dumps(after | {"id": _id_of(tx, message, before)}, ensure_ascii=False, separators=(",", ":"))
    tx.conn.execute(update(messages).where(messages.c.id == message.id).values(payload=payload))
    return True


def _id_of(tx: Tx, message: Record, payload: Mapping[str, Any]) -> str:
    """Another content is another message where the receiver may have had the first form, now or ever before.

    The row keeps its id until it goes out the next time (`messages.claim`): who is sending it just now must find it, and so
    must a bounce.
    """
    known_as: str = payload.get("id", message.id)
    tried = select(attempts.c.id).where(attempts.c.message_id == message.id).limit(1)
    told = message.attempts > 0 or message.state != "pending" or tx.conn.execute(tried).first() is not None
    return f"msg_{secrets.token_hex(12)}" if told and known_as == message.id else known_as


def without(payload: Mapping[str, Any], gone: Collection[str], urls: Collection[str]) -> dict[str, Any]:
    """A payload without the items of these articles, and without them among the copies of others."""
    items = [
        item | {"copies": [copy for copy in item["copies"] if copy["url"] not in urls]}
        for item in payload["items"]
        if item["article"]["id"] not in gone
    ]
    return {**payload, "items": items}


def _delete(tx: Tx, message_id: str) -> None:
    """Nothing is left to be sent, shown or replayed; that it was sent stays with its deliveries."""
    tx.conn.execute(delete(attempts).where(attempts.c.message_id == message_id))
    tx.conn.execute(delete(refusals).where(refusals.c.stage == "deliver", refusals.c.key == message_id))
    tx.conn.execute(update(deliveries).where(deliveries.c.message_id == message_id).values(message_id=None))
    tx.conn.execute(delete(messages).where(messages.c.id == message_id))
