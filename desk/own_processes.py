"""What this process and its children cost, as metrics: memory and CPU time of each, by role.

It owns the look at the machine; what they do is none of its business, and other machines tell of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from copytaster.metrics import PROCESSES

SUPERVISED = "ct:"  # how the supervisor's children are called


@dataclass(slots=True, eq=False)  # a registry keeps collectors by identity
class OwnProcesses(Collector):
    """The tree below this process; where a supervisor started it, the supervisor's. ``role``: what this one is."""

    role: str

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing yet: registering must not look."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        (memory_name, (memory_help, labels)), (cpu_name, (cpu_help, _)) = PROCESSES.items()
        memory = GaugeMetricFamily(memory_name, memory_help, labels=labels)
        cpu = CounterMetricFamily(cpu_name, cpu_help, labels=labels)
        supervisor = _supervisor()
        root, unnamed = (supervisor, "up") if supervisor else (psutil.Process(), self.role)
        for process in [root, *root.children(recursive=True)]:
            try:
                with process.oneshot():
                    who = [role_of(process.name()) or unnamed, str(process.pid)]
                    rss, times = process.memory_info().rss, process.cpu_times()
            except psutil.Error:
                continue  # it ended while we looked
            memory.add_metric(who, rss)
            cpu.add_metric(who, times.user + times.system)
        yield memory
        yield cpu


def _supervisor() -> psutil.Process | None:
    own = psutil.Process()
    return own.parent() if own.name().startswith(SUPERVISED) else None


def role_of(name: str) -> str | None:
    """By the name that the supervisor gave it, the embedded server by its program; None where neither tells.

    Crawlers are numbered where there are several: they are one role.
    """
    if name.startswith(SUPERVISED):
        return name.removeprefix(SUPERVISED).rstrip("0123456789-")
    return "redis" if "valkey" in name or "redis" in name else None
