"""The search engine of one machine: SQLite's FTS5 in a file that may be the store's, with tables and transactions apart.

It owns the tables ``search_*``; it must not read or write any other.

FTS5 finds candidates, ``search.matcher`` decides: so search means exactly what watches mean. The words are indexed in
normal form under the tokenizer ``ascii``, which splits at nothing but the blanks there (``unicode61`` has Unicode tables
of its own and would split words that ours keeps). The documents are kept beside the index, compressed: for the passages,
and because taking words out of a contentless FTS5 table needs the words (it can do without from SQLite 3.43 only, and
Debian 12 has 3.40).
"""

import datetime as dt
import json
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from copytaster.errors import Permanent, Transient
from copytaster.news import ArticleId, StoryId
from copytaster.watches import WatchId
from search import mapping, names
from search.document import Document
from search.engine import Outcome, Result, Results, cursor_of, read_cursor
from search.fts import expression
from search.mapping import WORD_FIELDS, IndexDocument
from search.matcher import matches
from search.passages import passage
from search.query import Query

_COLUMNS = ", ".join(WORD_FIELDS)
_MARKS = ", ".join("?" * len(WORD_FIELDS))
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS search_state (form TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS search_documents (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
    first_seen INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS search_documents_newest ON search_documents (first_seen, id);
CREATE VIRTUAL TABLE IF NOT EXISTS search_words USING fts5({_COLUMNS}, content='', columnsize=0, tokenize='ascii');
"""
# Words are taken out again by making them anew, so an index of another normal form, or of a Python with other Unicode
# tables, must not be written to.
FORM = f"{mapping.VERSION}.{names.VERSION}.{unicodedata.unidata_version}"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_FIRST, _LAST = -(2**62), 2**62
_BUSY_SECONDS = 10.0
_BATCH = 50  # candidates read at once


class SqliteSearch:
    """The SearchEngine in a SQLite file; safe in threads and after a fork, since each call has its own connection."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)

    def prepare(self) -> bool:
        with self._connection() as connection:
            connection.executescript(_SCHEMA)
            with _writing(connection):
                row = connection.execute("SELECT form FROM search_state").fetchone()
                if row is None or row[0] != FORM:
                    _clear(connection)
                return connection.execute("SELECT 1 FROM search_documents LIMIT 1").fetchone() is None

    def put(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        with self._connection() as connection, _writing(connection):
            return [_put(connection, document) for document in documents]

    def delete(self, ids: Iterable[ArticleId]) -> int:
        with self._connection() as connection, _writing(connection):
            return sum(_delete(connection, article_id) for article_id in ids)

    def search(
        self,
        query: Query,
        *,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        size: int = 20,
        cursor: str | None = None,
        vetoes: Sequence[str] = (),
    ) -> Results:
        bounds = (_micros(since, _FIRST), _micros(until, _LAST))
        before = read_cursor(cursor) if cursor else (_LAST, "")
        with self._connection() as connection:
            match = expression(query.tree)
            total = connection.execute(_COUNT, (match, *bounds)).fetchone()[0]
            found: list[tuple[tuple[int, str], Result]] = []
            for row in _candidates(connection, match, bounds, before):
                if (result := _result(row, query, vetoes)) is None:
                    continue
                if len(found) == size:
                    return Results([result for _, result in found], total, cursor_of(*found[-1][0]))
                found.append(((row[0], row[1]), result))
        return Results([result for _, result in found], total)

    def refresh(self) -> None:
        """Nothing to do: what is committed is found."""

    def clear(self) -> None:
        with self._connection() as connection, _writing(connection):
            _clear(connection)

    def close(self) -> None:
        """Nothing is held between calls."""

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


def _told(path: str, error: sqlite3.OperationalError) -> Transient | Permanent:
    if "no such table" in str(error):
        return Permanent(f"There is no search index in {path}. Run `copytaster rebuild`.")
    return Transient(f"The search index in {path} can't be used now: {error}. It is tried again.", retry_after=5)


@contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One transaction that has the right to write from its start, so that it never fails half way for want of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _put(connection: sqlite3.Connection, document: IndexDocument) -> Outcome:
    try:
        row = (document.id, document.version, _micros(document.first_seen_at, 0), _packed(document))
        words = tuple(mapping.word_fields(document.document).values())
        held = connection.execute("SELECT version FROM search_documents WHERE id = ?", row[:1]).fetchone()
    except (ValueError, TypeError, OverflowError, AttributeError, sqlite3.InterfaceError) as error:
        return Outcome(document.id, "failed", f"{type(error).__name__}: {error}")
    if held is not None and held[0] >= document.version:
        return Outcome(document.id, "newer")
    try:
        connection.execute("SAVEPOINT one")
        _delete(connection, document.id)
        number = connection.execute(
            "INSERT INTO search_documents (id, version, first_seen, body) VALUES (?, ?, ?, ?)", row
        ).lastrowid
        connection.execute(f"INSERT INTO search_words (rowid, {_COLUMNS}) VALUES (?, {_MARKS})", (number, *words))
    except (OverflowError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError) as error:
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return Outcome(document.id, "failed", f"{type(error).__name__}: {error}")
    connection.execute("RELEASE one")
    return Outcome(document.id, "indexed")


def _delete(connection: sqlite3.Connection, article_id: str) -> bool:
    row = connection.execute("SELECT number, body FROM search_documents WHERE id = ?", (article_id,)).fetchone()
    if row is None:
        return False
    words = mapping.word_fields(_document(_unpacked(row[1])))
    connection.execute(
        f"INSERT INTO search_words (search_words, rowid, {_COLUMNS}) VALUES ('delete', ?, {_MARKS})",
        (row[0], *words.values()),
    )
    connection.execute("DELETE FROM search_documents WHERE number = ?", (row[0],))
    return True


def _clear(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO search_words (search_words) VALUES ('delete-all')")
    connection.execute("DELETE FROM search_documents")
    connection.execute("DELETE FROM search_state")
    connection.execute("INSERT INTO search_state (form) VALUES (?)", (FORM,))


_FROM = """FROM search_words JOIN search_documents ON search_documents.number = search_words.rowid
WHERE search_words MATCH ? AND first_seen >= ? AND first_seen < ?"""
_COUNT = f"SELECT count(*) {_FROM}"
_PAGE = f"""SELECT first_seen, id, body {_FROM} AND (first_seen, id) < (?, ?)
ORDER BY first_seen DESC, id DESC LIMIT {_BATCH}"""
_Row = tuple[int, str, bytes]


def _candidates(connection: sqlite3.Connection, match: str, bounds: tuple[int, int], before: tuple[int, str]) -> Iterator[_Row]:
    while rows := connection.execute(_PAGE, (match, *bounds, *before)).fetchall():
        yield from rows
        if len(rows) < _BATCH:
            return
        before = rows[-1][:2]


def _result(row: _Row, query: Query, vetoes: Sequence[str]) -> Result | None:
    first_seen, article_id, body = row
    kept = _unpacked(body)
    document = _document(kept)
    hits = matches(document, query, vetoes)
    if hits is None:
        return None
    return Result(
        id=ArticleId(article_id),
        story_id=StoryId(kept["story_id"]),
        url=kept["url"],
        source=document.source,
        published=kept["published"],
        first_seen_at=_EPOCH + first_seen * _MICROSECOND,
        score=max((hit.score for hit in hits), default=1.0),
        title=passage(document.title, hits, field="title", width=len(document.title)),
        passage=passage(document.text, hits),
        hits=hits,
        watches=[WatchId(watch) for watch in kept["watches"]],
    )


def _packed(document: IndexDocument) -> bytes:
    """Compressed JSON. Level 3 takes a quarter less time than 6 for 4 % more; lone surrogates pass."""
    kept = {
        "document": asdict(document.document),
        "url": document.url,
        "story_id": document.story_id,
        "published": document.published.isoformat() if document.published else None,
        "watches": list(document.watches),
    }
    return zlib.compress(json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"), 3)


def _unpacked(body: bytes) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(zlib.decompress(body).decode("utf-8", "surrogatepass"))
    return kept


def _document(kept: dict[str, Any]) -> Document:
    return Document(**kept["document"])


def _micros(moment: dt.datetime | None, default: int) -> int:
    return default if moment is None else (moment - _EPOCH) // _MICROSECOND
