"""Articles and links taken down for good: their rows go, what was told of them is redacted, a tombstone stops their return.

It owns the order within one transaction; it must not know the search index, files, or who asked. Decision 0020.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select, update

from copytaster.errors import Rejected
from copytaster.news import SourceId
from copytaster.store import articles as article_rows
from copytaster.store import redaction
from copytaster.store.db import Record, Tx
from copytaster.store.schema import (
    articles,
    endpoints,
    links,
    matches,
    pages,
    refusals,
    revisions,
    sources,
    texts,
    tombstones,
)
from copytaster.urls import normalize, same_site, url_id

BATCH = 100  # articles in one transaction


@dataclass(slots=True)
class Taken:
    """What went; ``buried`` are the ids that must not come back, ``urls`` what was known of where they are."""

    articles: int = 0
    links: int = 0
    deliveries: int = 0
    messages: int = 0
    buried: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)

    def add(self, other: "Taken") -> None:
        self.articles += other.articles
        self.links += other.links
        self.deliveries += other.deliveries
        self.messages += other.messages
        self.buried |= other.buried
        self.urls |= other.urls


def buried(tx: Tx, ids: Collection[str]) -> set[str]:
    """Those of the ids (of links, articles or sources) that have a tombstone."""
    return set(tx.conn.execute(select(tombstones.c.id).where(tombstones.c.id.in_(ids))).scalars())


def bury(tx: Tx, ids: Collection[str]) -> None:
    if ids:
        tx.insert_new(tombstones, [{"id": each, "buried_at": tx.now} for each in sorted(ids)])


def lift(tx: Tx, ids: Collection[str]) -> int:
    """It may come in again, when it is found again."""
    return tx.conn.execute(delete(tombstones).where(tombstones.c.id.in_(ids))).rowcount


def articles_at(tx: Tx, link_id: str) -> list[str]:
    """The article of this address, and the one that it led to."""
    led = select(links.c.article_id).where(links.c.id == link_id, links.c.article_id.is_not(None))
    there = (articles.c.id == link_id) | articles.c.id.in_(led)
    return list(tx.conn.execute(select(articles.c.id).where(there)).scalars())


def articles_of(tx: Tx, source_id: SourceId, *, limit: int = BATCH) -> list[str]:
    query = select(articles.c.id).where(articles.c.source_id == source_id).order_by(articles.c.first_seen_at)
    return list(tx.conn.execute(query.limit(limit)).scalars())


def total_of(tx: Tx, source_id: SourceId) -> int:
    mine = [select(func.count()).where(table.c.source_id == source_id) for table in (articles, links)]
    return sum(tx.conn.execute(query).scalar_one() for query in mine)


def known(tx: Tx, link_id: str) -> bool:
    """Whether an address was found, read, refused or taken down before."""
    places = (links.c.id, articles.c.id, tombstones.c.id)
    return any(tx.conn.execute(select(place).where(place == link_id)).first() for place in places)


def take_down(tx: Tx, ids: Sequence[str]) -> Taken:
    """These articles with everything that holds their words; unknown ids are buried all the same."""
    article_rows.lock(tx, ids)  # whoever lands one of them just now comes before or finds the tombstone
    rows = list(tx.conn.execute(select(articles).where(articles.c.id.in_(ids))))
    names = _names_of(tx, rows)
    taken = Taken(articles=len(rows), buried={*ids, *(url_id(name) for name in names)}, urls={row.url for row in rows})
    told = redaction.redact(tx, {row.id for row in rows}, taken.urls, {row.story_id for row in rows})
    taken.deliveries, taken.messages = told.deliveries, told.messages
    gone = [row.id for row in rows]
    months = tx.conn.execute(select(revisions.c.text_month).where(revisions.c.article_id.in_(gone)).distinct()).scalars().all()
    tx.conn.execute(delete(texts).where(texts.c.month.in_(months), texts.c.article_id.in_(gone)))
    for table, column in ((revisions, revisions.c.article_id), (matches, matches.c.article_id), (articles, articles.c.id)):
        tx.conn.execute(delete(table).where(column.in_(gone)))
    bury(tx, taken.buried)
    taken.add(drop_links(tx, list(taken.buried)))
    return taken


def _names_of(tx: Tx, rows: Sequence[Record]) -> set[str]:
    """What the pages call their own address, where no other page of the source calls itself the same and it is no front page."""
    found = set()
    for row in rows:
        name = _own_name(row.canonical_url, row.url)
        if name is None:
            continue
        namesakes = select(articles.c.id).where(
            articles.c.source_id == row.source_id, articles.c.canonical_url == row.canonical_url, articles.c.id != row.id
        )
        if tx.conn.execute(namesakes.limit(1)).first() is None:
            found.add(name)
    return found


def _own_name(canonical: str | None, url: str) -> str | None:
    try:
        name = normalize(canonical) if canonical else None
    except Rejected:
        return None
    return name if name and name != url and urlsplit(name).path.strip("/") and same_site(name, url) else None


def drop_links(tx: Tx, ids: Sequence[str]) -> Taken:
    """Links with their pages in flight and their refusals; buried, so that no feed, sitemap or redirect brings them back."""
    bury(tx, ids)
    tx.conn.execute(delete(pages).where(pages.c.link_id.in_(ids)))
    stages = ("discover", "fetch", "ingest", "index")  # named, for the key's index begins with the stage
    tx.conn.execute(delete(refusals).where(refusals.c.stage.in_(stages), refusals.c.key.in_(ids)))
    urls = tx.conn.execute(delete(links).where(links.c.id.in_(ids)).returning(links.c.url)).scalars().all()
    return Taken(links=len(urls), buried=set(ids), urls=set(urls))


def stray_links(tx: Tx, *, limit: int = BATCH) -> list[str]:
    """Links, of whatever source, that led to what was taken down."""
    led = select(links.c.id).join(tombstones, tombstones.c.id == links.c.article_id).limit(limit)
    return list(tx.conn.execute(led).scalars())


# -- whole sources ----------------------------------------------------------------------------------------------------


def find_source(tx: Tx, name: str) -> Record | None:
    """By id, URL, name or host, those that were removed included: nothing of them has gone but their reading."""
    wanted = (sources.c.id == name) | (sources.c.url == name) | (sources.c.name == name) | (sources.c.host == name)
    return tx.conn.execute(select(sources).where(wanted).order_by(sources.c.state, sources.c.id).limit(1)).first()


def close_source(tx: Tx, source_id: SourceId) -> None:
    """Nothing of it is read from now on, and it can't be added again."""
    bury(tx, [source_id])
    tx.conn.execute(update(sources).where(sources.c.id == source_id).values(state="removed", check_at=None))
    tx.conn.execute(update(endpoints).where(endpoints.c.source_id == source_id).values(due_at=None))


def links_of(tx: Tx, source_id: SourceId, *, limit: int = BATCH) -> list[str]:
    return list(tx.conn.execute(select(links.c.id).where(links.c.source_id == source_id).limit(limit)).scalars())


def end_source(tx: Tx, source_id: SourceId) -> None:
    """The last rows of a source that has no articles and no links any more."""
    owned = select(endpoints.c.id).where(endpoints.c.source_id == source_id)
    tx.conn.execute(delete(refusals).where((refusals.c.source_id == source_id) | refusals.c.key.in_(owned)))
    tx.conn.execute(delete(endpoints).where(endpoints.c.source_id == source_id))
    tx.conn.execute(delete(sources).where(sources.c.id == source_id))
