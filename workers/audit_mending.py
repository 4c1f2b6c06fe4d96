"""What was missed is made good: the match and the deliveries that the stream owed, in one transaction, and the finding kept.

It owns that transaction; whether something was missed has been judged, and is judged once more behind the locks.
"""

from dataclasses import dataclass

from copytaster.store import Store, Tx, articles, audits, deliveries, watches
from copytaster.store.audits import Finding, Landed, Matched
from copytaster.watches import DEFAULT_LEVEL, ChannelId, Match, Watch
from search.document import Document
from search.matcher import Verifier
from search.query import Query
from workers.audit_rules import Facts, is_matched, is_news, newest, owed_channels
from workers.planner import plan_missed


@dataclass(frozen=True, slots=True)
class Missed:
    """A match that is missing, or one that is there without a delivery."""

    kind: audits.Kind
    match: Matched
    article: Landed
    why: str


def mend(store: Store, missed: Missed, watch: Watch, *, query: Query, match_days: int) -> Finding | None:
    """None where it was made good, changed or taken down since it was judged."""
    with store.write() as tx:
        watches.epoch(tx, hold=True)
        articles.lock(tx, {missed.article.id})
        articles.row(tx, missed.article.id)
        channels = _still(tx, missed, watch, match_days)
        return None if channels is None else _made_good(tx, missed, watch, query, channels)


def _still(tx: Tx, missed: Missed, watch: Watch, match_days: int) -> list[ChannelId] | None:
    """Whom it is owed, which may be nobody where a match is missing; None where nothing is missed any more."""
    article, held = next(iter(audits.these(tx, [missed.article.id])), None), watches.get(tx, watch.id)
    if article is None or held is None or held.epoch != watch.epoch:
        return None
    story = [article.story_id]
    since = watches.told_since(tx, held.channel_ids)
    facts = Facts(matches=audits.matches_of(tx, story), told=audits.told_of(tx, story), told_since=since, match_days=match_days)
    match = missed.match if missed.kind == "delivery" else newest(held, article)
    channels = owed_channels(held, match, article, facts)
    if missed.kind == "delivery":
        return channels if channels and is_matched(match, facts) else None
    is_same = article.revision == missed.article.revision and is_news(held, match, article)
    return channels if is_same and not is_matched(match, facts) else None


def _made_good(tx: Tx, missed: Missed, watch: Watch, query: Query, channels: list[ChannelId]) -> Finding:
    match = _match(tx, missed.match, watch, query)
    if missed.kind == "match":
        deliveries.put_matches(tx, [match], missed.match.watch_epoch)
        audits.change_document(tx, match.article_id)
    intent = plan_missed(watch, now=tx.now)
    told = deliveries.put(tx, [deliveries.Owed(match, channels, intent.kind, intent.due_at)])
    found = Finding(
        kind=missed.kind, article_id=match.article_id, revision=match.revision, watch_id=watch.id, why=missed.why, told=told
    )
    audits.note(tx, [found])
    return found


def _match(tx: Tx, matched: Matched, watch: Watch, query: Query) -> Match:
    """With the places that the stream would have shown, where it can read them."""
    whole = articles.get(tx, matched.article_id)
    verifier = Verifier(query, level=watch.level or DEFAULT_LEVEL, vetoes=watch.vetoes)
    return Match(
        watch_id=watch.id,
        article_id=matched.article_id,
        revision=matched.revision,
        story_id=matched.story_id,
        hits=(verifier.hits(Document.of(whole)) or ()) if whole else (),
        matched_at=tx.now,
    )
