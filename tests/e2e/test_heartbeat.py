"""The dead man's signal on a running copytaster: young while all parts work, older while any one stands still, young again."""

import contextlib
import subprocess

import httpx
import psutil
import pytest
from sqlalchemy import func, select

from copytaster import heartbeat
from copytaster.news import Endpoint, EndpointId, Source, SourceId
from copytaster.store import articles, channels, deliveries, health, refusals, schema, sources, watches
from desk.bench.rig import Rig
from tests.services import running

EVERY, YOUNG, OLD = 5, 15.0, 20.0  # seconds; a page is up to `EVERY` old when it sets out
PARTS = ("crawl", "read", "send")


@pytest.fixture(scope="module")
def rig(tmp_path_factory):

    own = {
        "COPYTASTER_WEB__PORT": str(running.free_port()),
        "COPYTASTER_HEARTBEAT__EVERY_SECONDS": str(EVERY),
        "COPYTASTER_CRAWL__MIN_INTERVAL_SECONDS": "1",
        "COPYTASTER_GUARD__ALLOW": "[]",  # the heartbeat alone reaches loopback
    }
    with Rig(tmp_path_factory.mktemp("heartbeat"), [], environment=own) as made:
        made.start()
        made.wait(lambda: age(made) is not None and age(made) < YOUNG, 120, "the first heartbeat")
        yield made


def page(rig):
    return f"http://127.0.0.1:{rig.environment['COPYTASTER_WEB__PORT']}"


def age(rig):
    """As Prometheus is told it, asked of the page."""
    with contextlib.suppress(httpx.HTTPError):
        for line in httpx.get(f"{page(rig)}/metrics", timeout=10).text.splitlines():
            if line.startswith("copytaster_heartbeat_age_seconds "):
                return float(line.split()[1])
    return None


def stopped(rig, name):
    """The part stands still, with all that it started; pages are read by children of the reader."""
    (part,) = [each for each in psutil.Process(rig.process.pid).children() if each.name() == f"ct:{name}"]
    return running.stopped([each.pid for each in (part, *part.children(recursive=True))])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_stands_still_shows_in_the_age_of_the_heartbeat(rig, part):
    rig.wait(lambda: age(rig) < YOUNG, 120, "a young heartbeat")
    with stopped(rig, part):
        rig.wait(lambda: age(rig) > OLD, 60, f"an old heartbeat without {part}")
    rig.wait(lambda: age(rig) < YOUNG, 120, f"a young heartbeat again with {part}")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_source_of_a_user_s_does_not_reach_our_page_beside_it(rig, host):
    url, source_id = f"{page(rig).replace('127.0.0.1', host)}{heartbeat.FEED}", SourceId(f"curious-{host}")
    source = {"id": source_id, "url": url, "name": host, "host": host}

    def said():
        with rig.store.read() as tx:
            return sources.endpoints_of(tx, source_id)[0].last_error

    with rig.store.write() as tx:
        endpoint = Endpoint(id=EndpointId(source_id), source_id=source_id, url=url, kind="feed", due_at=tx.now)
        sources.add(tx, Source(**source, added_at=tx.now), [endpoint])
    rig.wait(said, 60, "the refusal")
    assert "not a public address" in said()
    with rig.store.write() as tx:
        sources.set_state(tx, source_id, "removed")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_of_it_is_seen_by_anybody(rig):
    with rig.store.read() as tx:
        assert tx.conn.execute(select(func.count()).where(schema.deliveries.c.state == "sent")).scalar_one() > 0
        assert tx.conn.execute(select(func.count()).where(schema.articles.c.indexed_version > 0)).scalar_one() == 0
        assert (articles.total(tx), articles.newest(tx, limit=5), articles.unindexed(tx)) == (0, [], 0)
        assert (sources.every(tx), sources.counts(tx), health.counts(tx), health.of_sources(tx)) == ([], {}, {}, [])
        assert (watches.every(tx), watches.total(tx), watches.find(tx, heartbeat.WATCH)) == ([], 0, None)
        assert (deliveries.counts(tx), deliveries.every(tx), channels.counts(tx), refusals.every(tx)) == ({}, [], {}, [])
    said = subprocess.run(
        [rig.process.args[0], "-P", "-m", "desk.cli", "status"], env=rig.variables(), capture_output=True, text=True, check=True
    ).stdout
    assert "Heartbeat: the last one is" in said
    assert heartbeat.OWN not in said
    shown = httpx.get(f"{page(rig)}/", timeout=10).text
    assert "The last heartbeat" in shown
    assert heartbeat.OWN not in shown
