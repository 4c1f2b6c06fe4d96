"""The supervisor: what dies is started again, what is told to stop stops, and nothing outlives it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.up import LONGEST_WAIT_SECONDS, Child, Supervisor, next_wait

TREE = """
import pathlib, sys, time
from desk.up import Child, Supervisor
folder = pathlib.Path(sys.argv[1])
def live():
    (folder / f"pid-{__import__('os').getpid()}").touch()
    time.sleep(60)
Supervisor({"one": Child("one", live), "two": Child("two", live)}).run()
"""


LATE = """
import os, pathlib, sys, time
from desk import up
supervisor = os.getpid()
if os.fork() == 0:
    while os.getppid() == supervisor:
        time.sleep(0.01)
    up._be(up.Child("late", pathlib.Path(sys.argv[1]).touch), supervisor)
"""


def until(done, seconds: float = 60.0):
    """Polls a condition outside this process, for which there is no event to await."""
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def tree(folder: Path):
    process = subprocess.Popen([sys.executable, "-c", TREE, str(folder)])
    try:
        until(lambda: len(list(folder.glob("pid-*"))) == 2)
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_killed_child_is_started_again(tmp_path):
    with tree(tmp_path) as root:
        victim = root.children()[0]
        victim.kill()
        until(lambda: len(list(tmp_path.glob("pid-*"))) == 3)
        assert victim.pid not in {child.pid for child in root.children()}
        assert len(root.children()) == 2


@pytest.mark.slow
def test_a_killed_supervisor_leaves_no_child_behind(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's end")
    with tree(tmp_path) as root:
        children = root.children()
        root.kill()
        gone, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
        assert len(gone) == 2


def test_a_child_that_is_born_while_its_supervisor_is_killed_does_not_begin(tmp_path):
    command = [sys.executable, "-c", LATE, str(tmp_path / "begun")]
    subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True)  # until the child has closed it, too
    assert not (tmp_path / "begun").exists()


def test_stop_ends_also_a_child_that_does_not_listen(monkeypatch):
    monkeypatch.setattr("desk.up.STOP_SECONDS", 0.3)
    ready, told = os.pipe()

    def deaf() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(told, b"x")
        time.sleep(60)

    supervisor = Supervisor({"deaf": Child("deaf", deaf)})
    runner = threading.Thread(target=supervisor.run)
    runner.start()
    os.read(ready, 1)
    pid = supervisor.children["deaf"].pid
    supervisor.stopping.set()
    runner.join(10)
    assert not runner.is_alive()
    assert not psutil.pid_exists(pid)


@given(st.integers(0, 200))
def test_a_child_that_falls_over_again_and_again_waits_longer_but_never_long(failures):
    assert next_wait(failures) <= next_wait(failures + 1) <= LONGEST_WAIT_SECONDS
    assert (next_wait(failures) == 0) == (failures == 0)
