"""Metrics over several processes: added up on one page, and no more files than processes that live."""

import asyncio
import errno
import os
import subprocess
import sys

import httpx
import pytest

from copytaster.config import Config
from copytaster.counted import Counted
from copytaster.store import Store
from copytaster.store.migrate import migrate
from desk.folding import fold
from desk.serving import Web
from desk.web import make_app

COUNTING = """
from copytaster import metrics
metrics.PAGES_FETCHED.inc(3)
metrics.REFUSED.labels("fetch", "robots").inc()
metrics.FOUND_TO_ALERT.observe(0.2)
"""


@pytest.fixture
def shared(tmp_path, monkeypatch):
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    return folder


@pytest.fixture
def page(tmp_path, shared):
    """The lines of /metrics."""
    store = Store(f"sqlite:///{tmp_path / 'news.db'}")
    migrate(store)
    app = make_app(Web(Config(data_dir=tmp_path), store, lambda _stage: 0, "secret"))

    async def fetch():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return (await client.get("/metrics")).text.splitlines()

    yield lambda: asyncio.run(fetch())
    store.close()


def count_in_another_process(times=1):
    for _ in range(times):
        subprocess.run([sys.executable, "-c", COUNTING], env=dict(os.environ), check=True, timeout=60)


def test_what_processes_counted_is_added_up_after_their_death(page, shared):
    count_in_another_process(3)
    assert len(list(shared.glob("counter_*.db"))) == 3
    for _ in range(2):
        lines = page()
        assert "copytaster_pages_fetched_total 9.0" in lines
        assert 'copytaster_refused_total{reason="robots",stage="fetch"} 3.0' in lines
        assert 'copytaster_found_to_alert_seconds_bucket{le="0.25"} 3.0' in lines
        assert "copytaster_store_up 1.0" in lines
    assert {path.name for path in shared.iterdir()} == {"counter_folded.db", "histogram_folded.db"}


def test_counting_goes_on_after_folding(page):
    count_in_another_process()
    page()
    count_in_another_process()
    assert "copytaster_pages_fetched_total 6.0" in page()


def test_the_files_of_the_living_are_left_alone(shared):
    count_in_another_process()
    before = {path.name: path.read_bytes() for path in shared.iterdir()}
    assert fold(shared, is_alive=lambda _pid: True) == 0
    assert {path.name: path.read_bytes() for path in shared.iterdir()} == before


@pytest.mark.parametrize("left", [b"", b"\0\0", b"\xff\xff\0\0" + bytes(60)])
def test_a_process_that_was_killed_while_it_made_its_file_ends_no_scrape(page, shared, left):
    count_in_another_process()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True, timeout=60)
    unmade = shared / f"counter_{int(dead.stdout)}.db"
    unmade.write_bytes(left)
    assert "copytaster_pages_fetched_total 3.0" in page()
    assert not unmade.exists()


def no_room(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_neither_who_counts_nor_the_scrape(page, shared, monkeypatch):
    """The first count of a new process, and the folding of a dead one, each ended its process by SIGBUS."""
    count_in_another_process()
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_room)
        assert fold(shared) == 0
        mine = Counted(str(shared / "counter_1.db"))
        mine.write_value("key", 2.0, 0.0)
        assert mine.read_value("key")[0] == 2.0
        mine.close()
        assert "copytaster_pages_fetched_total 3.0" in page()
    assert fold(shared) == 2
    assert "copytaster_pages_fetched_total 3.0" in page()
