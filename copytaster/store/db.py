"""Connections and transactions over SQLite (WAL) or PostgreSQL. It owns locking and the clock, and knows no table."""

import datetime as dt
import pathlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from copytaster.errors import Permanent, Rejected, Transient, shown
from copytaster.store.types import to_json

Rows = dict[str, Any] | list[dict[str, Any]]
Record = Row[*tuple[Any, ...]]  # any row, its columns by name
Clock = Callable[[], dt.datetime]
BUSY_SECONDS = 20
# A process that hangs in a transaction must not hold its locks for ever, nor a statement that went wrong a connection.
IDLE_SECONDS, STATEMENT_SECONDS = 15, 300  # a process that is held up loses its locks before the leases that it keeps
POSTGRESQL = {
    "connect_timeout": 10,
    "application_name": "copytaster",
    # Compiling a statement takes longer than any of ours runs.
    "options": f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s -c jit=off",
    "keepalives_idle": 30,  # a server that is gone without a word is noticed within a minute
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds; keepalives say nothing while something sent is not acknowledged
}


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction. ``now`` is read once, from the store's clock, and is what every decision in it uses."""

    conn: Connection
    now: dt.datetime
    dialect: Literal["sqlite", "postgresql"]

    def insert(self, table: Table) -> sqlite.Insert:
        """An INSERT that knows ON CONFLICT."""
        return insert_into(table, self.dialect)

    def insert_new(self, table: Table, rows: Rows) -> int:
        """Inserts the rows that are not there yet; returns how many those were."""
        return self.conn.execute(_insert_new(table, self.dialect), rows).rowcount

    def take_time(self) -> None:
        """This transaction may last for hours: a migration, a copy, a backup."""
        if self.dialect == "postgresql":
            self.conn.execute(text("SET LOCAL statement_timeout = 0"))
            self.conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def insert_into(table: Table, dialect: str) -> sqlite.Insert:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy has in each dialect apart but with one shape."""
    if dialect == "postgresql":
        return postgresql.insert(table)  # type: ignore[return-value]
    return sqlite.insert(table)


# Building a statement takes SQLAlchemy 0.25 ms, running a built one 0.06: those of the hot path are built once.
@cache
def _insert_new(table: Table, dialect: str) -> sqlite.Insert:
    return insert_into(table, dialect).on_conflict_do_nothing()


class Store:
    """The way to the truth: ``with store.write() as tx`` and ``with store.read() as tx``.

    ``url`` is ``sqlite:///path`` or ``postgresql://…``. A writer on SQLite holds the only write lock from its start
    (BEGIN IMMEDIATE), so what it reads can't change under it. Raises Transient where the database can't be reached,
    is locked or full, Rejected where the URL is not one.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, pool_size: int = 5, pool_overflow: int = 10) -> None:
        self.url = url
        self._clock = clock
        self.engine = _engine(url, pool_size, pool_overflow)
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"

    @contextmanager
    def write(self) -> Iterator[Tx]:
        with self._begin("BEGIN IMMEDIATE") as tx:
            yield tx

    @contextmanager
    def read(self) -> Iterator[Tx]:
        with self._begin("BEGIN") as tx:
            yield tx

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """Everything as it is at one instant, for as long as it takes to read it; nobody who writes waits for it."""
        with self._begin("BEGIN", isolation="REPEATABLE READ") as tx:
            tx.take_time()
            yield tx

    @contextmanager
    def _begin(self, how: str, *, isolation: str = "") -> Iterator[Tx]:
        try:
            with self.engine.connect() as conn:
                if isolation and self.dialect == "postgresql":  # SQLite knows no other
                    conn.execution_options(isolation_level=isolation)
                conn.info["begin"] = how
                with conn.begin():
                    yield Tx(conn, self._now(conn), self.dialect)
        except PoolTimeout as error:
            raise Transient("Every connection to the database is in use.", retry_after=1) from error
        except DBAPIError as error:
            raise _plain(error, self.engine) from error

    def _now(self, conn: Connection) -> dt.datetime:
        if self._clock:
            return self._clock()
        if self.dialect == "postgresql":
            moment: dt.datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
            return moment.astimezone(dt.UTC)
        return dt.datetime.now(dt.UTC)  # one file on one machine: its clock is the store's clock

    def path(self) -> pathlib.Path | None:
        """The SQLite file, or None on PostgreSQL."""
        name = self.engine.url.database
        return pathlib.Path(name) if self.dialect == "sqlite" and name else None

    def close(self) -> None:
        self.engine.dispose()


def _engine(url: str, pool_size: int, overflow: int) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number; all but its beginning may hold a password
        said = f"store.url is not a database URL (it begins with {shown(url[:10])}). Write sqlite:///file or postgresql://…"
        raise Rejected("bad_config", said) from None
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            pathlib.Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        pool: dict[str, Any] = {"pool_size": pool_size, "max_overflow": overflow}
        engine = create_engine(
            parsed, **pool, json_serializer=to_json, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda conn: conn.exec_driver_sql(conn.info.pop("begin", "BEGIN")))
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=overflow,
            pool_pre_ping=True,
            execution_options={"preserve_rowcount": True},  # else an INSERT says -1 here, though SQLite tells how many
            json_serializer=to_json,
            hide_parameters=True,  # an error's text goes to logs, and rows hold keys, cookies and addresses
            connect_args={name: value for name, value in POSTGRESQL.items() if name not in parsed.query},
        )
    raise Rejected("bad_config", f"store.url must begin with sqlite: or postgresql:, not {shown(parsed.get_backend_name(), 60)}.")


def _prepare_sqlite(raw: Any, _record: Any) -> None:
    assert isinstance(raw, sqlite3.Connection)
    raw.isolation_level = None  # we say BEGIN ourselves; Python's own way would not lock before the first write
    _set_up_file(raw)
    for pragma in (
        # NORMAL keeps everything across a killed process; only a power cut may cost the last moments, in order.
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-8000",
        "journal_size_limit=67108864",
    ):
        raw.execute(f"PRAGMA {pragma}")


def _set_up_file(raw: sqlite3.Connection) -> None:
    """What stays with the file. Of two processes that make it at once each holds what the other needs, and SQLite does not
    wait by itself then: so one tries again.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            # Of a new file only, so that what retention takes away can go back to the disk. Of an old one it takes the write
            # lock: each connection that was opened while another process wrote waited for it, up to 20 s.
            if raw.execute("PRAGMA page_count").fetchone()[0] == 0:
                raw.execute("PRAGMA auto_vacuum=INCREMENTAL")
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _plain(error: DBAPIError, engine: Engine) -> Exception:
    """One sentence for what can happen to a database in daily life; anything else is ours and keeps its traceback."""
    what, name = str(error.orig).strip().split("\n")[0], engine.url.render_as_string(hide_password=True)
    if "disk is full" in what or "No space left" in what:
        return Transient(f"The disk that holds {name} is full: free some space, nothing is lost.", retry_after=30)
    if "readonly" in what or "unable to open" in what:
        return Permanent(f"The database {name} can't be written ({what}): check the path and its permissions.")
    if "no such table" in what or "does not exist" in what:
        return Permanent(f"The database {name} has no tables yet or old ones ({what}): run `copytaster check --setup`.")
    if "canceling statement" in what:
        return Transient(f"{name} was too busy: {what}; it is tried again.", retry_after=5)
    if "deadlock detected" in what or "could not serialize" in what:
        return Transient(f"Two processes waited for each other in {name}; this one gave way and tries again.", retry_after=0.1)
    if "FOREIGN KEY constraint failed" in what or "violates foreign key constraint" in what:
        return Transient(
            f"What was to be written in {name} belongs to what was just removed; it is tried again.", retry_after=0.1
        )
    if isinstance(error, OperationalError):
        return Transient(f"The database {name} can't be reached: {what}.", retry_after=5)
    return error
