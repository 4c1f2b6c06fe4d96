"""The files in which processes count: each has its place on the disk before it is mapped into memory.

It owns what becomes of them where the disk is full; it must not know what is counted.
"""

import contextlib
import logging
import os

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

BYTES = 1 << 16  # that prometheus-client makes a file of at first; ours never grew beyond it
log = logging.getLogger("copytaster.metrics")


def allocate(path: str) -> bool:
    """Whether the file, made where it is not there, has room. To write into one that has none ends a process (SIGBUS)."""
    try:
        with open(path, "ab") as file:  # noqa: PTH123  the library's names are texts
            size = os.fstat(file.fileno()).st_size
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(size, BYTES))
    except OSError:
        with contextlib.suppress(OSError):
            if not os.path.getsize(path):  # noqa: PTH202
                os.unlink(path)  # noqa: PTH108  an empty one can't be read
        return False
    return True


class Counted(MmapedDict):
    """One file. Where the disk is full this process counts for itself: its numbers are missing, and it lives."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode and not allocate(filename):
            log.warning("the disk is full: what this process counts is not shown until it is started again")
            filename = _in_memory() or filename
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]


def _in_memory() -> str | None:
    """A file that is on no disk, where the system has such."""
    return f"/proc/self/fd/{os.memfd_create('metrics')}" if hasattr(os, "memfd_create") else None


values.MmapedDict = Counted  # type: ignore[attr-defined]  # it has no setting for it
