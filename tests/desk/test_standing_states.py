"""What `copytaster status` calls a process that has said nothing for a while."""

import datetime as dt

import pytest

from copytaster.store.processes import Process
from desk.standing import state_of

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
NOTHING = {"ingest": 0, "deliver": 0, "index": 0}


@pytest.mark.parametrize(
    ("kind", "minutes", "due", "state"),
    [
        ("worker", 1, NOTHING, "working"),
        ("worker", 5, NOTHING, "idle or gone"),  # it notes progress only where there is something to do
        ("worker", 5, {**NOTHING, "deliver": 3}, "stuck or gone"),
        ("beat", 5, NOTHING, "stuck or gone"),
    ],
)
def test_a_worker_with_nothing_to_do_is_not_called_stuck(kind, minutes, due, state):
    quiet = Process(
        name="one", kind=kind, started_at=NOW - dt.timedelta(hours=1), progress_at=NOW - dt.timedelta(minutes=minutes)
    )
    assert state_of(quiet, NOW, due) == state
