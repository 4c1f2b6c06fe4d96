"""What Linux does for a process of ours: a name of its own in `ps`, an end with its parent's, memory that its threads share.
Elsewhere nothing happens.
"""

import ctypes
import os
import signal
import sys

_SET_PDEATHSIG, _SET_NAME = 1, 15
_ARENA_MAX, _ARENAS = -8, 2


def set_name(name: str) -> None:
    """As `ps` shows it; Linux keeps 15 bytes."""
    _prctl(_SET_NAME, name.encode())


def end_with_parent(parent: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Whenever ``parent``, the process that forked us, is gone, be it by `kill -9` and already."""
    _prctl(_SET_PDEATHSIG, how)
    if sys.platform == "linux" and os.getppid() != parent:
        os.kill(os.getpid(), how)


def share_arenas() -> None:
    """Threads take turns at memory: glibc gives each an arena of its own, up to 16 of them, and what one frees stays there."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_ARENA_MAX, _ARENAS)


def _prctl(what: int, value: object) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(what, value)
