"""Stored articles that satisfy a query, for ``search``, ``watch add`` and ``watch test``: asked, counted and shown.

It owns how they are shown to a person; what satisfies a query is the engine's. It writes nothing.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from copytaster.store import articles
from copytaster.watches import Level
from desk import output
from desk.opening import Desk
from search.engine import Result
from search.passages import Passage
from search.query import Query

PAGE = 200
COUNTED = 2_000
COUNTED_NAMES = 200  # reading an article for names in other spellings takes 4 ms
REASONS = 3  # of names in other spellings, for one article


@dataclass(frozen=True, slots=True)
class Look:
    """``total`` counts all that satisfy the query, ``results`` the newest; ``lagging`` articles were not looked at."""

    results: Sequence[Result]
    total: int
    lagging: int

    @classmethod
    def of(
        cls, here: Desk, query: Query, *, level: Level, since: dt.timedelta | None, limit: int, vetoes: Sequence[str] = ()
    ) -> "Look":
        from search.variants import can_vary  # what it needs takes a tenth of a second, which other commands need not wait

        with here.store.read() as tx:
            lagging = articles.unindexed(tx)
            begin = tx.now - since if since else None
        # What the engine can't decide by itself it counts too high, so we count what it really gives.
        varies = any(can_vary(term, level) for term in query.terms)
        by_hand = varies or bool(vetoes) or any(term.slop for term in query.terms)
        most = max(limit, COUNTED_NAMES if varies else COUNTED) if by_hand else limit
        page = here.engine.search(query, since=begin, size=min(most, PAGE), level=level, vetoes=vetoes)
        found, total = list(page.hits), page.total
        while page.cursor and len(found) < most:
            size = min(most - len(found), PAGE)
            page = here.engine.search(query, since=begin, size=size, cursor=page.cursor, level=level, vetoes=vetoes)
            found += page.hits
        counted = len(found) if by_hand and not page.cursor else max(total, len(found))
        return cls(found[:limit], counted, lagging)

    def summary(self) -> str:
        if not self.total:
            return "Nothing that was read satisfies this."
        shown = f"; the newest {len(self.results)} are shown" if self.total > len(self.results) else ""
        return f"{self.total} article{'' if self.total == 1 else 's'}{shown}."


def found_record(result: Result) -> dict[str, Any]:
    """One result as JSON; marks are code points into ``title`` and ``passage``, end exclusive."""
    return {
        "id": result.id,
        "story": result.story_id,
        "url": result.url,
        "source": result.source,
        "published_at": result.published,
        "first_seen_at": result.first_seen_at,
        "title": _passage(result.title),
        "passage": _passage(result.passage),
        "hits": [asdict(hit) for hit in result.hits],
        "watches": list(result.watches),
    }


def _passage(shown: Passage) -> dict[str, Any]:
    return {"text": shown.text, "marks": [list(mark) for mark in shown.marks]}


def print_found(result: Result) -> None:
    output.say(output.marked(result.title.text, result.title.marks))
    seen = result.published or f"read {output.ago(result.first_seen_at)}"
    output.say(f"  {output.clean(result.source)} · {output.clean(seen)} · {output.clean(result.url)}")
    output.say(f"  {output.marked(result.passage.text, result.passage.marks)}")
    for reason in list(dict.fromkeys(hit.why for hit in result.hits if hit.kind == "variant"))[:REASONS]:
        output.say(f"  {output.clean(reason)}")
    output.say("")
