"""Questions to services that may hang: each asked in a thread of its own, and waited for no longer than one can.

It owns waiting; it must not know what is asked.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Question(Generic[T]):
    """One that may hang; it is not asked again before the last asking has ended."""

    ask: Callable[[], T]
    _asked: Future[T] | None = None

    def put(self) -> None:
        if self._asked is None or self._asked.done():
            self._asked = Future()
            threading.Thread(target=self._run, args=(self._asked,), daemon=True, name="asking").start()

    def _run(self, asked: Future[T]) -> None:
        try:
            asked.set_result(self.ask())
        except BaseException as error:  # noqa: BLE001  whoever waits for the answer must get it
            asked.set_exception(error)

    def answer(self, until: float, away: T) -> T:
        """``away`` where there is none by then, a time of the monotonic clock."""
        try:
            return self._asked.result(max(until - time.monotonic(), 0.0)) if self._asked else away
        except TimeoutError:
            return away


def in_turn(ask: Callable[[str], T]) -> Callable[[str], T]:
    """The same question for many threads, of which one asks at a time."""
    lock = threading.Lock()

    def asked(about: str) -> T:
        with lock:
            return ask(about)

    return asked
