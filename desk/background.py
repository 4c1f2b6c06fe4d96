"""``copytaster up`` as a process of its own, beside the demo or a benchmark. It must not know what is done with it."""

import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping

STOP_SECONDS = 30


def start_up(log: pathlib.Path, variables: Mapping[str, str], *options: str) -> "subprocess.Popen[bytes]":
    """Starts it under this environment; what it says goes to ``log``."""
    command = [sys.executable, "-P", "-m", "desk.cli", "up", *options]
    with log.open("ab") as said:
        return subprocess.Popen(command, env=variables, stdout=said, stderr=said, start_new_session=True)


def stop_up(process: "subprocess.Popen[bytes] | None") -> None:
    """Tells it to stop, and ends it where it does not listen; None and one that ended already are left alone."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def last_words(log: pathlib.Path) -> str:
    """The end of what it said, for the sentence about its end."""
    return log.read_text("utf-8", "replace").strip()[-2000:] or "it said nothing."
