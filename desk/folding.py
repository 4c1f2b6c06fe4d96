"""Folds the metric files of dead processes into one: each process leaves its own, and thousands of them slow every scrape.

It owns those files' format as prometheus-client writes it; it must not know what is counted. One process folds a folder.
"""

import os
import pathlib
import re
from collections.abc import Callable

from prometheus_client.mmap_dict import MmapedDict

FOLDED = "folded"
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
    for path, kind in dead:
        _add(path, folder / f"{kind}_{FOLDED}.db")
        path.unlink()
    return len(dead)


def _add(one: pathlib.Path, to: pathlib.Path) -> None:
    total = MmapedDict(str(to))  # type: ignore[no-untyped-call]
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(one)):  # type: ignore[no-untyped-call]
            total.write_value(key, total.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        total.close()  # type: ignore[no-untyped-call]
