"""Articles, links and sources taken down for good: first a tombstone, which stops their return, and at the end their rows.

It owns what each of the short transactions holds and in which order it locks; it must not know the search index, files, who
asked, or in which order the transactions follow. Decision 0020.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select, tuple_, union, update

from copytaster import heartbeat
from copytaster.errors import Rejected
from copytaster.news import SourceId
from copytaster.store import articles as article_rows
from copytaster.store import tombstones as graves
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

BATCH = 100  # articles or links in one transaction
MOST_MATCHES = 2_000  # in one transaction


@dataclass(frozen=True, slots=True)
class Closed:
    """Articles that can't be landed or told any more, and what is needed to find all that holds their words."""

    ids: frozenset[str]  # those that are rows
    stories: Sequence[str]
    urls: frozenset[str]
    buried: frozenset[str]


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


def close_articles(tx: Tx, ids: Sequence[str], takedown: str) -> Closed:
    """Tombstones before all else: nobody lands these or puts them into a message from now on. Unknown ids are buried, too."""
    article_rows.lock(tx, ids)  # whoever lands one of them just now comes before or finds the tombstone
    rows = list(tx.conn.execute(select(articles).where(articles.c.id.in_(ids))))
    hidden = {*ids, *(url_id(name) for name in _names_of(tx, rows))}
    graves.bury(tx, hidden, takedown)
    stories = sorted({row.story_id for row in rows})
    return Closed(frozenset(row.id for row in rows), stories, frozenset(row.url for row in rows), frozenset(hidden))


def _names_of(tx: Tx, rows: Sequence[Record]) -> set[str]:
    """What the pages call their own address, where no other page of the source calls itself the same and it is no front page.

    Nor one of an article of its own: that says something else, or it would have been the same article.
    """
    found = set()
    for row in rows:
        name = _own_name(row.canonical_url, row.url)
        if name is None:
            continue
        namesakes = (articles.c.source_id == row.source_id) & (articles.c.canonical_url == row.canonical_url)
        other = select(articles.c.id).where((namesakes & (articles.c.id != row.id)) | (articles.c.id == url_id(name)))
        if tx.conn.execute(other.limit(1)).first() is None:
            found.add(name)
    return found


def _own_name(canonical: str | None, url: str) -> str | None:
    try:
        name = normalize(canonical) if canonical else None
    except Rejected:
        return None
    return name if name and name != url and urlsplit(name).path.strip("/") and same_site(name, url) else None


def drop_matches(tx: Tx, ids: Sequence[str]) -> bool:
    """So many that no transaction is long; False while some are left."""
    key = (matches.c.month, matches.c.watch_id, matches.c.article_id, matches.c.revision)
    rows = tx.conn.execute(select(*key).where(matches.c.article_id.in_(ids)).limit(MOST_MATCHES)).all()
    if rows:
        tx.conn.execute(delete(matches).where(tuple_(*key).in_([tuple(row) for row in rows])))
    return len(rows) < MOST_MATCHES


def end_articles(tx: Tx, ids: Sequence[str]) -> int:
    """The rows themselves, once nothing else holds their words; how many articles there were."""
    mine = select(articles.c.id).where(articles.c.id.in_(ids)).order_by(articles.c.id)
    gone = tx.conn.execute(mine.with_for_update() if tx.dialect == "postgresql" else mine).scalars().all()
    months = tx.conn.execute(select(revisions.c.text_month).where(revisions.c.article_id.in_(gone)).distinct()).scalars().all()
    tx.conn.execute(delete(texts).where(texts.c.month.in_(months), texts.c.article_id.in_(gone)))
    for column in (revisions.c.article_id, matches.c.article_id, articles.c.id):
        tx.conn.execute(delete(column.table).where(column.in_(gone)))
    return len(gone)


def urls_of(tx: Tx, link_ids: Sequence[str]) -> set[str]:
    return set(tx.conn.execute(select(links.c.url).where(links.c.id.in_(link_ids))).scalars())


def drop_links(tx: Tx, ids: Sequence[str], takedown: str) -> int:
    """Links with their pages in flight and their refusals; buried, so that no feed, sitemap or redirect brings them back.

    Who lands a page takes the page, then its article, then the link; here no article is locked. A crawler's last batch holds
    the link while it writes the page, so after the links there may be pages again.
    """
    tx.conn.execute(delete(pages).where(pages.c.link_id.in_(ids)))
    if tx.dialect == "postgresql":
        tx.conn.execute(select(links.c.id).where(links.c.id.in_(ids)).order_by(links.c.id).with_for_update()).all()
        tx.conn.execute(delete(pages).where(pages.c.link_id.in_(ids)))
    graves.bury(tx, ids, takedown)
    stages = ("discover", "fetch", "ingest", "index")  # named, for the key's index begins with the stage
    tx.conn.execute(delete(refusals).where(refusals.c.stage.in_(stages), refusals.c.key.in_(ids)))
    return tx.conn.execute(delete(links).where(links.c.id.in_(ids))).rowcount


# -- what is left though it is buried: of a takedown that broke off, or in a store that was restored -------------------


def _first_of(rows: Sequence[Record]) -> tuple[str, list[str]]:
    """Those that belong to one takedown."""
    takedown = rows[0].takedown if rows else ""
    return takedown, [row.id for row in rows if row.takedown == takedown]


def left_articles(tx: Tx, *, limit: int = BATCH) -> tuple[str, list[str]]:
    """Articles that are buried and still there, and their takedown."""
    query = select(articles.c.id, graves.OF.label("takedown")).join(tombstones, tombstones.c.id == articles.c.id)
    return _first_of(tx.conn.execute(query.order_by(graves.OF).limit(limit)).all())


def left_links(tx: Tx, *, limit: int = BATCH) -> tuple[str, list[str]]:
    """Links, of whatever source, that are buried or led to what is, and the takedown."""
    led = select(links.c.id, graves.OF.label("takedown")).join(tombstones, tombstones.c.id == links.c.article_id)
    own = select(links.c.id, graves.OF.label("takedown")).join(tombstones, tombstones.c.id == links.c.id)
    found = union(led, own).subquery()
    return _first_of(tx.conn.execute(select(found).order_by(found.c.takedown).limit(limit)).all())


def left_sources(tx: Tx) -> list[SourceId]:
    query = select(sources.c.id, graves.OF.label("takedown")).join(tombstones, tombstones.c.id == sources.c.id)
    return [row.id for row in tx.conn.execute(query) if row.takedown in (row.id, graves.of_source(row.id))]


# -- whole sources ----------------------------------------------------------------------------------------------------


def find_source(tx: Tx, name: str) -> Record | None:
    """By id, URL, name or host, those that were removed included: nothing of them has gone but their reading."""
    wanted = (sources.c.id == name) | (sources.c.url == name) | (sources.c.name == name) | (sources.c.host == name)
    wanted &= sources.c.id != heartbeat.SOURCE
    return tx.conn.execute(select(sources).where(wanted).order_by(sources.c.state, sources.c.id).limit(1)).first()


def close_source(tx: Tx, source_id: SourceId) -> set[str]:
    """Nothing of it is found, landed or added again from now on, by whatever spelling; the ids that are buried."""
    held = select(sources.c.name, sources.c.url).where(sources.c.id == source_id)
    row = tx.conn.execute(held.with_for_update(key_share=True) if tx.dialect == "postgresql" else held).first()
    if row is None:
        return set()
    feeds = tx.conn.execute(select(endpoints.c.id, endpoints.c.url).where(endpoints.c.source_id == source_id))
    keys = graves.keys_of_source(source_id, row.name, row.url, [(each.id, each.url) for each in feeds])
    graves.bury(tx, keys, graves.of_source(source_id))
    tx.conn.execute(update(sources).where(sources.c.id == source_id).values(state="removed", check_at=None))
    tx.conn.execute(update(endpoints).where(endpoints.c.source_id == source_id).values(due_at=None))
    return keys


def links_of(tx: Tx, source_id: SourceId, *, limit: int = BATCH) -> list[str]:
    return list(tx.conn.execute(select(links.c.id).where(links.c.source_id == source_id).limit(limit)).scalars())


def end_source(tx: Tx, source_id: SourceId) -> bool:
    """The last rows of a source; False, and nothing is done, where something of it came in meanwhile.

    Behind a lock that waits for everybody who is writing something of it.
    """
    if tx.dialect == "postgresql":
        tx.conn.execute(select(sources.c.id).where(sources.c.id == source_id).with_for_update()).all()
    if articles_of(tx, source_id, limit=1) or links_of(tx, source_id, limit=1):
        return False
    owned = select(endpoints.c.id).where(endpoints.c.source_id == source_id)
    tx.conn.execute(delete(refusals).where((refusals.c.source_id == source_id) | refusals.c.key.in_(owned)))
    tx.conn.execute(delete(endpoints).where(endpoints.c.source_id == source_id))
    tx.conn.execute(delete(sources).where(sources.c.id == source_id))
    return True
