"""A PostgreSQL of the tests' own: started once a run, with a fresh database for each test from a migrated template."""

import contextlib
import itertools
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import psycopg

from copytaster.store import Store
from copytaster.store.migrate import migrate
from tests.services import finding, running

TEMPLATE = "migrated"
# Nothing here outlives the run, so nothing is forced to disk: 4 times quicker.
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=100")


@dataclass
class PostgreSQL:
    port: int
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def make_template(self) -> None:
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        store = Store(self.url(TEMPLATE))
        migrate(store)
        store.close()

    @contextlib.contextmanager
    def database(self, *, migrated: bool) -> Iterator[str]:
        """The URL of a database that is there for one test."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if migrated else 'template0'}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(statement)


@contextlib.contextmanager
def started(settings: Sequence[str] = QUICK) -> Iterator[PostgreSQL]:
    binaries = finding.need("postgresql").parent
    user, port = running.other_user("postgres"), running.free_port()
    with running.folder(user) as home:
        data = home / "data"
        initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        running.run([*initdb, "--no-sync", "--locale=C"], user, home)
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-k", str(home), *options]
        with running.running(command, lambda: _answers(port), cwd=home, user=user) as child:
            server = PostgreSQL(port)
            server.make_template()
            yield server
            child.send_signal(signal.SIGINT)  # fast shutdown: SIGTERM would wait for every connection


def _answers(port: int) -> bool:
    if not running.accepts(port):
        return False
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
        return True
    return False
