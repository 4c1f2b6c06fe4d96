"""A bound on libraries that open connections of their own: where to, how long, and how much of an answer is read.

It owns the check at connect for code that takes no client of ours; it must not know what that code sends.
"""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from copytaster.errors import Rejected
from copytaster.guard import Guard
from workers.notifiers.port import NotTried

MAX_ANSWER_BYTES = 65_536
WAIT_SECONDS = 8.0  # for another block's end: with a whole sending after it still within a lease of 30 s
# A datagram needs no connect: rsyslog:// reached loopback without one.
_REACHING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
# Ways out that are no socket of ours: programs (dbus, macosx) and the system's own log.
_LOCAL = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "syslog.openlog", "syslog.syslog"})
_one_at_a_time = threading.Lock()
_held: "Leash | None" = None  # read by the audit hook, which outlives every leash


class Leash:
    """What one sending may do; ``refusal`` says afterwards why a connection was not made, ``answered`` what came last."""

    def __init__(self, guard: Guard, host: str | None) -> None:
        self.refusal: Rejected | None = None
        self.answered: tuple[int, str | None] | None = None  # HTTP status and Retry-After, of who speaks HTTP by requests
        self._guard = guard
        named = host is not None and guard.allows_host(host)
        self._trusted = frozenset(guard.addresses(host, 443)) if host is not None and named else frozenset()
        # Threads that were there before are ours; those that the library starts (MQTT does) are on the leash too.
        # By object, for the system gives a dead thread's number to the next one.
        self._ours = set(threading.enumerate()) - {threading.current_thread()}
        self._sockets: list[socket.socket] = []
        self._over = False

    def connecting(self, sock: socket.socket, address: Any) -> None:
        """Called before each connect and datagram, with its resolved address. Raises ``Rejected`` to prevent it."""
        if not self.holds() or address is None:  # sendmsg over a connection, which was checked when it was made
            return
        try:
            self._check(sock, address)
        except Rejected as error:
            self.refusal = error
            sock.close()  # whoever made it expects OSError only, and would leave it open
            raise
        self._sockets.append(sock)

    def leaving(self) -> None:
        """Called before a program is started or the system's log is written. Raises ``Rejected`` to prevent it."""
        if self.holds():
            self.refusal = Rejected("private_address", "A channel may not start programs or write to this machine's own log.")
            raise self.refusal

    def holds(self) -> bool:
        """Whether the calling thread is on the leash."""
        return threading.current_thread() not in self._ours

    def cut(self) -> None:
        """End every connection, which wakes whoever waits on one, and let no other begin."""
        self._over = True
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _check(self, sock: socket.socket, address: Any) -> None:
        if self._over:
            raise Rejected("too_slow", "The other side took too long, so it is not called again for this message.")
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            raise Rejected("private_address", "A channel may not reach sockets of this machine; use an address.")
        host, port = str(address[0]), int(address[1])
        if host in self._trusted:
            return
        try:
            self._guard.check_address(host)
        except Rejected:
            if host.replace(".", "").isdigit() or ":" in host:
                raise
            self._guard.addresses(host, port)  # a name, which the system would resolve within connect


@contextmanager
def leashed(guard: Guard, host: str | None, *, seconds: float) -> Iterator[Leash]:
    """Within this block, connections of this thread and of threads that it starts are checked and end in time.

    By an audit hook, which sees every connect of Python whatever library makes it; patching one HTTP library would
    miss the others. One block at a time in a process: raises ``NotTried`` where another one does not end soon.
    """
    global _held  # noqa: PLW0603  an audit hook can't be removed, so it must look somewhere
    with _turn():
        leash = Leash(guard, host)
        _install()
        timer = threading.Timer(seconds, leash.cut)
        timer.daemon = True
        with _short_answers():
            timer.start()
            _held = leash
            try:
                yield leash
            finally:
                _held = None
                timer.cancel()


@contextmanager
def _turn() -> Iterator[None]:
    """Who waited for longer would send after its lease's end, when somebody else has long sent the same."""
    if not _one_at_a_time.acquire(timeout=WAIT_SECONDS):
        raise NotTried("Another message is being sent; this one is tried again shortly.", retry_after=2)
    try:
        yield
    finally:
        _one_at_a_time.release()


@lru_cache(maxsize=1)
def _install() -> None:
    sys.addaudithook(_on_event)


def _on_event(event: str, args: tuple[Any, ...]) -> None:
    if _held is None:
        return
    if event in _REACHING:
        _held.connecting(*args[:2])
    elif event in _LOCAL:
        _held.leaving()


@contextmanager
def _short_answers() -> Iterator[None]:
    """Requests reads and unpacks a whole answer, be it 1 GB; within this block it gets the first 64 kB."""
    from requests.adapters import HTTPAdapter

    whole: Callable[..., Any] = HTTPAdapter.send

    def bounded(self: HTTPAdapter, *args: Any, **kwargs: Any) -> Any:
        answer = whole(self, *args, **kwargs)
        if _held is not None and _held.holds():
            _held.answered = answer.status_code, answer.headers.get("retry-after")
            answer._content = answer.raw.read(MAX_ANSWER_BYTES, decode_content=True)  # noqa: SLF001  requests has no cap
            answer._content_consumed = True  # noqa: SLF001
            answer.raw.close()
        return answer

    HTTPAdapter.send = bounded  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPAdapter.send = whole  # type: ignore[method-assign]
