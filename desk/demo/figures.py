"""The demo's figures, read from the store while it runs and at its end. It shows nothing."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select

from copytaster.store import Store, Tx, deliveries, pages
from copytaster.store.schema import articles, endpoints, links, messages, refusals, sources, stories


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    sources: int
    endpoints: int
    endpoints_read: int
    links: int
    pages: int  # fetched, waiting or read
    articles: int
    stories: int
    languages: int
    revisions: int
    refused: int
    messages_sent: int
    busy: int  # rows that somebody still has to do something about


def read_figures(store: Store) -> Figures:
    with store.read() as tx:
        read = _count(tx, select(func.count()).select_from(articles))
        unfetched = _count(tx, select(func.count()).where(links.c.state == "found"))
        unsent = _count(tx, select(func.count()).where(messages.c.state == "pending"))
        unread = _count(tx, select(func.count()).where(endpoints.c.readings == 0, endpoints.c.failures == 0))
        waiting = pages.waiting(tx)
        return Figures(
            sources=_count(tx, select(func.count()).select_from(sources)),
            endpoints=_count(tx, select(func.count()).select_from(endpoints)),
            endpoints_read=_count(tx, select(func.count()).where(endpoints.c.readings > 0)),
            links=_count(tx, select(func.count()).select_from(links)),
            pages=_count(tx, select(func.count()).where(links.c.state.in_(("fetched", "read")))),
            articles=read,
            stories=_count(tx, select(func.count()).select_from(stories)),
            languages=_count(tx, select(func.count(func.distinct(articles.c.language)))),
            revisions=_count(tx, select(func.count()).where(articles.c.revision > 1)),
            refused=_count(tx, select(func.count()).select_from(refusals)),
            messages_sent=_count(tx, select(func.count()).where(messages.c.state == "sent")),
            busy=unread + unfetched + waiting + deliveries.due(tx) + unsent,
        )


def _count(tx: Tx, query: object) -> int:
    return tx.conn.execute(query).scalar_one() or 0  # type: ignore[call-overload]


def typical(seconds: list[float]) -> Mapping[str, str]:
    """Median and worst, as they are printed."""
    if not seconds:
        return {"median": "–", "worst": "–"}
    return {"median": f"{statistics.median(seconds):.2f} s", "worst": f"{max(seconds):.2f} s"}
