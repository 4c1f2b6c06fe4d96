"""The newsroom that the tests of the stages work in."""

import pytest

from copytaster.config import Config
from copytaster.guard import Guard
from copytaster.store.processes import Progress
from desk.sinks import Received, WebhookSink
from search.sqlite import SqliteSearch
from tests.workers.newsroom import Newsroom
from workers import pipeline
from workers.intake import Intake
from workers.notifiers import Notifiers, Outbox
from workers.services import Services
from workers.watchlist import Watchlist


@pytest.fixture
def newsroom(store, fake_clock, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 60.0)  # a busy machine may use up a second with one message
    received: list[Received] = []
    hints: list[str] = []
    engine = SqliteSearch(tmp_path / "index.db")
    engine.prepare()
    outbox = Outbox(guard=Guard(["127.0.0.1"]), secret="s3cret")
    notifiers = Notifiers(outbox)
    services = Services(
        config=Config(data_dir=tmp_path),
        store=store,
        watchlist=Watchlist(),
        engine=engine,
        notifiers=notifiers,
        hint=hints.append,
        progress=Progress(store, "worker"),
        token="test",
        secret="s3cret",
        intake=Intake(clock=lambda: fake_clock().timestamp()),
    )
    with WebhookSink(received.append) as sink:
        yield Newsroom(services, sink, received, fake_clock, hints)
    notifiers.close()
    engine.close()
