"""The port to a search engine: a projection of the articles that can be rebuilt from the store at any time.

It owns the contract of both engines; it must not know either of them, nor who asks.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from copytaster.errors import Rejected
from copytaster.news import ArticleId, StoryId
from copytaster.watches import Hit, Level, WatchId
from search.mapping import IndexDocument
from search.passages import Passage
from search.query import Query

State = Literal["indexed", "newer", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one document: ``newer`` means that this version or a later one was there already."""

    id: ArticleId
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One article found. ``hits`` may be empty (``lang:fa``); marks are in ``title`` and ``passage``."""

    id: ArticleId
    story_id: StoryId
    url: str
    source: str
    published: str | None  # as printed, ISO 8601
    first_seen_at: dt.datetime
    score: float
    title: Passage
    passage: Passage
    hits: Sequence[Hit]
    watches: Sequence[WatchId]


@dataclass(frozen=True, slots=True)
class Results:
    """One page of results, newest first. ``cursor`` asks for the next one; None: there is none.

    ``total`` counts the whole result, this page's place apart; where the engine can't decide a query by itself
    (``"a a"~3``, ``"a b*"``, vetoes, names in other spellings) it is an upper bound.
    """

    hits: Sequence[Result]
    total: int
    cursor: str | None = None


class SearchEngine(Protocol):
    """A search index. What ``search`` finds is what ``search.matcher`` matches, for the same query and article.

    Every method may raise Transient (try again later) or Permanent (the index can't be used; rebuild it).
    """

    def prepare(self) -> bool:
        """Make the index ready. True: it is empty, so every article must be put.

        An index of an older form is emptied where that takes no search away from others, else left at work with a warning.
        """
        ...

    def put(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        """Index a batch, one outcome for each in the same order. A bad document never fails its batch.

        An equal or lower version changes nothing. A document is found once this returns and ``refresh`` was called.
        """
        ...

    def delete(self, ids: Iterable[ArticleId]) -> int:
        """Take articles out, for good once this returns; how many were there. Unknown ids are no error."""
        ...

    def search(
        self,
        query: Query,
        *,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        size: int = 20,
        cursor: str | None = None,
        level: Level = "exact",
        vetoes: Sequence[str] = (),
    ) -> Results:
        """Articles first seen from ``since`` (inclusive) to ``until`` (exclusive), newest first.

        ``level`` says how far the spelling of a name may differ; ``vetoes`` are printed forms that count as no hit. Raises
        Rejected("cursor") for a cursor that is none.
        """
        ...

    def refresh(self) -> None:
        """Let everything put so far be found."""
        ...

    def clear(self) -> None:
        """Take everything out, as the first step of a rebuild."""
        ...

    def close(self) -> None:
        """Let go of what is held. It may be called twice."""
        ...


def cursor_of(first_seen: int, article_id: str) -> str:
    """The place after this article; opaque for whoever gets it."""
    return base64.urlsafe_b64encode(f"{first_seen} {article_id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[int, str]:
    """Raises Rejected where it was not made by ``cursor_of``."""
    try:
        first_seen, article_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().split(" ", 1)
        return int(first_seen), article_id
    except (binascii.Error, ValueError) as error:
        raise Rejected("cursor", "The cursor is not one that a search gave. Search again without it.") from error
