"""Due deliveries become messages: which travel together is the planner's, what they say is the payload's.

It owns the transaction that freezes them; it must not know how a message is sent.
"""

import datetime as dt
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from copytaster.news import Article, ArticleId, StoryId
from copytaster.store import Tx, articles, channels, deliveries, messages, redaction, refusals, tombstones, watches
from copytaster.watches import Channel, Delivery, DeliveryId, Hit, MessageId, Watch, WatchId, without_secrets
from search.passages import passage
from workers.notifiers import payload, unsubscribe
from workers.planner import Group, fallback_channel, plan_messages, watches_of
from workers.services import Services

BATCH = 200
log = logging.getLogger("copytaster.packing")


def pack(tx: Tx, services: Services) -> int:
    """Puts every due delivery into a message, due at once; returns how many deliveries there were."""
    due = deliveries.claim_due(tx, limit=BATCH)
    if not due:
        return 0
    wanted = _without_taken_down(tx, due)
    material = Material.load(tx, wanted)
    digests = {watch_id: watch.digest for watch_id, watch in material.watches.items()}
    for group in plan_messages(wanted, digests=digests):
        items = [item for each in group.deliveries if (item := _item(tx, material, each))]
        if items:
            _put(tx, services, group, items)
    return len(due)


def _without_taken_down(tx: Tx, due: Sequence[Delivery]) -> list[Delivery]:
    """Of the others another copy is told in its turn. A takedown commits its tombstones and then waits for us."""
    gone = tombstones.buried(tx, {each.article_id for each in due})
    for each in due:
        if each.article_id in gone:
            redaction.pass_on(tx, each)
    return [each for each in due if each.article_id not in gone]


def _item(tx: Tx, material: "Material", each: Delivery) -> payload.AlertItem | None:
    """None where nobody is to be told any more, and where one delivery can't be told: it must not hold up all others."""
    try:
        item = material.item(each, tx.now)
    except Exception as error:
        log.exception("delivery %s can't be put into a message", each.id)
        deliveries.end(tx, [each.id], "failed")
        detail = f"No message could be made of it, by a fault of copytaster: {error!r}"
        key = f"delivery {each.id}"
        refusals.put(tx, refusals.Refusal(stage="deliver", key=key, url=each.article_id, reason="poison", detail=detail))
        return None
    if item is None:
        deliveries.end(tx, [each.id], "cancelled")
    return item


def _put(tx: Tx, services: Services, group: Group, items: Sequence[payload.AlertItem]) -> None:
    message_id = _new_id()
    speaks_for = watches_of(group.deliveries)
    only = speaks_for[0] if len(speaks_for) == 1 else None
    link = unsubscribe.link(services.config.web.public_url or None, services.secret, group.channel_id, only)
    content = payload.build(message_id, items, created_at=tx.now, kind=group.kind, unsubscribe_url=link)
    messages.put(tx, message_id, group.channel_id, group.kind, content)
    deliveries.pack(tx, [item.delivery_id for item in items], message_id)


def tell_owner(tx: Tx, failed: Channel, why: str) -> bool:
    """A channel was given up: a word to its owner by another one, if there is another that works; no secret of it."""
    theirs = watches.owner_channels(tx, failed.owner_id)
    other = fallback_channel(failed, theirs, channels.proven(tx, [each.id for each in theirs]))
    if other is None:
        log.warning("%s is switched off and its owner has no other channel to be told by: %s", failed.id, why)
        return False
    place = without_secrets(failed.url)
    again = f"`copytaster channel enable {failed.id}` switches it on"
    text = (
        f"{place} is not told any more: {why}\nNothing is lost: {again}, and then `copytaster deliveries retry --to {failed.id}`"
    )
    notify(tx, other, f"{place} was switched off", f"{text} sends what it missed.")
    return True


def notify(tx: Tx, channel: Channel, title: str, text: str, *, message_id: MessageId | None = None) -> bool:
    """Puts a word of our own into the outbox: no alert, but news about the watching itself.

    False where a message of this id was there before: it is not said twice.
    """
    message_id = message_id or _new_id()
    return messages.put(tx, message_id, channel.id, "notice", payload.notice(message_id, title, text, created_at=tx.now))


def _new_id() -> MessageId:
    return MessageId(f"msg_{secrets.token_hex(12)}")


@dataclass(frozen=True, slots=True)
class Material:
    """All that a batch of deliveries needs to become items: a handful of queries, however many deliveries there are."""

    watches: Mapping[WatchId, Watch]
    articles: Mapping[ArticleId, Article]
    hits: Mapping[DeliveryId, Sequence[Hit]]
    copies: Mapping[StoryId, Sequence[payload.Copy]]
    older: Mapping[tuple[ArticleId, int], tuple[str, str]]  # title and text of revisions that are not the newest any more

    @classmethod
    def load(cls, tx: Tx, due: Sequence[Delivery]) -> "Material":
        newest = articles.many(tx, sorted({each.article_id for each in due}))
        wanted = {(each.article_id, each.revision) for each in due}
        return cls(
            watches=watches.many(tx, sorted({each.watch_id for each in due})),
            articles=newest,
            hits=deliveries.hits_of(tx, due),
            copies={story: _copies(tx, story) for story in sorted({each.story_id for each in due})},
            older=articles.texts_of(tx, wanted - {(each.id, each.revision) for each in newest.values()}),
        )

    def item(self, each: Delivery, now: dt.datetime) -> payload.AlertItem | None:
        """None where the watch was removed or muted, or the article taken down, since the delivery was planned."""
        watch, article = self.watches.get(each.watch_id), self._article(each)
        if watch is None or article is None or (watch.muted_until and now < watch.muted_until):
            return None
        shown = passage(article.text, [hit for hit in self.hits[each.id] if hit.field == "text"])
        return payload.AlertItem(
            delivery_id=each.id,
            watch=watch,
            article=article,
            hits=self.hits[each.id],
            passage=shown.text,
            marks=shown.marks,
            copies=[copy for copy in self.copies[each.story_id] if copy.url != article.url],
            late=each.kind in {"late", "audit"},
            audit=each.kind == "audit",
            edited=each.revision > 1,
        )

    def _article(self, each: Delivery) -> Article | None:
        """As it was when it matched: the hits point into that text, not into what it was edited to since."""
        article, before = self.articles.get(each.article_id), self.older.get((each.article_id, each.revision))
        if article is None or before is None:
            return article
        return replace(article, extracted=replace(article.extracted, title=before[0], text=before[1]))


def _copies(tx: Tx, story_id: StoryId) -> list[payload.Copy]:
    return [payload.Copy(url=row.url, source=row.source_name, title=row.title) for row in articles.of_story(tx, story_id)]
