"""The tables of one generation of the SQLite index: its SQL, and putting, taking out and listing rows in a transaction.

It owns the statements and the form of a kept document; it must not know files, transactions or queries.
"""

import datetime as dt
import json
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from copytaster.news import ArticleId
from search import mapping, name_keys, names
from search.document import Document
from search.engine import Outcome
from search.mapping import WORD_FIELDS, IndexDocument
from search.sqlite_spellings import Spellings

# Words are taken out again by making them anew, so an index of another normal form, or of a Python with other Unicode
# tables, must not be written to.
FORM = f"{mapping.VERSION}.{names.VERSION}.{name_keys.VERSION}.{unicodedata.unidata_version}"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
STATE = "CREATE TABLE IF NOT EXISTS search_state (form TEXT NOT NULL)"
BATCH = 50  # candidates read at once
_COLUMNS = ", ".join(WORD_FIELDS)
_MARKS = ", ".join("?" * len(WORD_FIELDS))
_BAD = (ValueError, TypeError, OverflowError, AttributeError, sqlite3.InterfaceError)
Row = tuple[int, str, bytes]


class Tables:
    """``name_documents``, ``name_words`` and ``name_spellings``. All but ``make`` want a transaction that may write, or only
    read.
    """

    def __init__(self, name: str) -> None:
        self.documents = f"{name}_documents"
        self.words = f"{name}_words"
        self.spellings = Spellings(f"{name}_spellings")
        self._newest = f"{name}_documents_newest"

    # -- the tables themselves ----------------------------------------------------------------------------------------

    def make(self, connection: sqlite3.Connection) -> None:
        """Where they are missing."""
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {self.documents} ("
            "number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, "
            "first_seen INTEGER NOT NULL, body BLOB NOT NULL)"
        )
        connection.execute(f"CREATE INDEX IF NOT EXISTS {self._newest} ON {self.documents} (first_seen, id)")
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.words} USING fts5({_COLUMNS}, content='', columnsize=0, tokenize='ascii')"
        )
        self.spellings.make(connection)

    def drop(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"DROP TABLE IF EXISTS {self.words}")
        connection.execute(f"DROP TABLE IF EXISTS {self.spellings.table}")
        connection.execute(f"DROP TABLE IF EXISTS {self.documents}")

    def become(self, other: "Tables", connection: sqlite3.Connection) -> None:
        """Take the place of another generation, which is gone by that."""
        other.drop(connection)
        connection.execute(f"ALTER TABLE {self.documents} RENAME TO {other.documents}")
        connection.execute(f"ALTER TABLE {self.words} RENAME TO {other.words}")
        connection.execute(f"ALTER TABLE {self.spellings.table} RENAME TO {other.spellings.table}")
        connection.execute(f"DROP INDEX {self._newest}")  # an index can't be renamed; making it anew takes 0.6 s a million
        other.make(connection)

    def are_there(self, connection: sqlite3.Connection) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE name = ?"
        return connection.execute(query, (self.documents,)).fetchone() is not None

    def are_empty(self, connection: sqlite3.Connection) -> bool:
        return connection.execute(f"SELECT 1 FROM {self.documents} LIMIT 1").fetchone() is None

    def clear(self, connection: sqlite3.Connection) -> None:
        for table in (self.words, self.spellings.table):
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('delete-all')")
        connection.execute(f"DELETE FROM {self.documents}")

    # -- their rows ---------------------------------------------------------------------------------------------------

    def put(self, connection: sqlite3.Connection, document: IndexDocument) -> Outcome:
        try:
            row = (document.id, document.version, micros(document.first_seen_at, 0), _packed(document))
            words = tuple(mapping.word_fields(document.document).values())
            held = connection.execute(f"SELECT version FROM {self.documents} WHERE id = ?", row[:1]).fetchone()
        except _BAD as error:
            return Outcome(document.id, "failed", f"{type(error).__name__}: {error}")
        if held is not None and held[0] >= document.version:
            return Outcome(document.id, "newer")
        try:
            connection.execute("SAVEPOINT one")
            self.delete(connection, document.id)
            number = int(connection.execute(self._insert_document, row).lastrowid or 0)
            connection.execute(self._insert_words, (number, *words))
            self.spellings.put(connection, number, document.document)
        except (OverflowError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError) as error:
            connection.execute("ROLLBACK TO one")
            connection.execute("RELEASE one")
            return Outcome(document.id, "failed", f"{type(error).__name__}: {error}")
        connection.execute("RELEASE one")
        return Outcome(document.id, "indexed")

    def delete(self, connection: sqlite3.Connection, article_id: str) -> bool:
        found = connection.execute(f"SELECT number, body FROM {self.documents} WHERE id = ?", (article_id,)).fetchone()
        if found is None:
            return False
        document = document_of(unpacked(found[1]))
        connection.execute(self._delete_words, (found[0], *mapping.word_fields(document).values()))
        self.spellings.delete(connection, found[0], document)
        connection.execute(f"DELETE FROM {self.documents} WHERE number = ?", (found[0],))
        return True

    def ids(self, connection: sqlite3.Connection, after: str, size: int) -> list[ArticleId]:
        query = f"SELECT id FROM {self.documents} WHERE id > ? ORDER BY id LIMIT ?"
        return [ArticleId(found[0]) for found in connection.execute(query, (after, size))]

    def versions(self, connection: sqlite3.Connection, ids: Sequence[ArticleId]) -> dict[ArticleId, int]:
        query = f"SELECT id, version FROM {self.documents} WHERE id IN (SELECT value FROM json_each(?))"
        return {ArticleId(each[0]): each[1] for each in connection.execute(query, (json.dumps([*ids]),))}

    def seen_before(self, connection: sqlite3.Connection, moment: int, size: int) -> list[tuple[ArticleId, int]]:
        query = f"SELECT id, first_seen FROM {self.documents} WHERE first_seen < ? ORDER BY first_seen LIMIT ?"
        return [(ArticleId(each[0]), each[1]) for each in connection.execute(query, (moment, size))]

    def count(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {self.documents}").fetchone()[0])

    def total(self, connection: sqlite3.Connection, match: str, bounds: tuple[int, int]) -> int:
        return int(connection.execute(f"SELECT count(*) {self._from}", (match, *bounds)).fetchone()[0])

    def candidates(
        self, connection: sqlite3.Connection, match: str, bounds: tuple[int, int], before: tuple[int, str]
    ) -> Iterator[Row]:
        while rows := connection.execute(self._page, (match, *bounds, *before)).fetchall():
            yield from rows
            if len(rows) < BATCH:
                return
            before = rows[-1][:2]

    @cached_property
    def _insert_document(self) -> str:
        return f"INSERT INTO {self.documents} (id, version, first_seen, body) VALUES (?, ?, ?, ?)"

    @cached_property
    def _insert_words(self) -> str:
        return f"INSERT INTO {self.words} (rowid, {_COLUMNS}) VALUES (?, {_MARKS})"

    @cached_property
    def _delete_words(self) -> str:
        return f"INSERT INTO {self.words} ({self.words}, rowid, {_COLUMNS}) VALUES ('delete', ?, {_MARKS})"

    @cached_property
    def _from(self) -> str:
        joined = f"{self.words} JOIN {self.documents} ON {self.documents}.number = {self.words}.rowid"
        return f"FROM {joined} WHERE {self.words} MATCH ? AND first_seen >= ? AND first_seen < ?"

    @cached_property
    def _page(self) -> str:
        place = "(first_seen, id) < (?, ?) ORDER BY first_seen DESC, id DESC"
        return f"SELECT first_seen, id, body {self._from} AND {place} LIMIT {BATCH}"


def micros(moment: dt.datetime | None, default: int) -> int:
    return default if moment is None else (moment - EPOCH) // MICROSECOND


def unpacked(body: bytes) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(zlib.decompress(body).decode("utf-8", "surrogatepass"))
    return kept


def document_of(kept: dict[str, Any]) -> Document:
    return Document(**kept["document"])


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
