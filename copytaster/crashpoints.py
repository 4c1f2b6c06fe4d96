"""Named places where a process can be told to die, for the tests that prove nothing is lost there. Unarmed it does nothing."""

import os
import signal

DEATH = "died at crash point"
_armed: dict[str, int] = {}


def arm(spec: str) -> None:
    """``name:n``: the n-th passing of that place kills this process, as ``kill -9`` would. Empty: none does."""
    _armed.clear()
    name, _, count = spec.partition(":")
    if name:
        _armed[name] = int(count or 1)


def crashpoint(name: str) -> None:
    if name in _armed:
        _armed[name] -= 1
        if _armed[name] <= 0:
            os.write(2, f"{DEATH} {name}\n".encode())  # no buffer, no logger: nothing else may happen here
            os.kill(os.getpid(), signal.SIGKILL)
