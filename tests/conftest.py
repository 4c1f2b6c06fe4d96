"""What every room's tests share: the store over both dialects, a clock that obeys, a Redis, and where the corpora lie."""

import collections
import datetime as dt
import os
import pathlib
import re
import shutil
import uuid

import pytest

from copytaster.store import Store
from copytaster.store.migrate import migrate
from tests.services import elasticsearch, finding, postgresql, redis

ROOT = pathlib.Path(__file__).parents[1]
CORPORA = ROOT.parent / "shared" / "corpora"


os.environ["COPYTASTER_HEARTBEAT__EVERY_SECONDS"] = "0"  # what tests count is their own; those of the heartbeat turn it on


class FakeClock:
    """``clock()`` is its instant, which moves only when told to: ``clock.advance(seconds)`` or ``clock.now = …``."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, seconds: float) -> dt.datetime:
        self.now += dt.timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def fake_clock():
    """A Monday noon; the same in every run."""
    return FakeClock(dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC))


@pytest.fixture(scope="session")
def postgresql_server():
    with postgresql.started() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A migrated file, copied for each test: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    store = Store(f"sqlite:///{path}")
    migrate(store)
    store.close()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def store_url(request, tmp_path):
    """A fresh, migrated database in each dialect; ``Store(store_url)`` goes by the real clock."""
    if request.param == "sqlite":
        path = tmp_path / "copytaster.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    with request.getfixturevalue("postgresql_server").database(migrated=True) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def empty_store_url(request, tmp_path):
    """A database without any table, in each dialect."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with request.getfixturevalue("postgresql_server").database(migrated=False) as url:
        yield url


@pytest.fixture
def store(store_url, fake_clock):
    """A migrated Store in each dialect that goes by ``fake_clock``."""
    made = Store(store_url, clock=fake_clock)
    yield made
    made.close()


@pytest.fixture(scope="session")
def redis_server():
    with redis.started() as url:
        yield url


@pytest.fixture
def redis_url(redis_server):
    """The URL of an empty Redis."""
    from kombu import Connection

    with Connection(redis_server) as connection:
        connection.default_channel.client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """A folder that all workers of a run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def elasticsearch_server(run_folder):
    """The URL of an Elasticsearch, one for the whole run however many workers it has."""
    with elasticsearch.shared(run_folder) as server:
        yield server.url


@pytest.fixture
def elastic_engine(elasticsearch_server):
    """An ElasticSearch engine with indices of its own, which go after the test; it is not prepared."""
    from search.elastic import ElasticSearch

    engine = ElasticSearch(elasticsearch_server, index=f"test{uuid.uuid4().hex[:12]}", replicas=0, timeout_seconds=60)
    yield engine
    engine.indices.drop(engine.indices.layout().indices)
    with engine.cluster.client() as client:
        client.options(ignore_status=404).indices.delete_index_template(name=engine.alias)
    engine.close()


@pytest.fixture(scope="session")
def corpora():
    if not CORPORA.is_dir():
        pytest.skip(f"the corpora are not here: {CORPORA}")
    return CORPORA


@pytest.fixture
def promtool():
    return finding.need("promtool")


@pytest.fixture
def chromium():
    return finding.need("chromium")


def pytest_collection_modifyitems(items):
    """Whichever test comes first waits until Elasticsearch is up."""
    for item in items:
        if "elasticsearch_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(300))


def pytest_report_header():
    return f"redis: {redis.which()}"


def pytest_terminal_summary(terminalreporter):
    """One line for each service that was not there: a test that did not run must not look like one that passed."""
    counts = collections.Counter()
    for report in terminalreporter.stats.get("skipped", []):
        said = re.search(rf"{finding.MARK}: (\S+) is not installed", str(report.longrepr))
        if said:
            counts[said[1]] += 1
    for service, tests in sorted(counts.items()):
        line = f"{finding.MARK}: {service} is not installed: {tests} tests did not run"
        terminalreporter.write_line(f"{line} (install: {finding.INSTALL[service]})", red=True, bold=True)
