"""Two days of a small newsroom, made up: sources that are well, silent and failing, articles, watches, alerts, refusals."""

import datetime as dt
from dataclasses import dataclass, replace

from copytaster.news import Article, ArticleId, Endpoint, EndpointId, Extracted, Printed, Source, SourceId, StoryId
from copytaster.store import articles, deliveries, refusals, sources, troubles, watches
from copytaster.store.deliveries import Owed
from copytaster.watches import Hit, Match, MessageId, Watch, WatchId
from search.mapping import IndexDocument

NAMES = ("Herald", "Observer", "پیک", "Вестник")
LANGUAGES = ("en", "en", "fa", "ru")
SECRET = "hunter2"
CHANNELS = (f"mailto:anna@{SECRET}.example", f"https://hooks.example/{SECRET}", f"tgram://{SECRET}/12345")
KINDS = ("instant", "digest", "late")
ARTICLES = 48


@dataclass
class World:
    """What was put into the store, as the index stage would put it into the engine."""

    documents: list[IndexDocument]
    now: dt.datetime


def fill(store, clock) -> World:
    """Ends at the clock's instant; the newest article is two minutes old."""
    end = clock.now
    clock.now = end - dt.timedelta(days=2)
    with store.write() as tx:
        watches.ensure_owner(tx)
        channels = [watches.ensure_channel(tx, url) for url in CHANNELS]
        for number, name in enumerate(NAMES):
            _source(tx, number, name)
        watched = [_watch(tx, number, channels) for number in range(3)]
    documents = [_article(store, clock, number, watched, end) for number in range(ARTICLES)]
    clock.now = end - dt.timedelta(minutes=1)
    _ills(store)
    clock.now = end
    return World(documents, end)


def _source(tx, number, name):
    host = f"source{number}.example"
    source_id = SourceId(f"source{number}")
    source = Source(id=source_id, url=f"https://{host}/", name=name, host=host, added_at=tx.now, baseline_at=tx.now)
    feed = f"https://{host}/feed?key={SECRET}"
    endpoint = Endpoint(id=EndpointId(f"feed{number}"), source_id=source_id, url=feed, kind="feed", due_at=tx.now)
    sources.add(tx, source, [endpoint])
    sources.note_reading(tx, endpoint.id, {"due_at": tx.now, "read_at": tx.now, "readings": 9, "overflows": number})
    sources.note_found(tx, source_id, baseline_done=True, found=True)


def _watch(tx, number, channels):
    made = Watch(
        id=WatchId(f"w{number}"),
        owner_id=watches.LOCAL.id,
        name=("Bridge", "Harvest", "Ferry")[number],
        query=("bridge", "harvest", "ferry")[number],
        channel_ids=(channels[number].id,),
        created_at=tx.now,
    )
    return watches.save(tx, made)


def _article(store, clock, number, watched, end):
    """Every hour one, told by four sources in turn; stories have two articles. Some lack a date, an author, a language."""
    clock.now = end - dt.timedelta(hours=ARTICLES - 1 - number, minutes=2)
    which = number % len(NAMES)
    extracted = Extracted(
        title=f"The bridge over the river, part {number}",
        text=" ".join(["word"] * (50 + 10 * which)),
        authors=() if number % 3 == 0 else (f"Author {number % 5}",),
        published=None if number % 4 == 0 else Printed(clock.now - dt.timedelta(minutes=10)),
        language=None if number % 7 == 0 else LANGUAGES[which],
        extractor=("jsonld-1", "trafilatura-2")[number % 2],
    )
    article_id, story_id = ArticleId(f"article{number}"), StoryId(f"story{number // 2}")
    found_at = clock.now - dt.timedelta(seconds=2)
    watch = watched[number % len(watched)]
    with store.write() as tx:
        source_id, url = SourceId(f"source{which}"), f"https://source{which}.example/{number}"
        place = {"url": url, "source_id": source_id, "story_id": story_id, "found_at": found_at}
        articles.put(tx, article_id, extracted, **place, epoch=1, baseline=False, late=False)
        article = articles.get(tx, article_id)
        if number % 2 == 0:
            _alert(tx, clock, article, watch, number)
    return IndexDocument.of(article, {watch.id: watch.name} if number % 2 == 0 else {})


def _alert(tx, clock, article: Article, watch, number):
    hit = Hit("title", 4, 10, "bridge", "bridge")
    facts = {"watch_id": watch.id, "article_id": article.id, "revision": 1, "story_id": article.story_id}
    match = Match(**facts, hits=(hit,), matched_at=tx.now)
    deliveries.put_matches(tx, [match], 1)
    deliveries.put(tx, [Owed(match, watch.channel_ids, KINDS[number // 2 % 3], tx.now)])
    (delivery,) = deliveries.claim_due(tx, limit=1)
    message_id = MessageId(f"msg_{number}")
    deliveries.pack(tx, [delivery.id], message_id)
    deliveries.settle(replace(tx, now=clock.now + dt.timedelta(seconds=1 + number % 5)), message_id, "sent")


def _ills(store):
    with store.write() as tx:
        still = troubles.Reported(kind="silent", reason="Nothing new for 2 days.")
        troubles.note(tx, SourceId("source1"), still, fresh_at=_found_at(tx, "source1"))
        failing = {"due_at": tx.now, "failures": 3, "last_error": "503 Service Unavailable"}
        sources.note_reading(tx, EndpointId("feed2"), failing)
        for number, (stage, reason) in enumerate((("fetch", "robots"), ("fetch", "too_big"), ("ingest", "poison"))):
            url = f"https://source{number}.example/refused"
            facts = {"stage": stage, "key": f"link{number}", "url": url, "source_id": f"source{number}"}
            refusals.put(tx, refusals.Refusal(**facts, reason=reason, detail="It may not be fetched.", attempts=number + 1))
        lost = {"stage": "deliver", "key": "msg_x", "url": CHANNELS[2], "reason": "given_up"}
        refusals.put(tx, refusals.Refusal(**lost, detail=f"{CHANNELS[2]} does not answer."))


def _found_at(tx, source_id):
    return next(row.fresh_at for row in sources.freshness(tx) if row.id == source_id)
