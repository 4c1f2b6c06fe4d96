"""Whether this installation can do its work: store, schema, broker and disk, each with a sentence where it can't.

It owns the questions of ``/health/ready``; it must not know how they travel.
"""

import pathlib
import shutil
from collections.abc import Callable, Mapping

from sqlalchemy import text

from copytaster.errors import CopytasterError
from copytaster.store import Store
from copytaster.store.migrate import HEAD, version

LEAST_FREE_BYTES = 64 * 1024 * 1024  # a crawler run alone may keep that many pages before the workers have read them


def readiness(store: Store, depth: Callable[[str], int | None], data_dir: pathlib.Path) -> Mapping[str, str]:
    """What is wrong, by check; an empty sentence where all is well."""
    reached = _store(store)
    return {
        "store": reached,
        "schema": "" if reached else _schema(store),
        "broker": _broker(depth),
        "disk": _disk(data_dir),
    }


def _store(store: Store) -> str:
    try:
        with store.read() as tx:
            tx.conn.execute(text("SELECT 1"))
    except CopytasterError as error:
        return str(error)
    return ""


def _schema(store: Store) -> str:
    try:
        found = version(store)
    except CopytasterError as error:
        return str(error)
    if found == HEAD:
        return ""
    return f"The store is at schema {found or 'none'} and this release needs {HEAD}: restart it with this release."


def _broker(depth: Callable[[str], int | None]) -> str:
    if depth("ingest") is None:
        return "The broker does not answer: check redis.url and that it runs. Nothing is lost, work waits in the store."
    return ""


def _disk(folder: pathlib.Path) -> str:
    there = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return f"The disk of {folder} can't be asked: {error.strerror}."
    if free >= LEAST_FREE_BYTES:
        return ""
    return f"The disk of {folder} is full ({free // 1_048_576} MB are left): free some space, nothing is lost."
