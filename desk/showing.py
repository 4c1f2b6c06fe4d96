"""One source shown whole, for ``source show``: its health, its rhythm, its endpoints and the evidence of what is wrong.

It owns what is shown of it; how trouble is told apart and when it is told is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from copytaster.news import Source
from copytaster.store import Tx, health, sources
from copytaster.store.db import Record
from desk import output
from desk.standing import print_health, said
from scrapers import rhythm
from scrapers.revisit import usual_interval

_COLUMNS = ("id", "url", "kind", "interval_seconds", "due_at", "read_at", "changed_at", "readings", "failures", "last_error")
_TROUBLE = ("trouble", "well_until", "evidence")
_SEEN = ("url", "final_url", "status", "content_type", "title", "head", "first_at", "last_at", "times")


@dataclass(frozen=True, slots=True)
class Shown:
    health: health.SourceHealth
    endpoints: Sequence[Record]
    rhythm: rhythm.Rhythm | None

    @classmethod
    def of(cls, tx: Tx, source: Source) -> "Shown":
        rows = [sources.endpoint(tx, each.id) for each in sources.endpoints_of(tx, source.id)]
        known = rhythm.unpack(sources.rhythm_of(tx, source.id))
        return cls(health.of_source(tx, source.id), [row for row in rows if row], known)

    def record(self) -> dict[str, Any]:
        """As one JSON object."""
        learnt = {"weeks": self.rhythm.weeks, "finds_a_week": self._finds(), "ripe": self.rhythm.is_ripe} if self.rhythm else None
        ends = [{name: getattr(row, name) for name in (*_COLUMNS, *_TROUBLE)} | self._usual(row) for row in self.endpoints]
        state = {"health": health.health_state(self.health)}
        return asdict(self.health) | state | {"rhythm": learnt, "endpoints": ends}

    def _usual(self, row: Record) -> dict[str, float]:
        return {"usual_seconds": usual_interval(row.gaps, row.interval_seconds)}

    def _finds(self) -> float:
        return self.rhythm.finds / self.rhythm.weeks if self.rhythm and self.rhythm.weeks else 0.0

    def rhythm_words(self) -> str:
        if self.rhythm is None or not self.rhythm.is_ripe:
            return "Its rhythm by the hours of the week is not known yet: two weeks and six finds teach it."
        return f"It brings something new about {self._finds():.0f} times a week, known by the hour of the week."


def print_shown(shown: Shown) -> None:
    print_health([shown.health])
    if why := said(shown.health):
        output.say(f"\n{output.clean(why)}")
    output.say(f"\n{shown.rhythm_words()}\n")
    rows = ((row.kind, row.url, row.read_at, row.changed_at, row.due_at, row.trouble) for row in shown.endpoints)
    output.table(("endpoint", "address", "last read", "last new", "next", "trouble"), rows, empty="It has no endpoints.")
    for row in shown.endpoints:
        if row.trouble:
            output.say(f"\n{row.kind} {output.clean(row.url)}: {row.trouble}. {output.clean(row.last_error or '')}")
            _print_evidence(row.evidence or {})
    if shown.health.evidence and not any(row.trouble for row in shown.endpoints):
        _print_evidence(shown.health.evidence)


def _print_evidence(evidence: Mapping[str, Any]) -> None:
    for name in _SEEN:
        if (value := evidence.get(name)) is not None:
            output.say(f"  {name:12}  {output.clean(str(value))}")
