"""The gauges: true to the store, asked no more often than they need be, there when the store is not."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from copytaster.config import Config
from copytaster.metrics import GAUGES
from copytaster.store import Store, heartbeat, marks, processes, sources, troubles
from desk import exporter as exporting
from desk.exporter import Exporter
from desk.serving import Web
from desk.web import make_app
from tests.desk import news_world as world
from tests.services import finding, running
from workers import auditing
from workers.bootstrap import open_store

PATIENCE_SECONDS = 3.0  # with a part that hangs; the others answer meanwhile, on a busy machine too


class Ticks:
    """A monotonic clock that moves when told."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def exporter(store, ticks):
    return Exporter(store, lambda stage: {"ingest": 3}.get(stage, 0), ticks)


def samples(exporter):
    text = generate_latest(exporter.registry()).decode()
    return {
        (sample.name, *(sample.labels[label] for label in GAUGES[sample.name][1])): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_gauges_of_a_small_world_are_its_truth(exporter, store, fake_clock):
    source_id, _ = world.add_source(store, "gazette")
    watch, _ = world.add_watch(store, "Fatemiyoun", "mailto:desk@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    with store.write() as tx:
        processes.note(tx, "worker@here/1", "worker")
    fake_clock.advance(30)
    found = samples(exporter)
    assert found["copytaster_store_up",] == 1
    assert found["copytaster_broker_up",] == 1
    assert found["copytaster_oldest_due_delivery_seconds",] == 120
    assert found["copytaster_oldest_due_seconds", "deliver"] == 120
    assert found["copytaster_oldest_due_seconds", "index"] == 30
    assert found["copytaster_oldest_due_seconds", "ingest"] == 0
    assert found["copytaster_unindexed_articles",] == 1
    assert found["copytaster_search_up",] == 1
    assert found["copytaster_deliveries", "pending"] == 1
    assert found["copytaster_deliveries", "failed"] == 0
    assert found["copytaster_due_rows", "deliver"] == 1
    assert found["copytaster_due_rows", "index"] == 1
    assert found["copytaster_queue_depth", "ingest"] == 3
    assert found["copytaster_sources", "active"] == 1
    assert found["copytaster_source_age_seconds", "gazette"] == 30
    assert found["copytaster_source_silent", "gazette"] == 0
    assert found["copytaster_articles",] == 1
    assert found["copytaster_watch_epoch",] == watch.epoch
    assert found["copytaster_worker_progress_timestamp_seconds", "worker@here/1", "worker"] == fake_clock.now.timestamp() - 30


def test_every_declared_gauge_is_exported_and_no_other(exporter, store):
    world.add_source(store, "gazette")
    assert exporter.read().keys() == GAUGES.keys()


def test_a_silent_source_is_counted_and_marked_as_such(exporter, store):
    source_id, _ = world.add_source(store, "gazette")
    with store.write() as tx:
        troubles.note(tx, source_id, troubles.Reported(kind="silent", reason="403"), fresh_at=tx.now)
    found = samples(exporter)
    assert (found["copytaster_sources", "silent"], found["copytaster_sources", "active"]) == (1, 0)
    assert found["copytaster_source_silent", "gazette"] == 1
    assert found["copytaster_source_trouble", "gazette", "silent"] == 1
    assert found["copytaster_sources_in_trouble", "silent"] == 1
    assert found["copytaster_sources_in_trouble", "blocked"] == 0


def test_the_store_is_asked_again_only_after_five_seconds(exporter, store, ticks):
    assert samples(exporter)["copytaster_sources", "active"] == 0
    world.add_source(store, "gazette")
    ticks.now += 4.9
    assert samples(exporter)["copytaster_sources", "active"] == 0
    ticks.now += 0.2
    assert samples(exporter)["copytaster_sources", "active"] == 1


def test_whole_tables_are_counted_only_once_a_minute(exporter, store, ticks):
    source_id, _ = world.add_source(store, "gazette")
    assert samples(exporter)["copytaster_articles",] == 0
    world.add_article(store, source_id, 1)
    ticks.now += 30
    assert samples(exporter)["copytaster_articles",] == 0
    ticks.now += 31
    assert samples(exporter)["copytaster_articles",] == 1


def test_with_many_sources_none_has_a_label_of_its_own(exporter, store, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_LABELLED", 2)
    for name in ("gazette", "herald"):
        world.add_source(store, name)
    assert "copytaster_source_age_seconds" not in exporter.read()
    assert samples(exporter)["copytaster_sources", "active"] == 2


def test_two_sources_of_one_name_make_no_double_sample(exporter, store):
    for host in ("one", "two"):
        source_id, _ = world.add_source(store, host)
        with store.write() as tx:
            tx.conn.execute(sources.sources.update().where(sources.sources.c.id == source_id).values(name="News"))
    lines = [line for line in generate_latest(exporter.registry()).decode().splitlines() if "source_age_seconds{" in line]
    assert len(lines) == len({line.rsplit(" ", 1)[0] for line in lines}) == 2


def test_a_broker_that_is_away_leaves_no_stale_depth(store, ticks):
    found = samples(Exporter(store, lambda _stage: None, ticks))
    assert found["copytaster_broker_up",] == 0
    assert not [name for name, *_ in found if name == "copytaster_queue_depth"]


def test_a_store_that_is_away_still_leaves_an_answer(ticks):
    store = Store(f"postgresql://127.0.0.1:{running.free_port()}/news")
    found = samples(Exporter(store, lambda _stage: 0, ticks))
    assert found["copytaster_store_up",] == 0
    assert found["copytaster_broker_up",] == 1
    store.close()


def test_a_search_engine_that_is_away_and_a_disk_that_fills_are_told(store, ticks, tmp_path):
    found = samples(Exporter(store, lambda _stage: 0, ticks, searchable=lambda: False, data_dir=tmp_path))
    assert found["copytaster_search_up",] == 0
    assert found["copytaster_disk_free_bytes",] == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    missing = samples(Exporter(store, lambda _stage: 0, ticks, data_dir=tmp_path / "not" / "there"))
    assert ("copytaster_disk_free_bytes",) not in missing


@pytest.mark.slow
def test_a_part_that_hangs_is_told_as_away_and_not_asked_again_meanwhile(store, ticks, monkeypatch):
    monkeypatch.setattr(exporting, "ANSWER_SECONDS", PATIENCE_SECONDS)
    back, asked = threading.Event(), []

    def searchable():
        asked.append(1)
        return back.wait(60)

    hanging = Exporter(store, lambda _stage: 0, ticks, searchable=searchable)
    for _ in range(2):
        found = samples(hanging)
        assert (found["copytaster_search_up",], found["copytaster_store_up",]) == (0, 1)
        ticks.now += 6
    assert len(asked) == 1
    back.set()
    while samples(hanging)["copytaster_search_up",] == 0:
        ticks.now += 6


@pytest.mark.slow
def test_a_count_that_takes_long_makes_no_store_that_is_away(store, ticks, monkeypatch):
    monkeypatch.setattr(exporting, "ANSWER_SECONDS", PATIENCE_SECONDS)
    counted = threading.Event()
    monkeypatch.setattr(exporting, "_counted", lambda _tx: {"copytaster_articles": [((), float(counted.wait(60)))]})
    slow = Exporter(store, lambda _stage: 0, ticks)
    found = samples(slow)
    assert found["copytaster_store_up",] == 1
    assert ("copytaster_articles",) not in found
    counted.set()
    while ("copytaster_articles",) not in samples(slow):
        ticks.now += 6


def test_connections_are_counted_where_there_are_any(exporter, store):
    found = samples(exporter)
    if store.dialect == "sqlite":
        assert ("copytaster_store_connections",) not in found
    else:
        assert 1 <= found["copytaster_store_connections",] < found["copytaster_store_connections_limit",]


def test_a_process_that_is_long_gone_is_left_out(exporter, store, fake_clock):
    with store.write() as tx:
        processes.note(tx, "worker@here/1", "worker")
    fake_clock.advance(3_700)
    assert exporter.read()["copytaster_worker_progress_timestamp_seconds"] == []


# -- with the real tools ----------------------------------------------------------------------------------------------


def metrics_page(store, tmp_path):
    source_id, _ = world.add_source(store, "gazette")
    watch, _ = world.add_watch(store, "Fatemiyoun", "mailto:desk@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    with store.write() as tx:
        processes.note(tx, "worker@here/1", "worker")
    return make_app(Web(Config(data_dir=tmp_path), store, lambda _stage: 0, "secret"))


async def fetched(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        return await client.get("/metrics")


@pytest.mark.service
def test_promtool_has_nothing_to_say_against_our_metrics(store, tmp_path, promtool):
    page = asyncio.run(fetched(metrics_page(store, tmp_path))).content
    judged = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
    ours = [line for line in (judged.stdout + judged.stderr).decode().splitlines() if line.startswith("copytaster")]
    assert ours == []
    assert b"error while linting" not in judged.stderr


@pytest.mark.service
@pytest.mark.slow
def test_a_real_prometheus_scrapes_every_gauge(tmp_path):
    """Over a real server: names, labels and types as Prometheus takes them."""
    binary = finding.need("prometheus")
    port, own_port = running.free_port(), running.free_port()
    program = (
        "import sys; from copytaster.config import Config; from desk.web import serve;"
        "serve(Config(data_dir=sys.argv[1], web={'port': int(sys.argv[2])}, heartbeat={'every_seconds': 300}))"
    )
    job = {
        "job_name": "copytaster",
        "scrape_interval": "500ms",
        "scrape_timeout": "500ms",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }
    unlabelled = {name for name, (_, labels) in GAUGES.items() if not labels}
    of_postgresql = {"copytaster_store_connections", "copytaster_store_connections_limit"}
    wanted = unlabelled - {"copytaster_broker_up"} - of_postgresql
    wanted |= {"copytaster_pages_fetched_total", "copytaster_found_to_alert_seconds_bucket"}
    begun(tmp_path / "data")
    web_command = [sys.executable, "-c", program, str(tmp_path / "data"), str(port)]
    with running.folder() as home, running.running(web_command, lambda: running.accepts(port), cwd=running_root(home)):
        (home / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
        command = [str(binary), f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/tsdb"]
        with running.running([*command, f"--web.listen-address=127.0.0.1:{own_port}"], lambda: scraped(own_port), cwd=home):
            until = time.monotonic() + 30
            while not wanted <= (found := scraped(own_port)) and time.monotonic() < until:
                time.sleep(0.2)  # a count that took long is left out of a scrape, and in the next
    assert wanted - found == set()


def begun(data):
    """A store in which an audit and a heartbeat ran once: both have an age from then on."""
    store = open_store(Config(data_dir=data))
    with store.write() as tx:
        marks.put(tx, auditing.DONE, marks.Mark(tx.now))
        heartbeat.keep(tx, "http://127.0.0.1", 300)
    store.close()


def running_root(home):
    """The server's own folder for its log, apart from Prometheus'."""
    folder = home / "web"
    folder.mkdir()
    return folder


def scraped(port):
    """The names of all that a Prometheus has of copytaster so far."""
    try:
        names = httpx.get(f"http://127.0.0.1:{port}/api/v1/label/__name__/values").json()["data"]
    except (httpx.TransportError, KeyError, ValueError):
        return set()
    return {name for name in names if name.startswith("copytaster_")}
