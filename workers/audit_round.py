"""What one round of an audit is told and tells: its span, how far it is, and what it looked at. It must not know how it looks."""

import datetime as dt
import json
from dataclasses import dataclass, field

from copytaster.store import audits
from copytaster.store.audits import Finding

PHASES = ("read", "index", "search", "strays", "done")


@dataclass(slots=True)
class Report:
    """What was looked at. ``read`` counts articles that were read by brute force, ``asked`` those that the index gave."""

    articles: int = 0
    read: int = 0
    versions: int = 0  # articles that the index was asked for
    watches: int = 0
    asked: int = 0
    held: int = 0  # ids of the index that the store was asked for
    findings: list[Finding] = field(default_factory=list)

    @property
    def missed(self) -> int:
        return sum(each.kind in audits.MISSED for each in self.findings)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a round is: the last article of its phase, or the last watch."""

    phase: str = "read"
    at: dt.datetime | None = None
    last: str = ""

    def next(self) -> "Place":
        """Where the phase that follows begins."""
        return Place(PHASES[PHASES.index(self.phase) + 1])

    def to_text(self) -> str:
        return json.dumps([self.phase, self.at.isoformat() if self.at else None, self.last])

    @classmethod
    def from_text(cls, text: str) -> "Place":
        phase, at, last = json.loads(text)
        return cls(phase, dt.datetime.fromisoformat(at) if at else None, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Articles first seen from ``since`` to before ``until``; those landed from ``fresh_since`` on are read by brute force.

    ``held_after`` is the id from which on the index is asked for what it holds, ``most_held`` how many; none: for all.
    """

    since: dt.datetime
    until: dt.datetime
    fresh_since: dt.datetime
    held_after: str = ""
    most_held: int | None = None
