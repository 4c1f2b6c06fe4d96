"""A process that is bound to its parent ends with it, however that one ended."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's end")
FORKS = """
import os, time
from copytaster import kernel
parent = os.getpid()
if os.fork() == 0:
    if {late}:
        while os.getppid() == parent:
            time.sleep(0.01)
    kernel.end_with_parent(parent)
    print("bound", flush=True)
    time.sleep(600)
time.sleep(0 if {late} else 600)
"""


def forked(*, late):
    return subprocess.Popen([sys.executable, "-c", FORKS.format(late=late)], stdout=subprocess.PIPE, text=True)


def test_it_ends_with_a_parent_that_is_killed():
    with forked(late=False) as parent:
        parent.stdout.readline()
        parent.kill()
        assert parent.stdout.read() == ""  # comes back when the child, which holds the pipe too, has ended


def test_it_ends_at_once_where_its_parent_was_gone_already():
    with forked(late=True) as parent:
        assert parent.stdout.read() == ""
