"""On what a figure was measured: every benchmark prints it, for a figure without its machine says nothing."""

import os
import platform
import sys
from importlib import metadata
from typing import Any


def describe(*packages: str) -> dict[str, Any]:
    """Processor, cores, memory in GB, Python, and the versions of what took part."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(terse=True),
        "python": sys.version.split()[0],
        "versions": {name: metadata.version(name) for name in ("copytaster", *packages)},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  a file of the kernel's, read once
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
