"""Ways to hurt real processes and connections: kill, stop for a while, a proxy that goes deaf. It knows no scenario."""

import contextlib
import random
import selectors
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Literal, Self

import psutil

from desk import own_processes
from desk.bench.tree import role_of
from tests.services import finding, running

ROLES = ("crawl", "read", "send", "beat", "web", "redis")
Mood = Literal["pass", "deaf", "cut", "answer"]


def processes(supervisor: int, role: str) -> list[psutil.Process]:
    """Those of one role below the supervisor; of a pool the parent comes first."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in psutil.Process(supervisor).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended while we looked
                if role_of(each) == role:
                    found.append(each)
    return found


def kill_one(supervisor: int, role: str, rng: random.Random) -> bool:
    """Of a pool now the parent and now a child; False where none was there."""
    found = processes(supervisor, role)
    if not found:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        rng.choice(found).send_signal(signal.SIGKILL)
        return True
    return False


def orphans(folder: Path) -> int:
    """How many processes of the run in this folder have lost their parent; Redis is meant to outlive the supervisor."""
    found = 0
    for each in psutil.process_iter(["name", "ppid"]):
        with contextlib.suppress(psutil.Error):
            if each.info["ppid"] == 1 and own_processes.role_of(each.info["name"]) not in (None, "redis"):
                found += str(folder / "data") == each.environ().get("COPYTASTER_DATA_DIR")
    return found


class OwnRedis:
    """A ``redis-server`` that can be killed and started again at its port, with what it wrote to disk."""

    def __init__(self, folder: str, *options: str) -> None:
        self._binary, self._folder, self._options = str(finding.need("redis")), folder, options
        self.port = running.free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder, "--save", ""]
        command += ["--appendonly", "yes", "--maxmemory-policy", "noeviction", *self._options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not running.accepts(self.port):
            assert self.process.poll() is None, "redis-server does not start"
            assert time.monotonic() < until, "redis-server does not listen"
            time.sleep(0.02)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stopped(self) -> contextlib.AbstractContextManager[None]:
        assert self.process
        return running.stopped([self.process.pid])


class TcpProxy:
    """A port before another one. ``mood``: ``pass`` hands everything on, ``deaf`` keeps all connections up and hands nothing
    on, ``cut`` resets what is connected and lets nobody in, ``answer`` says ``says`` to whatever is asked, and hangs up.
    ``knocks`` counts connections.
    """

    says = b""

    def __init__(self, port: int) -> None:
        self._to, self.knocks = port, 0
        self.mood: Mood = "pass"
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listening.getsockname()[1])
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._forgotten: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for each in [*self._pairs, self._listening]:
            each.close()
        self._selector.close()

    def forget(self) -> None:
        """What is connected now is never handed on again, and never told so."""
        self._forgotten |= set(self._pairs)

    def _run(self) -> None:
        while not self._ended.is_set():
            if self.mood == "cut":
                for each in list(self._pairs):
                    self._drop(each)
            for key, _ in self._selector.select(0.05):
                if key.fileobj is self._listening:
                    self._accept()
                elif self.mood == "pass":
                    self._hand_on(key.fileobj)
                elif self.mood == "answer":
                    self._answer(key.fileobj)
            if self.mood == "deaf":
                self._ended.wait(0.05)  # what came in stays where it is, and would wake us at once

    def _accept(self) -> None:
        client, _ = self._listening.accept()
        self.knocks += 1
        if self.mood == "cut":
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._to), 5)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            self._pairs[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _answer(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if one.recv(65_536):
                one.sendall(self.says)
        self._drop(one)

    def _hand_on(self, one: socket.socket) -> None:
        other = self._pairs.get(one)
        if other is None:
            return
        if one in self._forgotten:
            self._selector.unregister(one)
            return
        try:
            data = one.recv(65_536)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        self._drop(one)

    def _drop(self, one: socket.socket) -> None:
        other = self._pairs.pop(one, None)
        for each in (one, other):
            if each is not None:
                self._pairs.pop(each, None)
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(each)
                each.close()
