"""Which real services this machine has, where, and what to say of one that it lacks. It starts none of them."""

import functools
import os
import pathlib
import shutil
import subprocess
from typing import NoReturn

import pytest

INSTALL = {  # service: how to get it
    "postgresql": "apt-get install postgresql",
    "redis": "apt-get install redis-server",
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "alertmanager": "apt-get install prometheus-alertmanager",
    "amtool": "apt-get install prometheus-alertmanager",
    "chromium": "apt-get install chromium",
    "systemd-analyze": "apt-get install systemd",
    "elasticsearch": "tests/services/install-elasticsearch, with a JDK of 21 or newer, maven and unzip",
    "percolator": "tests/services/install-percolator, with a JDK of 17 to 23, maven and unzip",
    "helm": "tests/services/install-helm",
    "cc": "apt-get install gcc",
}
PROGRAMS = {  # where the program has another name
    "postgresql": "initdb",
    "redis": "redis-server",
    "alertmanager": "prometheus-alertmanager",
}
MARK = "SKIPPED SERVICE"
ELASTICSEARCH = "elasticsearch-9.4.3"
OLDEST_JAVA = 21


def cache() -> pathlib.Path:
    """Where services are kept that are not Debian's."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "copytaster"


def program(service: str) -> pathlib.Path | None:
    """The program of a service; of Elasticsearch its folder, for it is started by hand."""
    if service in KEPT:
        return KEPT[service]()
    on_path = shutil.which(PROGRAMS.get(service, service))
    return pathlib.Path(on_path) if on_path else None


def missing(service: str) -> NoReturn:
    """Skips the test by the service's name; where CI is set nothing may be missing, so there it fails."""
    sentence = f"{service} is not installed (install: {INSTALL[service]})"
    if os.environ.get("CI"):
        pytest.fail(f"Where CI is set no service may be missing: {sentence}", pytrace=False)
    pytest.skip(f"{MARK}: {sentence}")


def need(service: str) -> pathlib.Path:
    """The program of a service, or the test ends here."""
    return program(service) or missing(service)


@functools.cache
def java() -> pathlib.Path | None:
    """The home of a Java that is new enough: the one that is named, else the newest of Debian's folder."""
    named = [pathlib.Path(os.environ[name]) for name in ("ES_JAVA_HOME", "JAVA_HOME") if os.environ.get(name)]
    found = sorted(pathlib.Path("/usr/lib/jvm").glob("*/bin/java"), key=lambda path: _java_version(path.parents[1]), reverse=True)
    homes = [*named, *(path.parents[1] for path in found)]
    return next((home for home in homes if _java_version(home) >= OLDEST_JAVA), None)


def _java_version(home: pathlib.Path) -> int:
    """0 where there is none that runs."""
    try:
        done = subprocess.run([home / "bin/java", "-version"], capture_output=True, text=True, timeout=30, check=True)
        return int(done.stderr.split('"')[1].partition(".")[0].partition("-")[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0


def _initdb() -> pathlib.Path | None:
    """Debian keeps PostgreSQL's own programs off the path; the newest version is taken."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("initdb")
    return found[-1] if found else pathlib.Path(on_path) if on_path else None


def _elasticsearch() -> pathlib.Path | None:
    home = cache() / ELASTICSEARCH
    return home if home.is_dir() and java() else None


def _helm() -> pathlib.Path | None:
    found = sorted(cache().glob("helm-v*/helm"))
    on_path = shutil.which("helm")
    return found[-1] if found else pathlib.Path(on_path) if on_path else None


KEPT = {"postgresql": _initdb, "elasticsearch": _elasticsearch, "helm": _helm}
