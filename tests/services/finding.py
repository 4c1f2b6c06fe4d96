"""Which real services this machine has, where, and what to say of one that it lacks. It starts none of them."""

import os
import pathlib
import shutil
from typing import NoReturn

import pytest

INSTALL = {  # service: Debian's package
    "postgresql": "postgresql",
    "redis": "redis-server",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "chromium": "chromium",
}
PROGRAMS = {"postgresql": "initdb", "redis": "redis-server"}  # where the program has another name
MARK = "SKIPPED SERVICE"


def program(service: str) -> pathlib.Path | None:
    """The program of a service; Debian keeps PostgreSQL's own off the path, the newest version is taken."""
    name = PROGRAMS.get(service, service)
    if service == "postgresql":
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
        if found:
            return found[-1]
    on_path = shutil.which(name)
    return pathlib.Path(on_path) if on_path else None


def missing(service: str) -> NoReturn:
    """Skips the test by the service's name; where CI is set nothing may be missing, so there it fails."""
    sentence = f"{service} is not installed (install: apt-get install {INSTALL[service]})"
    if os.environ.get("CI"):
        pytest.fail(f"Where CI is set no service may be missing: {sentence}", pytrace=False)
    pytest.skip(f"{MARK}: {sentence}")


def need(service: str) -> pathlib.Path:
    """The program of a service, or the test ends here."""
    return program(service) or missing(service)
