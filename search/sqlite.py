"""The search engine of one machine: SQLite's FTS5 in a file that may be the store's, with tables and transactions apart.

It owns the tables ``search_*``; it must not read or write any other.

FTS5 finds candidates, ``search.matcher`` decides: so search means exactly what watches mean. The words are indexed in
normal form under the tokenizer ``ascii``, which splits at nothing but the blanks there (``unicode61`` has Unicode tables
of its own and would split words that ours keeps). The documents are kept beside the index, compressed: for the passages,
and because taking words out of a contentless FTS5 table needs the words (it can do without from SQLite 3.43 only, and
Debian 12 has 3.40).
"""

import datetime as dt
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from copytaster.errors import Permanent, Transient
from copytaster.news import ArticleId, StoryId
from copytaster.watches import Level, WatchId
from search.engine import Outcome, Result, Results, cursor_of, read_cursor
from search.fts import expression
from search.mapping import IndexDocument
from search.matcher import Verifier
from search.name_widening import widened
from search.passages import passage
from search.query import Query
from search.sqlite_tables import EPOCH, FORM, MICROSECOND, STATE, Row, Tables, document_of, micros, unpacked

CURRENT, BUILDING = Tables("search"), Tables("search_building")
_FIRST, _LAST = -(2**62), 2**62
_BUSY_SECONDS = 10.0
_FORGET = 200  # articles taken out in one transaction, so that whoever writes beside it waits 0.2 s at most


class SqliteSearch:
    """The SearchEngine in a SQLite file; safe in threads and after a fork, since each call has its own connection."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)

    def prepare(self) -> bool:
        with self._writing() as connection:
            connection.execute(STATE)
            CURRENT.make(connection)
            row = connection.execute("SELECT form FROM search_state").fetchone()
            if row is None or row[0] != FORM:
                BUILDING.drop(connection)  # of the older form, too
                _begin_anew(connection)
            return CURRENT.are_empty(connection)

    def put(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        with self._writing() as connection:
            outcomes = [CURRENT.put(connection, document) for document in documents]
            if BUILDING.are_there(connection):
                for document in documents:
                    BUILDING.put(connection, document)
            return outcomes

    def delete(self, ids: Iterable[ArticleId]) -> int:
        with self._writing() as connection:
            generations = [CURRENT, BUILDING] if BUILDING.are_there(connection) else [CURRENT]
            return sum(max(tables.delete(connection, article_id) for tables in generations) for article_id in ids)

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
        bounds = (micros(since, _FIRST), micros(until, _LAST))
        before = read_cursor(cursor) if cursor else (_LAST, "")
        verifier = Verifier(query, level=level, vetoes=vetoes)
        with self._connection() as connection:
            match = expression(widened(query.tree, level, partial(CURRENT.spellings.under, connection)))
            total = CURRENT.total(connection, match, bounds)
            found: list[tuple[tuple[int, str], Result]] = []
            for row in CURRENT.candidates(connection, match, bounds, before):
                if (result := _result(row, verifier)) is None:
                    continue
                if len(found) == size:
                    return Results([result for _, result in found], total, cursor_of(*found[-1][0]))
                found.append(((row[0], row[1]), result))
        return Results([result for _, result in found], total)

    def refresh(self) -> None:
        """Nothing to do: what is committed is found."""

    def clear(self) -> None:
        """A rebuild that is under way is given up, too."""
        with self._writing() as connection:
            BUILDING.drop(connection)
            _begin_anew(connection)

    def close(self) -> None:
        """Nothing is held between calls."""

    # -- a rebuild beside the search, and retention (search.generations) -------------------------------------------------

    def begin_rebuild(self) -> int:
        """Always 1: there is but one beside the one that is searched."""
        with self._writing() as connection:
            BUILDING.drop(connection)
            BUILDING.make(connection)
        return 1

    def put_into_building(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        with self._writing() as connection:
            _must_build(connection)
            return [BUILDING.put(connection, document) for document in documents]

    def finish_rebuild(self) -> None:
        with self._writing() as connection:
            _must_build(connection)
            BUILDING.become(CURRENT, connection)
            _note_form(connection)

    def abandon_rebuild(self) -> None:
        with self._writing() as connection:
            BUILDING.drop(connection)

    def ids(self, *, after: str = "", size: int = 1_000, building: bool = False) -> list[ArticleId]:
        with self._connection() as connection:
            return (BUILDING if building else CURRENT).ids(connection, after, size)

    def versions(self, ids: Sequence[ArticleId]) -> dict[ArticleId, int]:
        with self._connection() as connection:
            return CURRENT.versions(connection, ids)

    def forget_before(self, moment: dt.datetime) -> list[str]:
        month = moment.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        gone: dict[str, None] = {}
        while True:
            with self._connection() as connection:
                old = CURRENT.seen_before(connection, micros(month, _FIRST), _FORGET)
            if not old:
                return list(gone)
            self.delete([article_id for article_id, _ in old])
            gone |= dict.fromkeys(f"{EPOCH + at * MICROSECOND:%Y.%m}" for _, at in old)

    def count(self) -> int:
        """How many articles it holds."""
        with self._connection() as connection:
            return CURRENT.count(connection)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise _told(self.path, error) from error
        except sqlite3.DatabaseError as error:
            message = f"The search index in {self.path} is damaged ({error}). Run `copytaster rebuild`."
            raise Permanent(message) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that has the right to write from its start, so that it never fails half way for want of it."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _told(path: str, error: sqlite3.OperationalError) -> Transient | Permanent:
    if "no such table" in str(error):
        return Permanent(f"There is no search index in {path}. Run `copytaster rebuild`.")
    return Transient(f"The search index in {path} can't be used now: {error}. It is tried again.", retry_after=5)


def _begin_anew(connection: sqlite3.Connection) -> None:
    CURRENT.clear(connection)
    _note_form(connection)


def _note_form(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM search_state")
    connection.execute("INSERT INTO search_state (form) VALUES (?)", (FORM,))


def _must_build(connection: sqlite3.Connection) -> None:
    if not BUILDING.are_there(connection):
        raise Permanent("No rebuild of the search index is under way: it was given up. Run `copytaster rebuild` again.")


def _result(row: Row, verifier: Verifier) -> Result | None:
    first_seen, article_id, body = row
    kept = unpacked(body)
    document = document_of(kept)
    hits = verifier.hits(document)
    if hits is None:
        return None
    return Result(
        id=ArticleId(article_id),
        story_id=StoryId(kept["story_id"]),
        url=kept["url"],
        source=document.source,
        published=kept["published"],
        first_seen_at=EPOCH + first_seen * MICROSECOND,
        score=max((hit.score for hit in hits), default=1.0),
        title=passage(document.title, hits, field="title", width=len(document.title)),
        passage=passage(document.text, hits),
        hits=hits,
        watches=[WatchId(watch) for watch in kept["watches"]],
    )
