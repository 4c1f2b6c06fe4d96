"""Extraction under caps: no page takes more than its share of CPU and memory, whatever is in it.

It owns the killable child, and which pages need one; it must not know how a page is read.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import os
import select
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

from copytaster.caps import CPU_SECONDS, MORE_BYTES, WALL_SECONDS, limit_self
from copytaster.errors import Rejected
from copytaster.news import Extracted, Printed
from workers.extraction.read import MAX_BYTES, extract

SUSPICIOUS_BYTES = 1_000_000
SUSPICIOUS_TAGS = 40_000  # a news page has 2,000 to 10,000; each element costs about 1 kB in all the copies made
SUSPICIOUS_RUN = 400_000  # bytes without a tag: 20 MB of it and lxml gives up without a word


class _CpuSpentError(BaseException):
    """Not an ``Exception``, so that no library on the way takes it for a bad page and goes on."""


def extract_boxed(body: bytes, url: str | None, content_type: str | None = None) -> Extracted:
    """``read.extract`` with caps; more reasons to be ``Rejected``: ``too_slow`` and ``too_big``."""
    if len(body) > MAX_BYTES:
        raise Rejected("too_big", f"The page has {len(body)} bytes; at most {MAX_BYTES} are read.")
    if is_suspicious(body):
        return _in_child(body, url, content_type)
    with _cpu_limit():
        return extract(body, url, content_type)


def is_suspicious(body: bytes) -> bool:
    """Whether a page could spend more than its share inside one call of a C library, where no timer can stop it."""
    if len(body) > SUSPICIOUS_BYTES or body.count(b"<") > SUSPICIOUS_TAGS:
        return True
    return len(body) > SUSPICIOUS_RUN and any(len(part) > SUSPICIOUS_RUN for part in body.split(b"<"))


@contextlib.contextmanager
def _cpu_limit() -> Iterator[None]:
    """Raise ``Rejected`` once the block has used its CPU seconds; without effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, _spent)
    # It fires again each half second: an exception raised inside a destructor is printed and lost.
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS, 0.5)
    try:
        yield
    except _CpuSpentError:
        raise _too_slow() from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _spent(_signal: int, _frame: FrameType | None) -> None:
    raise _CpuSpentError


def _too_slow() -> Rejected:
    return Rejected("too_slow", f"Reading the page took more than {CPU_SECONDS} s of CPU; it was given up.")


def _in_child(body: bytes, url: str | None, content_type: str | None) -> Extracted:
    """Read in a forked child: a daemonic process, as Celery's are, may fork but not use ``multiprocessing``."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python warns of threads at a fork; a child that hangs for one is killed below.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)
        _serve(writing, body, url, content_type)
    os.close(writing)
    try:
        answer = _received(reading, time.monotonic() + WALL_SECONDS)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    return _understood(answer, status)


def _serve(pipe: int, body: bytes, url: str | None, content_type: str | None) -> None:
    """The child's whole life; it never returns."""
    code = 1
    try:
        limit_self()
        try:
            answer: dict[str, Any] = {"extracted": dataclasses.asdict(extract(body, url, content_type))}
        except Rejected as refusal:
            answer = {"reason": refusal.reason, "message": str(refusal)}
        except (MemoryError, RecursionError):
            answer = {"reason": "too_big", "message": _TOO_BIG}
        with os.fdopen(pipe, "wb") as out:
            out.write(json.dumps(answer, default=dt.datetime.isoformat).encode())
        code = 0
    finally:
        os._exit(code)


_TOO_BIG = f"Reading the page took more than {MORE_BYTES // 1_000_000} MB of memory; it was given up."


def _received(pipe: int, deadline: float) -> bytes | None:
    """All that the child writes; ``None`` if it is not done in time."""
    parts: list[bytes] = []
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([pipe], [], [], left)[0]:
            break
        if not (part := os.read(pipe, 1 << 16)):
            return b"".join(parts)
        parts.append(part)
    return None


def _understood(answer: bytes | None, status: int) -> Extracted:
    if answer:
        told = json.loads(answer)
        if "extracted" in told:
            return _revived(told["extracted"])
        raise Rejected(told["reason"], told["message"])
    if answer is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}):
        raise _too_slow()
    raise Rejected("too_big", _TOO_BIG)


def _revived(told: dict[str, Any]) -> Extracted:
    for key in ("published", "modified"):
        if told[key] is not None:
            told[key] = Printed(**{**told[key], "at": dt.datetime.fromisoformat(told[key]["at"])})
    return Extracted(**{**told, "authors": tuple(told["authors"]), "topics": tuple(told["topics"])})
