"""Starts a service's program for tests: on a free port, in a folder of its own, never as root where it refuses root.

It owns the child's life; it must not know what is tested with it.
"""

import contextlib
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

START_SECONDS = 60.0
PORTS = range(20_000, 32_000)  # below those that a kernel lends to every connection: Linux from 32768 on


def free_port() -> int:
    """One that nobody listens at, and that nobody is lent between now and when it is listened at."""
    while True:
        port = secrets.choice(PORTS)  # never from a seed, which two runs may share
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def folder(user: str | None = None) -> Iterator[pathlib.Path]:
    """A short-named folder (a socket's path may have 108 bytes), given to ``user`` where we are root."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ct-"))
    try:
        if user:
            shutil.chown(path, user)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def other_user(name: str) -> str | None:
    """Who runs a program that refuses root; None where we are not root."""
    if os.getuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    return "nobody"


def run(command: Sequence[str], user: str | None, cwd: pathlib.Path) -> None:
    """Runs to its end; an error carries what the program said."""
    done = subprocess.run(command, user=user, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command[0]} failed: {done.stderr or done.stdout}"


@contextlib.contextmanager
def running(
    command: Sequence[str],
    ready: Callable[[], bool],
    *,
    cwd: pathlib.Path,
    user: str | None = None,
    env: Mapping[str, str] | None = None,
    log: pathlib.Path | None = None,
    start_seconds: float = START_SECONDS,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The program from the moment it is ready until the block ends; its log is ``cwd/log`` unless another is named."""
    log = log or cwd / "log"
    with log.open("wb") as sink:
        child = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, cwd=cwd, user=user, env=env)
    try:
        _await(child, ready, log, time.monotonic() + start_seconds)
        yield child
    finally:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
        child.kill()
        child.wait()


def _await(child: "subprocess.Popen[bytes]", ready: Callable[[], bool], log: pathlib.Path, until: float) -> None:
    while not ready():
        given_up = child.poll() is not None or time.monotonic() > until
        assert not given_up, f"{child.args!r} does not start:\n{log.read_text()[-2000:]}"
        time.sleep(0.02)


@contextlib.contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """SIGSTOP: sockets stay up and nothing answers, until the block ends."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
