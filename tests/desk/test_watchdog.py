"""The watchdog of crawlers and reconcilers: it ends what stands still, and nothing else."""

import contextlib
import datetime as dt
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.store import Store
from copytaster.store.migrate import migrate
from workers.stillness import Stillness

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
STANDS_STILL = """
import pathlib, sys, threading, time
from copytaster.config import Config
from copytaster.store import Store
from copytaster.store.processes import Progress
from desk import watchdog
watchdog.LOOK_SECONDS, watchdog.STILL_SECONDS["beat"] = 0.1, float(sys.argv[2])
config = Config(data_dir=pathlib.Path(sys.argv[1]))
store = Store(config.store_url)
Progress(store, "beat").note()
looked, look = threading.Event(), watchdog._progress_at
watchdog._progress_at = lambda *given: (look(*given), looked.set())[0]
watchdog.watch(config, "beat")
looked.wait()
print("gets on", flush=True)
until = time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:  # a fresh Progress each time, for one writes only every few seconds
    for _ in range(10):  # not at once after having been stopped
        time.sleep(0.05)
    Progress(store, "beat").note()
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


@contextlib.contextmanager
def watched(folder, *, limit_seconds, moving_seconds):
    """A process that gets on for so long and then no more, under a watchdog of this patience."""
    store = Store(f"sqlite:///{folder / 'copytaster.db'}")
    migrate(store)
    store.close()
    command = [sys.executable, "-c", STANDS_STILL, str(folder), str(limit_seconds), str(moving_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_process_that_stands_still_is_killed_and_not_before(tmp_path):
    with watched(tmp_path, limit_seconds=3.0, moving_seconds=5.0) as process:
        said, errors = process.communicate(timeout=60)
    assert said == "gets on\nstands still from here\n", errors
    assert process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_process_that_was_stopped_for_longer_may_go_on_first(tmp_path):
    with watched(tmp_path, limit_seconds=2.0, moving_seconds=6.0) as process:
        assert process.stdout.readline() == "gets on\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)  # what is measured is that time goes by, as if the machine had slept
        process.send_signal(signal.SIGCONT)
        said, errors = process.communicate(timeout=60)
    assert said == "stands still from here\n", errors
    assert process.returncode == -signal.SIGKILL
