"""What Linux does for a process of ours: a name of its own in `ps`, and an end with its parent's. Elsewhere nothing happens."""

import ctypes
import os
import signal
import sys

_SET_PDEATHSIG, _SET_NAME = 1, 15


def set_name(name: str) -> None:
    """As `ps` shows it; Linux keeps 15 bytes."""
    _prctl(_SET_NAME, name.encode())


def end_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Whenever ``parent``, the process that forked us, is gone, be it by `kill -9` and already."""
    _prctl(_SET_PDEATHSIG, how)
    if sys.platform == "linux" and os.getppid() != parent:
        os.kill(os.getpid(), how)


def _prctl(what: int, value: object) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(what, value)
