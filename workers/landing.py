"""The one transaction in which a read page becomes an article: story, revision, matches and what they owe.

It owns their order under the locks; what counts as a story, a revision or an alert is decided by others.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from copytaster import heartbeat
from copytaster.errors import Rejected
from copytaster.news import ArticleId, Extracted, Page, StoryId
from copytaster.store import Tx, articles, deliveries, links, pages, refusals, retention, takedown, tombstones, watches
from copytaster.store import stories as story_rows
from copytaster.store.db import Record
from copytaster.urls import normalize, same_site, url_id
from copytaster.watches import Match
from scrapers.revisit import reread_due
from search.document import Document, author_line, source_line
from workers import stories
from workers.planner import needs_alert, plan_delivery
from workers.services import Services

Outcome = Literal["new", "revised", "unchanged", "lost", "taken_down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A page read, with all that can be worked out before the store is asked."""

    page: Page
    extracted: Extracted
    url: str  # normal form of the final one
    article_id: ArticleId
    canonical: str | None  # normal form of what the page names as its address
    signature: stories.Signature
    buckets: Sequence[int]

    @classmethod
    def of(cls, page: Page, extracted: Extracted) -> "Reading":
        url = normalize(page.url)
        signature = stories.signature(extracted.text)
        return cls(
            page=page,
            extracted=extracted,
            url=url,
            article_id=ArticleId(url_id(url)),
            canonical=_normal(extracted.canonical_url),
            signature=signature,
            buckets=stories.buckets(signature),
        )

    def document(self, source_name: str) -> Document:
        """As the matcher sees it."""
        return Document(
            title=self.extracted.title,
            text=self.extracted.text,
            language=self.extracted.language,
            source=source_line(source_name, self.url),
            author=author_line(self.extracted.authors),
        )


def _normal(url: str | None) -> str | None:
    """A page may name anything as its canonical address; what is no address counts as none."""
    try:
        return normalize(url) if url else None
    except Rejected:
        return None


@dataclass(frozen=True, slots=True)
class Landed:
    """``lost``: the lease ran out and another worker has the page, so nothing was written."""

    outcome: Outcome
    matches: int = 0
    deliveries: int = 0


def land(tx: Tx, lease: pages.PageLease, reading: Reading, services: Services) -> Landed:
    """Writes everything that follows from one reading, or nothing."""
    epoch = watches.epoch(tx, hold=True)
    if not pages.finish(tx, lease):
        return Landed("lost")
    link = links.get(tx, lease.page.link_id)
    assert link is not None  # its page refers to it
    landing = _Landing(tx, reading, link, epoch, services)
    if down := landing.taken_down():
        takedown.drop_links(tx, [link.id], down)
        return Landed("taken_down")
    landed, article_id, first_read_at = landing.land()
    due_at = None if link.source_id == heartbeat.SOURCE else reread_due(first_read_at, link.reads + 1)
    links.read(tx, link.id, article_id, reread_at=due_at)
    if link.reads or lease.attempts > 1:  # only then can there be one, and asking costs as much as any write
        refusals.clear(tx, "ingest", link.id)
    return landed


@dataclass(frozen=True, slots=True)
class _Landing:
    """One reading on its way in: the transaction and what every step of it needs."""

    tx: Tx
    reading: Reading
    link: Record
    epoch: int
    services: Services

    def taken_down(self) -> str | None:
        """By which takedown, whatever way it came: by another link, a redirect, another address, or of a source that is closed.

        Behind the locks that a takedown takes, and all at once, or each might wait for the other.
        """
        reading, canonical = self.reading, self.reading.canonical
        named = {url_id(canonical)} if canonical else set()
        own = {reading.article_id, self.link.id}
        articles.lock(self.tx, own | named)
        mine = own | (named if canonical and same_site(canonical, reading.url) else set())
        found = tombstones.takedowns_of(self.tx, mine) or tombstones.takedowns_of(self.tx, {self.link.source_id})
        return min(found.values(), default=None)

    def land(self) -> tuple[Landed, ArticleId, dt.datetime]:
        """What happened, to which article, and when that was first read."""
        article_id = self._identity()
        known = articles.row(self.tx, article_id)
        if known is None:
            return self._new(article_id), article_id, self.tx.now
        return self._again(known), article_id, known.first_seen_at

    def _identity(self) -> ArticleId:
        """The article of the final URL, or of the canonical one where that is known, on the same site, and says the same."""
        reading, canonical = self.reading, self.reading.canonical
        if canonical is None or canonical == reading.url:
            return reading.article_id
        named = ArticleId(url_id(canonical))
        other = articles.get(self.tx, named) if articles.row(self.tx, named) else None
        theirs = stories.signature(other.text) if other else None
        if other and stories.canonical_alias(reading.url, canonical, reading.signature, theirs):
            return other.id
        return reading.article_id

    def _new(self, article_id: ArticleId) -> Landed:
        story_id = self._story(article_id)
        articles.put(
            self.tx,
            article_id,
            self.reading.extracted,
            url=self.reading.url,
            source_id=self.link.source_id,
            story_id=story_id,
            found_at=self.link.found_at,
            epoch=self.epoch,
            baseline=self.link.baseline or self.link.priority >= links.BACKFILL,
            late=self.link.late,
            indexed=self.link.source_id != heartbeat.SOURCE,
        )
        return self._match(article_id, story_id, 1)

    def _story(self, article_id: ArticleId) -> StoryId:
        tx, reading = self.tx, self.reading
        story_rows.lock(tx, reading.buckets)
        rows = story_rows.candidates(tx, reading.buckets, since=tx.now - stories.WINDOW)
        known = [stories.Candidate(row.id, stories.Signature.from_bytes(row.signature), row.started_at) for row in rows]
        found = stories.choose_story(known, reading.signature, tx.now)
        return found or story_rows.begin(tx, article_id, reading.buckets, reading.signature.to_bytes())

    def _again(self, known: Record) -> Landed:
        before, extracted = articles.get(self.tx, known.id), self.reading.extracted
        assert before is not None
        if before.title == extracted.title and not stories.revision_differs(before.text, extracted.text):
            articles.read_again(self.tx, known.id)
            return Landed("unchanged")
        number = known.revision + 1
        articles.revise(self.tx, known.id, number, extracted, epoch=self.epoch)
        return self._match(known.id, known.story_id, number)

    def _match(self, article_id: ArticleId, story_id: StoryId, number: int) -> Landed:
        self.services.watchlist.refresh(self.tx)
        found = self.services.watchlist.match(self.reading.document(self.link.source_name))
        matches = [
            Match(
                watch_id=each.watch_id,
                article_id=article_id,
                revision=number,
                story_id=story_id,
                hits=each.hits,
                matched_at=self.tx.now,
            )
            for each in found
        ]
        owed = self._owe(matches, story_id, edited=number > 1) if matches else 0
        deliveries.put_matches(self.tx, matches, self.epoch)
        return Landed("new" if number == 1 else "revised", len(matches), owed)

    def _owe(self, matches: Sequence[Match], story_id: StoryId, *, edited: bool) -> int:
        """The deliveries that these matches make, asked before the matches themselves are rows."""
        if self._old_news(matches[0].article_id, edited=edited):
            return 0
        tx, link, ids = self.tx, self.link, [match.watch_id for match in matches]
        before, told = deliveries.matched_before(tx, story_id, ids), deliveries.alerted(tx, story_id, ids)
        backfill, owed = link.priority >= links.BACKFILL, []
        for match in matches:
            if not needs_alert(edited=edited, matched_before=match.watch_id in before, alerted=match.watch_id in told):
                continue
            watch = self.services.watchlist.watch(match.watch_id)
            # What is edited after the baseline is news, however old the article.
            late, baseline = link.late and not edited, link.baseline and not edited
            intent = plan_delivery(watch, now=tx.now, late=late, baseline=baseline, backfill=backfill)
            if intent:
                owed.append(deliveries.Owed(match, watch.channel_ids, intent.kind, intent.due_at))
        return deliveries.put(tx, owed)

    def _old_news(self, article_id: ArticleId, *, edited: bool) -> bool:
        """An article that was told and forgotten and is found again; an edit of one whose matches are forgotten."""
        if not edited:
            return retention.was_forgotten(self.tx, article_id)
        days = self.services.config.retention.match_days
        known = articles.row(self.tx, article_id) if days else None
        return known is not None and known.first_seen_at < self.tx.now - dt.timedelta(days=days)
