"""Articles taken out of the search index, for whoever forgets them. It owns the batches; it must not know why they go."""

import datetime as dt
from collections.abc import Iterable
from itertools import islice

from copytaster.news import ArticleId
from search.generations import FullEngine

BATCH = 500


def take_out(engine: FullEngine, ids: Iterable[ArticleId]) -> int:
    """Out of the index, and of one that is being built; how many were there. Unknown ids are no error.

    Call it when the transaction that deleted them from the store is committed: a rebuild looks at the store again after
    each page, so nothing comes back. Raises Transient where the engine is away: then call it again.
    """
    left, gone = iter(ids), 0
    while batch := list(islice(left, BATCH)):
        gone += engine.delete(batch)
    return gone


def take_out_before(engine: FullEngine, moment: dt.datetime) -> list[str]:
    """Every month of first sight that ended before this instant, as a whole; the names of what is gone.

    Call it at every run of retention, after the store's own part: a run that was cut short is made good by the next one.
    """
    return engine.forget_before(moment)
