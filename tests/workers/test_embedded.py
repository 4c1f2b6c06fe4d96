"""The Redis that comes along: it starts, is adopted when it is already there, and ends when told."""

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import redis

from workers import embedded
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


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(embedded, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(embedded, "END_SECONDS", 2.0)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("whose", ["our own", "adopted"])
def test_one_that_hangs_is_ended_before_another_takes_its_folder(server, tmp_path, whose):
    starter = server if whose == "our own" else EmbeddedRedis(server.socket, tmp_path / "redis")
    hanging = server.process
    hanging.send_signal(signal.SIGSTOP)
    starter.start()
    try:
        assert hanging.wait(5) is not None
        assert starter.process is not hanging
        assert starter.answers()
    finally:
        starter.stop()


@pytest.mark.usefixtures("impatient")
def test_one_whose_socket_was_swept_away_is_ended_first_and_loses_nothing(server):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        client.set("word", "fatemiyoun")
        first = server.process
        server.socket.unlink()
        server.start()
        assert first.poll() is not None
        assert client.get("word") == b"fatemiyoun"


@pytest.mark.slow
def test_one_that_still_loads_is_waited_for(server, tmp_path):
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        client.mset({f"key{number}": os.urandom(1024) for number in range(500)})
        client.bgrewriteaof()
        while client.info("persistence")["aof_rewrite_in_progress"]:
            time.sleep(0.01)
    server.stop()
    slowly = ["--key-load-delay", "6000", "--loading-process-events-interval-bytes", "1024"]
    loading = subprocess.Popen([*server._command(), *slowly], stdout=subprocess.DEVNULL)
    other = EmbeddedRedis(server.socket, tmp_path / "redis")
    until = time.monotonic() + 10
    while (said := other._ask()) == "no" and time.monotonic() < until:
        time.sleep(0.01)
    assert said == "later"
    other.start()
    assert other.process is None
    assert other.answers()
    other.stop()
    assert loading.wait(5) == 0


def test_stop_reaches_an_adopted_one_and_waits_for_its_end(server, tmp_path):
    adopted = EmbeddedRedis(server.socket, tmp_path / "redis")
    adopted.start()
    adopted.stop()
    assert not psutil.pid_exists(server.process.pid) or server.process.poll() is not None
    assert not adopted.answers()


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(server, tmp_path):
    server.stop()
    (tmp_path / "redis" / "redis.pid").write_text(str(os.getpid()))
    assert server._running() is None
    server.start()
    assert server.answers()
