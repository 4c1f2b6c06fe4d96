"""When the index stage of one process may ask the search engine, and for how much at once.

It owns the pause after a failure and the slow start that follows; it must not know engines, rows or hints.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

MOST = 100  # documents in a batch: Elasticsearch gains nothing from more (800 a second with 100, 830 with 500)
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0
LONGEST_ASKED_SECONDS = 60.0  # a disk at its flood stage is not emptied in seconds; below what counts as stuck


def next_pause(failures: int, retry_after: float | None) -> float:
    """Seconds without a try after so many failures in a row, at least as long as the engine asked for."""
    grown = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 10), LONGEST_SECONDS)
    return max(grown, min(retry_after or 0.0, LONGEST_ASKED_SECONDS))


def next_size(size: int) -> int:
    """Documents of the next batch after one that went well."""
    return min(2 * size, MOST)


class Intake:
    """One thread of a process indexes at a time, so that the others stay free for alerts.

    While an engine is away nobody asks it; then one document is tried, and twice as many after each batch that went in:
    what is refused for its size alone goes in smaller.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._not_before = float("-inf")
        self._size = MOST
        self.prepared = False

    @contextlib.contextmanager
    def turn(self) -> Iterator[int]:
        """So many documents may be put now; 0: another thread is at it, or the engine is left alone for a while."""
        if not self._lock.acquire(blocking=False):
            yield 0
            return
        try:
            yield self._size if self._clock() >= self._not_before else 0
        finally:
            self._lock.release()

    def failed(self, retry_after: float | None) -> None:
        """The engine could not be used; once it can it may be another one, and empty."""
        self._failures += 1
        self._not_before = self._clock() + next_pause(self._failures, retry_after)
        self._size, self.prepared = 1, False

    def worked(self) -> None:
        self._failures, self._size = 0, next_size(self._size)
