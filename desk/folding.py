"""Folds the metric files of dead processes into one: each process leaves its own, and thousands of them slow every scrape.

It owns those files' format as prometheus-client writes it; it must not know what is counted. One process folds a folder.
"""

import logging
import os
import pathlib
import re
import struct
from collections.abc import Callable, Iterable

from prometheus_client.mmap_dict import MmapedDict

from copytaster.counted import allocate

FOLDED = "folded"
log = logging.getLogger("copytaster.folding")
_OF_PROCESS = re.compile(r"(counter|histogram)_(\d+)\.db")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def fold(folder: pathlib.Path, is_alive: Callable[[int], bool] = alive) -> int:
    """Adds what dead processes counted to ``counter_folded.db`` and its like; returns how many files went."""
    dead = [
        (path, found[1])
        for path in folder.iterdir()
        if (found := _OF_PROCESS.fullmatch(path.name)) and not is_alive(int(found[2]))
    ]
    if not all(allocate(str(folder / f"{kind}_{FOLDED}.db")) for kind in {kind for _, kind in dead}):
        return 0  # the disk is full; they stay until there is room
    for path, kind in dead:
        if values := _values(path):
            _add(values, folder / f"{kind}_{FOLDED}.db")
        path.unlink()
    return len(dead)


def _values(path: pathlib.Path) -> list[tuple[str, float]]:
    """What a dead process counted; nothing where it was killed while it made the file: that ended every scrape from then on."""
    try:
        return [(key, value) for key, value, *_ in MmapedDict.read_all_values_from_file(str(path))]  # type: ignore[no-untyped-call]
    except (struct.error, RuntimeError, ValueError) as error:  # empty, cut off, not text
        log.warning("what is in %s is not counted: %s", path.name, error)
        return []


def _add(values: Iterable[tuple[str, float]], to: pathlib.Path) -> None:
    total = MmapedDict(str(to))  # type: ignore[no-untyped-call]
    try:
        for key, value in values:
            total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        total.close()  # type: ignore[no-untyped-call]
