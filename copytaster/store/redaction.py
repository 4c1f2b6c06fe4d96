"""What the outbox holds of articles that are taken down: owed deliveries and frozen payloads, sent ones too.

It owns how a payload loses an item; it must not know why, nor how messages are sent.
"""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from copytaster.store.db import Record, Tx
from copytaster.store.schema import attempts, deliveries, matches, messages, refusals


@dataclass(slots=True)
class Redacted:
    deliveries: int = 0  # that were owed and are cancelled
    messages: int = 0  # that were rewritten or deleted


def redact(tx: Tx, gone: Collection[str], urls: Collection[str], stories: Collection[str]) -> Redacted:
    """Takes articles out of every delivery and message of their stories; ``urls`` are theirs, which copies are shown by."""
    done = Redacted()
    told = select(matches.c.watch_id).where(matches.c.story_id.in_(stories)).distinct()
    mine = deliveries.c.story_id.in_(stories) & deliveries.c.watch_id.in_(tx.conn.execute(told).scalars().all())
    rows = list(tx.conn.execute(select(deliveries).where(mine)))
    for row in rows:
        if row.article_id in gone and row.state == "pending":
            done.deliveries += _pass_on(tx, row, gone)
    for message_id in sorted({row.message_id for row in rows if row.message_id}):
        held = select(messages).where(messages.c.id == message_id)
        message = tx.conn.execute(held.with_for_update() if tx.dialect == "postgresql" else held).first()
        if message is not None:
            done.messages += _rewrite(tx, message, gone, urls)
    taken_back = (deliveries.c.state == "sending") & deliveries.c.id.in_([row.id for row in rows if row.article_id in gone])
    done.deliveries += tx.conn.execute(update(deliveries).where(taken_back).values(state="cancelled", message_id=None)).rowcount
    return done


def _pass_on(tx: Tx, row: Record, gone: Collection[str]) -> int:
    """Another copy of the story that the watch matched is told instead; 1 where there is none, and it is cancelled."""
    others = (matches.c.story_id == row.story_id) & (matches.c.watch_id == row.watch_id) & matches.c.article_id.not_in(gone)
    query = select(matches.c.article_id, matches.c.revision).where(others).order_by(matches.c.matched_at, matches.c.article_id)
    other = tx.conn.execute(query.limit(1)).first()
    values = {"article_id": other.article_id, "revision": other.revision} if other else {"state": "cancelled"}
    tx.conn.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))
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
