"""For how long nothing has moved: what both watchdogs, of workers and of crawlers, decide by. It owns no clock and no end."""

import datetime as dt
from dataclasses import dataclass


@dataclass(slots=True)
class Stillness:
    """For how long nothing has moved, by whatever clock the looks go by.

    Only a change counts, not the instant itself: a container that is started again has its predecessor's name, and its row.
    """

    limit_seconds: float
    since: float
    seen: dt.datetime | None = None

    def lasts_too_long(self, progress_at: dt.datetime | None, now: float) -> bool:
        if progress_at != self.seen:
            self.seen, self.since = progress_at, now
        return now - self.since > self.limit_seconds

    def forgive(self, now: float) -> None:
        """Nobody can move just now: the store is away, and a restart would not bring it back; or there is nothing to do."""
        self.since = now
