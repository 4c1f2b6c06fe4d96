"""The watchdog of crawlers and reconcilers: it ends what stands still, and nothing else."""

import datetime as dt
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.store import Store
from copytaster.store.migrate import migrate
from desk.watchdog import Stillness

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
STANDS_STILL = """
import pathlib, sys, time
from copytaster.config import Config
from copytaster.store import Store
from copytaster.store.processes import Progress
from desk import watchdog
watchdog.LOOK_SECONDS, watchdog.STILL_SECONDS["beat"] = 0.1, 1.5
config = Config(data_dir=pathlib.Path(sys.argv[1]))
store = Store(config.store_url)
Progress(store, "beat").note()
watchdog.watch(config, "beat")
until = time.monotonic() + float(sys.argv[2])
while time.monotonic() < until:  # a fresh Progress each time, for one writes only every few seconds
    Progress(store, "beat").note()
    time.sleep(0.05)
print("stands still from here", flush=True)
time.sleep(60)
"""


@pytest.fixture
def still():
    return Stillness(limit_seconds=100.0, since=0.0)


def test_what_gets_on_lives(still):
    assert not any(still.lasts_too_long(NOON + dt.timedelta(seconds=now), now) for now in range(0, 1_000, 90))


def test_what_stands_still_is_ended(still):
    assert not still.lasts_too_long(NOON, 50.0)
    assert not still.lasts_too_long(NOON, 150.0)
    assert still.lasts_too_long(NOON, 151.0)


def test_what_never_began_to_move_is_ended_too(still):
    assert not still.lasts_too_long(None, 100.0)
    assert still.lasts_too_long(None, 101.0)


@given(st.timedeltas())
def test_the_row_of_a_predecessor_counts_from_when_it_is_first_seen(age):
    """A container that is started again has the same host name and process id."""
    still = Stillness(limit_seconds=100.0, since=0.0)
    old = dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + age % dt.timedelta(days=10_000)
    assert not still.lasts_too_long(old, 15.0)
    assert not still.lasts_too_long(NOON, 114.0)


def test_a_store_that_is_away_is_nobody_s_fault(still):
    still.lasts_too_long(NOON, 0.0)
    still.forgive(1_000.0)
    assert not still.lasts_too_long(NOON, 1_050.0)


def test_a_process_that_stands_still_is_killed_and_not_before(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'copytaster.db'}")
    migrate(store)
    store.close()
    done = subprocess.run(
        [sys.executable, "-c", STANDS_STILL, str(tmp_path), "2.5"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "stands still from here\n", done.stderr
    assert done.returncode == -signal.SIGKILL
