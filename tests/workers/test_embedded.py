"""The Redis that comes along: it starts, is adopted when it is already there, and ends when told."""

from pathlib import Path

import pytest
import redis

from workers.embedded import EmbeddedRedis


@pytest.fixture
def server(tmp_path: Path):
    server = EmbeddedRedis(tmp_path / "r.sock", tmp_path / "redis")
    server.start()
    yield server
    server.stop()


def test_it_answers_on_its_socket(server):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        assert client.set("word", "fatemiyoun")
        assert client.get("word") == b"fatemiyoun"


def test_a_running_one_is_adopted_and_not_started_twice(server, tmp_path):
    other = EmbeddedRedis(server.socket, tmp_path / "redis")
    other.start()
    assert other.process is None


def test_a_killed_one_starts_again_over_its_stale_socket(server):
    server.process.kill()
    server.process.wait()
    assert server.socket.exists()
    server.start()
    assert server.answers()


def test_nothing_is_evicted_in_silence(server):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"
