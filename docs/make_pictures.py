"""Takes the pictures in ``pictures/`` of a demo that it runs: its status page and one of its mails, as chromium shows them.

It owns what is photographed; it must not know how pages and mails are made.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HERE = pathlib.Path(__file__).parent
TIMEOUT = 150.0  # seconds; a demo takes 20
CAMERA = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--timeout=5000")
SHOWN = "herald.example/business/port-workers-strike-third-day"  # words marked in title and text, and a reason that says how


def take_pictures() -> None:
    """Both pictures, from one demo."""
    with demo() as (page, config), tempfile.TemporaryDirectory() as folder:
        photograph(page, "status.png", 1000, 700)
        mail = pathlib.Path(folder) / "mail.html"
        mail.write_text(mail_of(config), "utf-8")
        photograph(mail.as_uri(), "mail.png", 680, 640)


@contextmanager
def demo() -> Iterator[tuple[str, pathlib.Path]]:
    """The address of its page and its configuration's file, once all that it shows has happened."""
    command = [sys.executable, "-P", "-m", "desk.cli", "demo", "--keep"]
    variables = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would the demo
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        alarm = threading.Timer(TIMEOUT, process.kill)
        alarm.start()
        try:
            page, config = _what_it_says(process)
            yield page, config
        finally:
            alarm.cancel()
            process.send_signal(signal.SIGINT)
    shutil.rmtree(config.parent)  # the demo keeps it for people


def _what_it_says(process: "subprocess.Popen[str]") -> tuple[str, pathlib.Path]:
    assert process.stdout
    page = config = None
    for line in process.stdout:
        page = page or re.search(r"http://127\.0\.0\.1:\d+/", line)
        config = config or re.search(r"COPYTASTER_CONFIG=(\S+)", line)
        if page and config:
            return page[0], pathlib.Path(config[1])
    raise SystemExit("The demo ended before it showed its page; run `make demo` to see why.")


def mail_of(config: pathlib.Path) -> str:
    """The HTML of the mail about that article, from the frozen payload that was sent."""
    os.environ["COPYTASTER_CONFIG"] = str(config)
    from sqlalchemy import select

    from copytaster.config import load
    from copytaster.store import messages
    from copytaster.store.schema import messages as table
    from workers.bootstrap import open_store
    from workers.notifiers.render import render

    store = open_store(load())
    with store.read() as tx:
        found = [messages.get(tx, each) for each in tx.conn.execute(select(table.c.id)).scalars().all()]
    store.close()
    payloads = [each["payload"] for each in found if each]
    about = next(each for each in payloads if any(SHOWN in item["article"]["url"] for item in each["items"]))
    return render(about, contact="alerts@demo.example").html


def photograph(address: str, name: str, width: int, height: int) -> None:
    target = HERE / "pictures" / name
    subprocess.run(
        [*CAMERA, f"--window-size={width},{height}", f"--screenshot={target}", address], check=True, capture_output=True
    )


if __name__ == "__main__":
    take_pictures()
