"""The port to what an engine does beside searching: a next generation built aside, and months that are forgotten.

It owns that contract of both engines; it must not know either of them, nor where articles come from.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from copytaster.news import ArticleId
from search.engine import Outcome, SearchEngine
from search.mapping import IndexDocument


class Generations(Protocol):
    """One generation is searched; while a rebuild runs a second one is filled, and gets every ``put`` and ``delete`` too.

    Whoever rebuilds holds a lease, so that one at a time does. Every method may raise Transient or Permanent.
    """

    def begin_rebuild(self) -> int:
        """Make an empty next generation, after throwing away what an unfinished rebuild left; its number."""
        ...

    def put_into_building(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        """Like ``put``, but into the next generation alone. Raises Permanent where none is being built."""
        ...

    def finish_rebuild(self) -> None:
        """In one step the next generation is the one that is searched, and the old one is gone."""
        ...

    def abandon_rebuild(self) -> None:
        """Throw away the next generation; nothing happens where there is none."""
        ...

    def ids(self, *, after: str = "", size: int = 1_000, building: bool = False) -> list[ArticleId]:
        """The ids that are there, in order, from the one that follows ``after``; it may lag a second behind ``put``."""
        ...

    def versions(self, ids: Sequence[ArticleId]) -> dict[ArticleId, int]:
        """Of those that are there the version that is; it may lag a second behind ``put``."""
        ...

    def forget_before(self, moment: dt.datetime) -> list[str]:
        """Take out every month of first sight that ended before this instant; their names."""
        ...


class FullEngine(SearchEngine, Generations, Protocol):
    """What both engines are."""
