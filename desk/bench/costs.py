"""What a run cost, by part, and which part set its pace. It owns the sums; it must not know how a run is made."""

import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import psutil

from desk.bench.tree import Watcher

BUSY = 0.9  # of what it could use: such a part, or machine, sets the pace
READERS = "read"
ONE_EACH = ("send", "beat", "web", "up", "redis")  # one process that Python or its own design keeps to one core


@dataclass(slots=True)
class Meter:
    """``with Meter(up, servers, folder) as meter``: CPU seconds by part between its begin and its end.

    ``servers`` are the outside services' processes by name; one that is None is on another machine and not counted.
    """

    up: psutil.Process
    servers: Mapping[str, psutil.Process | None]
    metrics: pathlib.Path
    parts: dict[str, float] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)
    machine_seconds: float = 0.0  # of all processes of the machine, whoever started them
    machine_utilisation: float = 0.0
    _watchers: list[Watcher] = field(default_factory=list)
    _before: tuple[dict[str, float], dict[str, float], Any] = field(default_factory=lambda: ({}, {}, None))

    def __enter__(self) -> Self:
        here = [(server, name) for name, server in self.servers.items() if server is not None]
        self._watchers = [Watcher(self.up), *(Watcher(server, _always(name)) for server, name in here)]
        for watcher in self._watchers:
            watcher.start()
        self._before = self._parts(), stage_seconds(self.metrics), psutil.cpu_times()
        return self

    def __exit__(self, *_: object) -> None:
        parts, stages, times = self._before
        self.parts = {name: used - parts.get(name, 0.0) for name, used in self._parts().items()}
        self.stages = {name: used - stages.get(name, 0.0) for name, used in stage_seconds(self.metrics).items()}
        self.machine_seconds, self.machine_utilisation = _between(times, psutil.cpu_times())
        for watcher in self._watchers:
            watcher.stop()

    def peaks(self) -> dict[str, int]:
        return {name: size for watcher in self._watchers for name, size in watcher.peaks().items()}

    def _parts(self) -> dict[str, float]:
        return {name: used for watcher in self._watchers for name, used in watcher.cpu_seconds().items()}


def _always(name: str) -> Callable[[psutil.Process], str]:
    return lambda _: name


def _between(before: Any, after: Any) -> tuple[float, float]:
    """CPU seconds of the whole machine, and their share of what it had."""
    rested = sum(getattr(after, name, 0.0) - getattr(before, name, 0.0) for name in ("idle", "iowait"))
    twice = sum(getattr(after, name, 0.0) - getattr(before, name, 0.0) for name in ("guest", "guest_nice"))  # in user, too
    passed = sum(after) - sum(before) - twice
    return passed - rested, (passed - rested) / passed if passed else 0.0


def stage_seconds(folder: pathlib.Path) -> dict[str, float]:
    """CPU seconds of each stage so far, as the processes themselves counted them."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {each.labels["stage"]: each.value for each in samples if each.name == "copytaster_stage_cpu_seconds_total"}


def costs(meter: Meter, pages: int, alone: float) -> dict[str, Any]:
    """CPU by process and by stage; ``alone``: CPU seconds of the peer's extraction of the same pages."""
    extraction = meter.stages.get("extract", 0.0)
    total = sum(meter.parts.values())
    beyond = total - extraction
    return {
        "cpu_ms_per_page": _each(meter.parts, pages),
        "stage_cpu_ms_per_page": _each(meter.stages, pages),
        "other_cpu_ms_per_page": round(1000 * (meter.machine_seconds - total) / pages, 2),
        "trafilatura_ms_per_page": round(1000 * alone / pages, 2),
        "extraction_over_trafilatura": round(extraction / alone, 3),
        "beyond_extraction_ms_per_page": round(1000 * beyond / pages, 2),
        "beyond_extraction_over_trafilatura": round(beyond / alone, 3),
        "beyond_extraction_over_extraction": round(beyond / extraction, 3) if extraction else None,
    }


def _each(seconds: Mapping[str, float], pages: int) -> dict[str, float]:
    return {name: round(1000 * used / pages, 2) for name, used in sorted(seconds.items())}


def pace(meter: Meter, wall: float, *, workers: int, crawlers: int) -> dict[str, Any]:
    """How busy each part was, of the cores that it could use, and what set the pace."""
    cores = psutil.cpu_count() or 1
    may_use = {READERS: min(workers, cores), "crawl": min(crawlers, cores), **dict.fromkeys(ONE_EACH, 1)}
    shares = {name: used / wall / may_use.get(name, cores) for name, used in meter.parts.items()}
    return {
        "utilisation": {name: round(share, 3) for name, share in sorted(shares.items())},
        "machine_utilisation": round(meter.machine_utilisation, 3),
        "limit": limit_of(shares, meter.machine_utilisation),
        "most_cpu": max(meter.parts, key=lambda name: meter.parts[name]),
    }


def limit_of(shares: Mapping[str, float], machine: float) -> str:
    """The busiest part where one has used up what it could; else the machine where that has; else nothing: all waited."""
    busiest = max(shares, key=lambda name: shares[name])
    if shares[busiest] >= BUSY:
        return busiest
    return "machine" if machine >= BUSY else "waiting"
