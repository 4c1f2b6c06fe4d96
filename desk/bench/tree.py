"""What a tree of processes costs: CPU seconds and memory by role, dead children included. It starts and stops nothing."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from desk import own_processes

SAMPLE_SECONDS = 0.25


def role_of(process: psutil.Process) -> str:
    """What names tell it; else it is the supervisor itself."""
    return own_processes.role_of(process.name()) or "up"


@dataclass(slots=True)
class Watcher:
    """Samples the processes below ``root`` until stopped; a process that ends between two samples costs a little accuracy."""

    root: psutil.Process
    role_of: Callable[[psutil.Process], str] = role_of
    _cpu: dict[tuple[int, float], tuple[str, float]] = field(default_factory=dict)
    _peak: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self.sample()

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.sample()

    def sample(self) -> None:
        for process in _tree(self.root):
            try:
                with process.oneshot():
                    role, times = self.role_of(process), process.cpu_times()
                    rss = process.memory_info().rss
            except psutil.Error:
                continue
            # What a boxed child took is its parent's after its end, and nobody's sample of its own.
            used = times.user + times.system + times.children_user + times.children_system
            if self._is_pool_parent(process, role):
                used = times.user + times.system  # its children are in the tree themselves
            self._cpu[process.pid, process.create_time()] = role, used
            self._peak[role] = max(self._peak[role], rss)

    def cpu_seconds(self) -> dict[str, float]:
        """So far, by role."""
        self.sample()
        total: dict[str, float] = defaultdict(float)
        for role, used in self._cpu.values():
            total[role] += used
        return dict(total)

    def peaks(self) -> dict[str, int]:
        return dict(self._peak)

    def _is_pool_parent(self, process: psutil.Process, role: str) -> bool:
        try:
            return role == "up" or any(self.role_of(child) == role for child in process.children())
        except psutil.Error:
            return False


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def proportional_bytes(root: psutil.Process) -> dict[str, int]:
    """Memory by role as PSS: pages shared by n processes count 1/n in each, so that the sum is what the machine gives."""
    found: dict[str, int] = defaultdict(int)
    for process in _tree(root):
        try:
            found[role_of(process)] += process.memory_full_info().pss
        except psutil.Error:
            continue
    return dict(found)
