"""One plain function for each stage; all that is decided is decided elsewhere, all that is written is written here.

    page ─claim─> extract ─> match ─┬─ one transaction: article, revision, story, matches, deliveries   ``ingest``
                                    └─ or a refusal, with its reason
    delivery ─due─> pack ─> message ─claim─> send ─> settle                                             ``deliver``
    article ─claim─> put in the index ─> mark as indexed                                                ``index``

Each step claims under one lease, is safe to repeat, and returns whether there was anything to do.
"""

import logging
import secrets
import time
from dataclasses import dataclass

from copytaster import metrics
from copytaster.crashpoints import crashpoint
from copytaster.errors import Permanent, Rejected, Transient
from copytaster.news import Article, SourceId
from copytaster.store import Tx, articles, deliveries, inventory, links, messages, pages, refusals, troubles, watches
from search.engine import Outcome
from search.mapping import IndexDocument
from workers import landing, packing, refilling, settling
from workers.extraction.boxed import extract_boxed
from workers.notifiers import Bounced, Gone, NotTheirs, NotTried
from workers.planner import SCHEDULE
from workers.services import Services

LEASE_SECONDS = 30.0
MOST_ATTEMPTS = 5
RUN_SECONDS = 1.0  # of one call of a step: short beside a task's time limit, long beside a page
log = logging.getLogger("copytaster.pipeline")


def _token(services: Services) -> str:
    return f"{services.token}/{secrets.token_hex(6)}"


# -- ingest -----------------------------------------------------------------------------------------------------------


def ingest(services: Services) -> bool:
    """Pages, for a short while: read, match, and land all that follows from each in one transaction, which claims the next."""
    _learn_watches(services)
    until = time.monotonic() + RUN_SECONDS
    with services.store.write() as tx:
        lease = pages.claim(tx, _token(services), seconds=LEASE_SECONDS)
    if lease is None:
        return False
    while lease:
        crashpoint("ingest.claimed")
        lease = _ingest(services, lease, until)
    return True


def _learn_watches(services: Services) -> None:
    """Before anything is leased or locked: a process that starts has them all to learn, 0.2 s for each thousand.

    Landing looks again behind the epoch's lock, and then finds what was saved within this second at most.
    """
    with services.store.read() as tx:
        if watches.epoch(tx) != services.watchlist.epoch:
            tx.take_time()
            services.watchlist.refresh(tx)


def _ingest(services: Services, lease: pages.PageLease, until: float) -> pages.PageLease | None:
    """One page; returns the next one where there is time for it."""
    if lease.attempts > MOST_ATTEMPTS:
        _refuse_page(services, lease, "poison", "Reading this page ended its worker each time, so it is left alone.")
        return None
    try:
        with metrics.stage("extract"):
            extracted = extract_boxed(lease.page.body, lease.page.url, lease.page.content_type)
    except Rejected as error:
        _refuse_page(services, lease, error.reason, str(error))
        return None
    reading = landing.Reading.of(lease.page, extracted)
    crashpoint("ingest.extracted")
    more = None
    with metrics.stage("land"), services.store.write() as tx:
        landed = landing.land(tx, lease, reading, services)
        if time.monotonic() < until:  # in the same transaction: one commit less for each page
            more = pages.claim(tx, _token(services), seconds=LEASE_SECONDS)
    crashpoint("ingest.landed")
    metrics.ARTICLES_READ.labels(landed.outcome).inc()
    metrics.MATCHES.inc(landed.matches)
    if landed.deliveries:
        services.hint("deliver")
    return more


def _refuse_page(services: Services, lease: pages.PageLease, reason: str, detail: str) -> None:
    metrics.REFUSED.labels("ingest", reason).inc()
    with services.store.write() as tx:
        if not pages.finish(tx, lease):
            return
        link_id = lease.page.link_id
        source_id = links.refused(tx, link_id)
        refusal = refusals.Refusal(
            stage="ingest",
            key=link_id,
            url=lease.page.url,
            source_id=source_id,
            reason=reason,
            detail=detail,
            attempts=min(lease.attempts, MOST_ATTEMPTS),  # a claim that only refuses tried nothing
        )
        refusals.put(tx, refusal)
    if source_id:
        with services.store.write() as tx:  # apart, for the crawler locks sources before links
            troubles.look_now(tx, SourceId(source_id))


# -- deliver ----------------------------------------------------------------------------------------------------------


def deliver(services: Services) -> bool:
    """Messages, for a short while: packs what is due, sends, and settles each in the transaction that claims the next."""
    until = time.monotonic() + RUN_SECONDS
    with services.store.write() as tx:
        packed, lease = _next_message(tx, services)
    if lease is None:
        return packed > 0
    while lease:
        crashpoint("deliver.claimed")
        lease = _deliver(services, lease, until)
        crashpoint("deliver.settled")
    return True


def _next_message(tx: Tx, services: Services) -> tuple[int, messages.MessageLease | None]:
    token = f"{services.senders.pool}{_token(services)}"
    return packing.pack(tx, services), messages.claim(tx, token, seconds=LEASE_SECONDS, senders=services.senders)


def _deliver(services: Services, lease: messages.MessageLease, until: float) -> messages.MessageLease | None:
    """One message; returns the next one where this was sent and there is time."""
    if lease.message.attempts > len(SCHEDULE):
        settling.give_up(services, lease, "Sending this ended its worker each time, so it is left alone.", "poison")
        return None
    began = time.monotonic()
    try:
        with metrics.stage("send"):
            receipt = services.notifiers.send(lease.message)
    except Gone as error:
        settling.give_up(services, lease, str(error), "gone", disable=True)
    except Bounced as error:
        settling.give_up(services, lease, str(error), "bounced")
    except (Permanent, Rejected) as error:
        settling.give_up(services, lease, str(error), "refused")
    except NotTried as error:
        settling.put_back(services, lease, error)
    except Transient as error:
        settling.try_later(services, lease, error)
    except Exception as error:
        # A fault of ours in one payload follows the schedule like any failure, and holds up no other.
        log.exception("message %s could not be sent", lease.message.id)
        settling.try_later(services, lease, NotTheirs(f"It could not be sent, by a fault of copytaster: {error!r}"))
    else:
        crashpoint("deliver.sent")
        took = time.monotonic() - began if receipt.seconds is None else receipt.seconds
        return _settle(services, lease, Sent(receipt.detail, took), until)
    return None


@dataclass(frozen=True, slots=True)
class Sent:
    """What the other side said, and how long it took."""

    detail: str
    seconds: float


def _settle(services: Services, lease: messages.MessageLease, sent: Sent, until: float) -> messages.MessageLease | None:
    """A fault in what comes next must not undo what was sent, or it would be sent again: then this is settled by itself."""
    try:
        return _settled(services, lease, sent, until)
    except Exception:
        log.warning("message %s is settled by itself", lease.message.id, exc_info=True)
        return _settled(services, lease, sent, float("-inf"))


def _settled(services: Services, lease: messages.MessageLease, sent: Sent, until: float) -> messages.MessageLease | None:
    more = None
    with services.store.write() as tx:
        found, now = settling.sent(tx, lease, sent.detail, seconds=sent.seconds), tx.now
        if time.monotonic() < until:
            _, more = _next_message(tx, services)
    metrics.DELIVERIES.labels("sent").inc(len(found))
    for at in found:
        metrics.FOUND_TO_ALERT.observe(max((now - at).total_seconds(), 0.0))
    return more


# -- index ------------------------------------------------------------------------------------------------------------


def index(services: Services) -> bool:
    """Brings a batch of articles into the search index; an engine that is away stops nothing but this."""
    with services.intake.turn() as most:
        return bool(most) and _index(services, most)


def _index(services: Services, most: int) -> bool:
    if not services.intake.prepared:
        _prepare(services)
    token = _token(services)
    with services.store.write() as tx:
        batch, attempts = articles.claim_unindexed(tx, token, limit=most, seconds=LEASE_SECONDS)
        matched = deliveries.watches_of(tx, [article.id for article in batch])
    if not batch:
        return False
    crashpoint("index.claimed")
    if attempts > MOST_ATTEMPTS:  # claimed alone, since it failed before
        with services.store.write() as tx:
            why = "Indexing this ended its worker each time, so it is left alone."
            _refuse_document(tx, token, batch[0], "poison", why, attempts=MOST_ATTEMPTS)
        return True
    documents = [IndexDocument.of(article, matched.get(article.id)) for article in batch]
    try:
        with metrics.stage("index"):
            outcomes = services.engine.put(documents)
    except (Transient, Permanent) as error:
        _pause(services, error)
        with services.store.write() as tx:
            articles.index_again(tx, token, [article.id for article in batch], tx.now)
        raise
    services.intake.worked()
    crashpoint("index.put")
    _note_indexed(services, token, list(zip(batch, outcomes, strict=True)), attempts)
    crashpoint("index.noted")
    return True


def _prepare(services: Services) -> None:
    """Before the first document, and again after a failure: no row is touched while the engine is away."""
    try:
        empty = services.engine.prepare()
    except (Transient, Permanent) as error:
        _pause(services, error)
        raise
    if empty:
        refilling.put_all_again(services.store)
    else:
        refilling.go_on(services.store)
    services.intake.prepared = True


def _pause(services: Services, error: Transient | Permanent) -> None:
    """A revoked key is mended like an engine that is away: by somebody else. Waiting for it is no being stuck."""
    services.intake.failed(getattr(error, "retry_after", None))
    services.progress.note()


def _note_indexed(services: Services, token: str, pairs: list[tuple[Article, Outcome]], attempts: int) -> None:
    with services.store.write() as tx:
        done = [(each.id, each.document_version) for each, out in pairs if out.state != "failed"]
        articles.indexed(tx, token, done)
        refusals.clear_all(tx, "index", [article_id for article_id, _ in done])
        there = inventory.there(tx, [article.id for article, _ in pairs])
        for article, out in pairs:
            if out.state == "failed" and article.id in there:
                _refuse_document(tx, token, article, "document", out.reason, attempts=attempts)
    if gone := [article.id for article, _ in pairs if article.id not in there]:  # taken down while we put them
        services.engine.delete(gone)


def _refuse_document(tx: Tx, token: str, article: Article, reason: str, why: str, *, attempts: int) -> None:
    articles.index_again(tx, token, [article.id], None)
    metrics.REFUSED.labels("index", reason).inc()
    refusal = refusals.Refusal(
        stage="index",
        key=article.id,
        url=article.url,
        source_id=article.source_id,
        reason=reason,
        detail=why,
        attempts=attempts,
    )
    refusals.put(tx, refusal)
