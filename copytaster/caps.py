"""What one input from outside may cost, and the limits that a child sets on itself before it reads one.

It owns the numbers; it must not know what is read, nor how a child is started or heard.
"""

import resource
import signal
import sys
from pathlib import Path

CPU_SECONDS = 3  # of reading; landing, matching and packing what was read must fit into two more
WALL_SECONDS = 20.0  # of a child on a busy machine, and the way out should it hang without using CPU
MORE_BYTES = 120_000_000  # of its own: a worker has 110 MB before, which are counted of its child too, and both hold the page


def limit_self() -> None:
    """The kernel ends this process where it takes more, even where its parent has died."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPROF, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))  # a program has used some to start
    resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_SECONDS, used + CPU_SECONDS + 1))
    if (size := _address_space()) is not None:
        resource.setrlimit(resource.RLIMIT_AS, (size + MORE_BYTES, size + MORE_BYTES))


def _address_space() -> int | None:
    """Bytes of address space in use, where the system tells (Linux)."""
    if not sys.platform.startswith("linux"):
        return None
    return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
