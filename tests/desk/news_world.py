"""A small store with something of everything, for what the desk shows: made row by row, through the store's own doors."""

import datetime as dt

from copytaster.news import ArticleId, Endpoint, EndpointId, Extracted, Link, LinkId, Source, SourceId, StoryId
from copytaster.store import Store, articles, deliveries, links, refusals, sources, stories, watches
from copytaster.watches import Channel, Hit, Match, Watch, WatchId

TEXT = "Officials said on Monday that veterans of the Fatemiyoun had crossed the border in the night."


def add_source(store: Store, name: str, *, interval_seconds: float = 600.0) -> tuple[SourceId, EndpointId]:
    source_id, endpoint_id = SourceId(f"source-{name}"), EndpointId(f"endpoint-{name}")
    url = f"https://{name}.example/"
    with store.write() as tx:
        source = Source(id=source_id, url=url, name=name, host=f"{name}.example", added_at=tx.now)
        endpoint = Endpoint(
            id=endpoint_id, source_id=source_id, url=f"{url}feed", kind="feed", interval_seconds=interval_seconds, due_at=tx.now
        )
        sources.add(tx, source, [endpoint])
    return source_id, endpoint_id


def add_watch(store: Store, query: str, *urls: str) -> tuple[Watch, list[Channel]]:
    with store.write() as tx:
        watches.ensure_owner(tx)
        channels = [watches.ensure_channel(tx, url) for url in urls]
        watch = Watch(
            id=WatchId(f"watch-{query}"),
            owner_id=watches.LOCAL.id,
            name=query,
            query=query,
            channel_ids=[each.id for each in channels],
            created_at=tx.now,
        )
        return watches.save(tx, watch), channels


def add_article(
    store: Store, source_id: SourceId, number: int, *, title: str = "Veterans cross the border", text: str = TEXT
) -> ArticleId:
    article_id, link_id = ArticleId(f"article-{number}"), LinkId(f"link-{number}")
    with store.write() as tx:
        links.add(tx, source_id, None, [links.Finding(link=Link(id=link_id, url=f"https://news.example/{number}"))])
        story_id = stories.begin(tx, article_id, [number], b"")
        articles.put(
            tx,
            article_id,
            Extracted(title=title, text=text, language="en"),
            url=f"https://news.example/{number}",
            source_id=source_id,
            story_id=story_id,
            found_at=tx.now,
            epoch=watches.epoch(tx),
            baseline=False,
            late=False,
        )
    return article_id


def add_alert(store: Store, watch: Watch, article_id: ArticleId, printed: str) -> None:
    with store.write() as tx:
        article = articles.get(tx, article_id)
        assert article
        start = article.text.index(printed)
        hit = Hit("text", start, start + len(printed), printed, watch.query)
        match = Match(
            watch_id=watch.id,
            article_id=article_id,
            revision=1,
            story_id=StoryId(article.story_id),
            hits=[hit],
            matched_at=tx.now,
        )
        deliveries.put_matches(tx, [match], watches.epoch(tx))
        deliveries.put(tx, [deliveries.Owed(match, watch.channel_ids, "instant", tx.now - dt.timedelta(seconds=90))])


def add_refusal(store: Store, **changes: str) -> None:
    plain = {"stage": "fetch", "key": "link-x", "url": "https://news.example/x", "reason": "robots", "detail": "Not allowed."}
    with store.write() as tx:
        refusals.put(tx, refusals.Refusal(**plain | changes))
