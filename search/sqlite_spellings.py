"""The printed words of names in the SQLite index: for each article ``key:spelling`` of what may be of a name.

It owns that one FTS5 table of a generation; it must not know articles' other words, transactions or queries. Its terms in
their order are which spellings the index has under a key, and stay true when articles come and go; which article has which
is asked of the words themselves.
"""

import sqlite3
from collections.abc import Collection, Iterator

from search.document import Document
from search.name_index import spellings

_PARTS = ":"  # is never in a spelling, which may have a "/"
_STRETCH = 256  # terms that are read in a row, for finding the first of them takes as long as reading so many


class Spellings:
    """One table. All but ``under`` want a transaction that may write."""

    def __init__(self, table: str) -> None:
        self.table = table

    def make(self, connection: sqlite3.Connection) -> None:
        """Where it is missing. Without places and sizes, which nobody asks for. The terms are most of it, and each part of it
        has its own: so parts are made one as soon as there are two.
        """
        connection.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {self.table} USING "
            "fts5(terms, content='', columnsize=0, detail=none, tokenize=\"ascii tokenchars '=+~-/:'\")"
        )
        connection.execute(f"INSERT INTO {self.table} ({self.table}, rank) VALUES ('automerge', 2)")

    def put(self, connection: sqlite3.Connection, number: int, document: Document) -> None:
        connection.execute(f"INSERT INTO {self.table} (rowid, terms) VALUES (?, ?)", (number, _terms(document)))

    def delete(self, connection: sqlite3.Connection, number: int, document: Document) -> None:
        """Terms are taken out by making them anew."""
        row = (number, _terms(document))
        connection.execute(f"INSERT INTO {self.table} ({self.table}, rowid, terms) VALUES ('delete', ?, ?)", row)

    def under(self, connection: sqlite3.Connection, keys: Collection[str]) -> Iterator[str]:
        """The spellings that the index has under these keys, some more than once."""
        connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{self.table}_terms USING fts5vocab(main, {self.table}, row)")
        wanted = sorted(f"{key.lower()}{_PARTS}" for key in keys)
        at, start = 0, ""
        while at < len(wanted):
            start = max(start, wanted[at])
            terms = self._from(connection, start)
            for term in terms:
                key, _, spelled = term.partition(_PARTS)
                while at < len(wanted) and wanted[at] < f"{key}{_PARTS}":
                    at += 1
                if at < len(wanted) and wanted[at] == f"{key}{_PARTS}":
                    yield spelled.replace(_PARTS, " ")
            if len(terms) < _STRETCH:
                return
            start = f"{terms[-1]}\0"

    def _from(self, connection: sqlite3.Connection, term: str) -> list[str]:
        query = f"SELECT term FROM temp.{self.table}_terms WHERE term >= ? ORDER BY term LIMIT {_STRETCH}"
        return [found for (found,) in connection.execute(query, (term,))]


def _terms(document: Document) -> str:
    """The tokenizer makes Latin letters small."""
    found = spellings(document).items()
    return " ".join(f"{key}{_PARTS}{spelled.replace(' ', _PARTS)}" for spelled, keys in found for key in sorted(keys))
