"""Which matches and deliveries there must be, given the rows: pure decisions, the same that the stream makes as it lands.

It owns what counts as a miss; it must not know the store, the index or how a text is read.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from copytaster.news import StoryId
from copytaster.store.audits import Landed, Matched
from copytaster.watches import ChannelId, Watch, WatchId
from workers.planner import needs_alert

WAITS_LONG = dt.timedelta(minutes=10)  # for the index


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of some articles: the matches of their stories, and which of these were told to whom. ``told_since``: of channels that
    are told, since when where they were off before.
    """

    matches: Sequence[Matched]
    told: Collection[tuple[WatchId, StoryId]]
    told_since: Mapping[ChannelId, dt.datetime | None]
    match_days: int = 0


def newest(watch: Watch, article: Landed) -> Matched:
    """The match that there is where the newest revision satisfies the watch."""
    return Matched(watch.id, article.id, article.revision, article.story_id, article.landed_at, article.watch_epoch)


def is_news(watch: Watch, match: Matched, article: Landed) -> bool:
    """Whether the article was read when the watch was saved as it is, and was news: no baseline, no backfill, not found again
    after it was forgotten. What is edited after its first reading is news.
    """
    return watch.epoch <= match.watch_epoch and (match.revision > 1 or not (article.baseline or article.again))


def is_matched(match: Matched, facts: Facts) -> bool:
    return any(_is_same(each, match) for each in facts.matches)


def owed_channels(watch: Watch, match: Matched, article: Landed, facts: Facts) -> list[ChannelId]:
    """Where a match had to be told, and was not; none where nobody had to be."""
    if not is_news(watch, match, article):
        return []
    earlier = any(each.watch_id == watch.id and _is_before(each, match) for each in facts.matches)
    told = (watch.id, match.story_id) in facts.told
    if not needs_alert(edited=match.revision > 1, matched_before=earlier, alerted=told):
        return []
    if _is_old(match, article, facts.match_days) or (watch.muted_until and match.matched_at < watch.muted_until):
        return []
    return [each for each in watch.channel_ids if _was_told(each, match.matched_at, facts.told_since)]


def _is_same(one: Matched, two: Matched) -> bool:
    return (one.watch_id, one.article_id, one.revision) == (two.watch_id, two.article_id, two.revision)


def _is_before(one: Matched, two: Matched) -> bool:
    """Of one story."""
    if one.article_id == two.article_id:
        return one.revision < two.revision
    return one.story_id == two.story_id and one.matched_at <= two.matched_at


def _is_old(match: Matched, article: Landed, match_days: int) -> bool:
    """An edit of an article whose first matches may be forgotten by now."""
    is_edit = match.revision > 1 and match_days > 0
    return is_edit and article.first_seen_at < match.matched_at - dt.timedelta(days=match_days)


def _was_told(channel: ChannelId, at: dt.datetime, told_since: Mapping[ChannelId, dt.datetime | None]) -> bool:
    if channel not in told_since:
        return False
    since = told_since[channel]
    return since is None or since <= at


def lacks_index(article: Landed, now: dt.datetime, indexed: int | None) -> str:
    """Why the index does not have its newest version, where it should by now; ``indexed``: what it has."""
    if article.waits:
        waited = now - article.landed_at
        minutes = waited.total_seconds() / 60
        return f"It has waited {minutes:.0f} minutes to be indexed." if waited > WAITS_LONG else ""
    if article.indexed_version < article.document_version:
        return "The index refused it: `copytaster refused list --stage index` says why."
    if indexed is None:
        return "It is marked as indexed and the index does not have it: `copytaster rebuild` mends that."
    if indexed < article.document_version:
        return f"The index has version {indexed} of it and not {article.document_version}: `copytaster rebuild` mends that."
    return ""
