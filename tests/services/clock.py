"""A clock that goes wrong, for the processes that get these variables; ``set_off`` moves it while they run."""

import pathlib
import platform
import subprocess
from collections.abc import Mapping

import pytest

from tests.services import finding

SOURCE = pathlib.Path(__file__).with_suffix(".c")


class WrongClock:
    def __init__(self, folder: pathlib.Path) -> None:
        if platform.machine() != "x86_64" or platform.system() != "Linux":
            pytest.skip("the wrong clock knows the system calls of Linux on x86-64 only")
        self._said, self._library = folder / "clock", folder / "clock.so"
        compiler = str(finding.need("cc"))
        subprocess.run([compiler, "-shared", "-fPIC", "-O", "-nostdlib", "-o", self._library, SOURCE], check=True)
        self.set_off(0)

    @property
    def variables(self) -> Mapping[str, str]:
        return {"LD_PRELOAD": str(self._library), "CLOCK_OFFSET_FILE": str(self._said)}

    def set_off(self, seconds: int) -> None:
        """Within a second everybody's wall clock is so many seconds off."""
        fresh = self._said.with_suffix(".new")
        fresh.write_text(f"{seconds:+}")
        fresh.rename(self._said)
