"""What a worker does when its broker goes away and comes back, and when it no longer gets on."""

import logging
import signal

import pytest

from copytaster.config import Config
from copytaster.store.processes import Progress
from workers import tasks
from workers.app import make_app
from workers.embedded import EmbeddedRedis
from workers.stillness import Stillness

log = logging.getLogger(__name__)


@pytest.fixture
def server(tmp_path):
    server = EmbeddedRedis(tmp_path / "redis.sock", tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["ack", "reject"])
def test_a_message_that_can_not_be_acknowledged_gives_its_place_back(server, tmp_path, way):
    """Else a worker whose places are all taken rests for ever once the broker is back."""
    app = make_app(Config(data_dir=tmp_path))
    with app.connection_for_read() as connection:
        channel = connection.default_channel
        queue = connection.SimpleQueue("ingest", channel=channel)
        channel.basic_qos(0, 1, False)
        queue.put({"a": "hint"})
        message = queue.get(timeout=5)
        assert not channel.qos.can_consume()
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        if way == "ack":
            message.ack_log_error(log, connection.connection_errors)
        else:
            message.reject_log_error(log, connection.connection_errors)
        server.start()
        assert channel.qos.can_consume()


@pytest.fixture
def stands_still(store, monkeypatch):
    """Whether a worker of ours does, with so many rows due, at so many seconds."""
    stillness = Stillness(tasks.STUCK_SECONDS, since=0.0)

    def looked_at(due, at):
        monkeypatch.setattr(tasks, "due_rows", lambda *_, **__: {"ingest": due, "deliver": 0, "index": 0})
        return tasks._stands_still(store, ["ingest"], stillness, at)

    return looked_at


def test_a_worker_that_does_nothing_beside_due_work_is_ended_after_two_minutes_not_four(stands_still, store):
    Progress(store, "worker").note()
    assert not stands_still(5, 0)
    assert not stands_still(5, 120)
    assert stands_still(5, 135)


@pytest.mark.slow
def test_a_worker_with_nothing_to_do_has_its_time_when_work_comes(stands_still):
    assert not any(stands_still(0, at) for at in range(0, 3_000, 15))
    assert not stands_still(5, 3_105)
    assert stands_still(5, 3_120)
