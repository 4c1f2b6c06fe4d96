"""F15: the disk is full, though it is a small one of this run's own: what was acknowledged stays, and all goes on with room."""

import contextlib
import errno
import pathlib
import sqlite3
import subprocess
import time
from collections.abc import Iterator

import pytest

from copytaster.store import watches
from copytaster.watches import WatchId
from tests.chaos.registry import scenario
from tests.chaos.run import WEB_SECRET, Run
from tests.chaos.world import World
from workers.notifiers import unsubscribe

DISK_BYTES = 192_000_000
FULL_SECONDS = 30.0
MEGABYTE = 1 << 20


@contextlib.contextmanager
def small_disk(folder: pathlib.Path) -> Iterator[None]:
    """A file system of its own in memory there; where that may not be mounted the scenario is skipped, and says so."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk can't be mounted at {folder}: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast: pathlib.Path) -> None:
    """Until not one byte more goes on that disk, whatever was there or was freed since."""
    size = MEGABYTE
    with ballast.open("ab", buffering=0) as out:
        while size:
            try:
                written = out.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                written = 0
            size = size if written == size else size // 2


def unsubscribed(run: Run, watch_id: str) -> tuple[int, str]:
    """What the page answers to a reader who wants no more of a watch: a write from outside."""
    with run.rig.store.read() as tx:
        (channel_id,) = watches.many(tx, [WatchId(watch_id)])[WatchId(watch_id)].channel_ids
    token = unsubscribe.make(WEB_SECRET, channel_id, WatchId(watch_id))
    return run.page(f"/unsubscribe/{token}", posted=b"List-Unsubscribe=One-Click")


@scenario("F15", "the disk is full")
def disk_full(run: Run) -> None:
    data, acknowledged = run.folder / "data", []
    run.use(small_disk(data))
    world = World.of(pages=40)
    world.watches.append(("quiet", "nobodywritesthis"))
    run.begin(world, pages_per_second=4)
    run.alerts(3)
    ballast, said = data / "ballast", ""
    until = time.monotonic() + 90
    while not said and time.monotonic() < until:
        name = f"late {len(acknowledged)}"
        added = run.command("watch", "add", f'"neverwritten {len(acknowledged)}"', "--name", name, "--to", run.rig.sink.url)
        if added.returncode:
            said = added.stderr
        else:
            acknowledged.append(name)
        fill(ballast)
    run.injected(f"not a byte is left on the disk of data, for {FULL_SECONDS:.0f} s from the first write that was refused")
    status, text = unsubscribed(run, "quiet")
    run.seen(f"{len(acknowledged)} watches acknowledged, then: {said.strip()}")
    run.check("I6", "is full" in said, f"the command said: {said.strip()[-300:]}")
    run.check("I6", status == 503 and "is full" in text, f"a write on the page was answered with {status}")
    ready, checks = run.ready()
    run.check("I6", ready == 503 and "is full" in checks["disk"], f"ready {ready}: {checks.get('disk')}")
    until = time.monotonic() + FULL_SECONDS
    while time.monotonic() < until:
        fill(ballast)
        time.sleep(0.5)
    free = run.metric("copytaster_disk_free_bytes")
    run.check("I6", free is not None and free < MEGABYTE, f"meanwhile disk_free_bytes was {free}")
    ballast.unlink()
    run.over()
    run.settle()
    judge(run, acknowledged)


def judge(run: Run, acknowledged: list[str]) -> None:
    """The file is sound, what was acknowledged is there and nothing else, and no process died or stumbled."""
    names = sorted(each["name"] for each in run.lines("watch", "list"))
    expected = sorted([*(name for name, _ in run.world.watches), *acknowledged])
    run.check("I1", names == expected, f"{len(acknowledged)} watches that were acknowledged are there, and no other")
    with contextlib.closing(sqlite3.connect(run.folder / "data/copytaster.db")) as store:
        (sound,), broken = (
            store.execute("PRAGMA integrity_check").fetchone(),
            store.execute("PRAGMA foreign_key_check").fetchall(),
        )
    run.check("I7", sound == "ok" and not broken, f"the file is {sound}, {len(broken)} half rows")
    log = (run.folder / "up.log").read_text("utf-8", "replace")
    for word in ("Traceback", "ended with"):
        run.check("I6", word not in log, f"{log.count(word)} times {word!r} in the log")
    status, _ = unsubscribed(run, "quiet")
    run.check("I6", status == 200, f"afterwards the same write was answered with {status}")
    run.moved("copytaster_articles_read_total", outcome="new")
    run.is_ready()
