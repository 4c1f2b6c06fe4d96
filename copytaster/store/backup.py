"""The whole truth in one file, and back: a SQLite database of our own tables, compressed by gzip, whose checksum it carries.

It owns that file; it must not know who asks for it, nor where the index is. See docs/decisions/0012-backup-is-a-store.md.
"""

import gzip
import hashlib
import io
import os
import pathlib
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sqlalchemy import inspect, text

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.store import copying
from copytaster.store.copying import Copied
from copytaster.store.db import Store, Tx
from copytaster.store.migrate import HEAD, migrate, version

LEVEL = 1  # what is big is compressed already: 9 takes six times as long for 6 % less
CHUNK = 1 << 20
Watched = Callable[[Iterable[str], int], Iterator[str]]  # steps and how many there will be, to the same steps


@dataclass(frozen=True, slots=True)
class Restored:
    copied: Copied
    kept: Mapping[str, str]  # what was kept beside the tables: when it was made, by which release, the server's secret


def carry(source: Store, target: Store, watched: Watched, *, also: Callable[[Tx], None] | None = None) -> Copied:
    """Copies a store into an empty one and reads it back, in one transaction of the target: all of it or nothing.

    ``also`` is what belongs into the same transaction, behind the rows.
    """
    copied = Copied()
    with source.snapshot() as read, target.write() as tx:
        copying.refuse_rows(tx)
        steps = (step for part in (copying.carry(read, tx, copied), copying.verify(tx, copied)) for step in part)
        for _ in watched(steps, copying.batches(read)):
            pass
        if also:
            also(tx)
    return copied


def back_up(store: Store, path: pathlib.Path, *, keep: Mapping[str, str], watched: Watched) -> Copied:
    """Writes ``path`` whole or not at all, readable by its owner alone; ``keep`` are a few words to store with it."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:  # mode 700
        plain, packed = pathlib.Path(folder, "store.db"), pathlib.Path(folder, "packed")
        with _sqlite(plain) as target:
            migrate(target)
            copied = carry(store, target, watched)
            _keep(target, keep)
            _fold(target)
        _pack(plain, packed)
        packed.replace(path)
    _sync(path.parent)
    return copied


def restore(
    path: pathlib.Path, store: Store, *, folder: pathlib.Path, watched: Watched, also: Callable[[Tx], None] | None = None
) -> Restored:
    """Brings a backup into an empty store; it is unpacked in ``folder`` meanwhile. One of an older release is migrated.

    Raises Rejected where the file is no whole backup or the store has rows, Permanent where a newer release made it.
    """
    with store.read() as tx:
        copying.refuse_rows(tx)  # before the work, not only after it
    with tempfile.TemporaryDirectory(prefix="restore-", dir=folder) as inside:
        plain = pathlib.Path(inside, "store.db")
        _unpack(path, plain)
        with _sqlite(plain) as source:
            kept = _kept(source, path)
            found = version(source)
            if found is None or found > HEAD:
                raise Permanent(f"{path} has schema {found}, and this release knows {HEAD} at most: use the newer copytaster.")
            migrate(source)
            return Restored(carry(source, store, watched, also=also), kept)


@contextmanager
def _sqlite(path: pathlib.Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{path}")) as opened:
        yield opened


def _keep(target: Store, keep: Mapping[str, str]) -> None:
    with target.write() as tx:
        tx.conn.execute(text("CREATE TABLE backup (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)"))
        for name, value in keep.items():
            tx.conn.execute(text("INSERT INTO backup VALUES (:name, :value)"), {"name": name, "value": value})


def _fold(target: Store) -> None:
    """All from SQLite's log into the file itself. Closing does so too, but says nothing where the disk is full."""
    raw = target.engine.raw_connection()
    try:
        busy, *_ = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise Transient(f"The backup can't be written ({error}): free some space and try again; nothing was kept.") from error
    finally:
        raw.close()
    assert not busy  # nobody else knows of this file


def _kept(source: Store, path: pathlib.Path) -> dict[str, str]:
    with source.read() as tx:
        if not inspect(tx.conn).has_table("backup"):
            raise _not_whole(path, "it holds no backup of copytaster's")
        return {row.name: row.value for row in tx.conn.execute(text("SELECT name, value FROM backup"))}


def _pack(plain: pathlib.Path, packed: pathlib.Path) -> None:
    """Compresses, forces it to the disk, and reads it back from there."""
    packed.touch(0o600)
    with packed.open("wb") as raw:
        with plain.open("rb") as source, gzip.GzipFile("", "wb", LEVEL, raw) as sink:
            shutil.copyfileobj(source, sink, CHUNK)
        raw.flush()
        os.fsync(raw.fileno())
    with plain.open("rb") as source, gzip.open(packed) as again:
        if _sum(source) != _sum(again):
            raise Permanent("The backup reads back otherwise than it was written; is the disk sound? Nothing was kept.")


def _unpack(path: pathlib.Path, plain: pathlib.Path) -> None:
    try:
        with gzip.open(path) as source, plain.open("xb") as sink:
            shutil.copyfileobj(source, sink, CHUNK)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise _not_whole(path, str(error)) from error
    with plain.open("rb") as made:
        if made.read(16) != b"SQLite format 3\0":
            raise _not_whole(path, "it holds something else")


def _not_whole(path: pathlib.Path, why: str) -> Rejected:
    return Rejected("bad_backup", f"{path} is not a whole backup ({why}): take another one; nothing was changed.")


def _sum(stream: io.BufferedIOBase) -> str:
    made = hashlib.blake2b()
    while chunk := stream.read(CHUNK):
        made.update(chunk)
    return made.hexdigest()


def _sync(folder: pathlib.Path) -> None:
    """Or a power cut could take the new name away again."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
