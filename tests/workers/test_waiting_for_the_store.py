"""A database that comes up last is waited for, by a sentence; the web page answers meanwhile and says what is wrong."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from copytaster.store import Store
from copytaster.store.migrate import HEAD, version
from tests.chaos.faults import TcpProxy
from tests.services import running

pytestmark = [pytest.mark.slow, pytest.mark.service]


@pytest.fixture
def hidden(postgresql_server):
    """A database without tables behind a door that is shut: its URL through the door, and the door."""
    with postgresql_server.database(migrated=False) as url, TcpProxy(postgresql_server.port) as door:
        door.mood = "cut"
        yield url.replace(f":{postgresql_server.port}/", f":{door.port}/"), door


def started(tmp_path, url, *words, **more):
    """A command of ours beside that database."""
    settings = {"STORE__URL": url, "DATA_DIR": str(tmp_path), "REDIS__URL": f"redis://127.0.0.1:{running.free_port()}/0"}
    own = {name: value for name, value in os.environ.items() if not name.startswith("COPYTASTER_")}
    own |= {f"COPYTASTER_{name}": value for name, value in {**settings, **more}.items()}
    return subprocess.Popen([sys.executable, "-P", "-m", "desk.cli", *words], env=own, cwd=tmp_path, stderr=subprocess.PIPE)


def until(done, seconds=60):
    end = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)
    return found


def test_a_process_that_starts_before_its_database_waits_and_says_so(tmp_path, hidden):
    url, door = hidden
    with started(tmp_path, url, "beat") as beat:
        try:
            assert any(b"waiting for the store" in line for line in beat.stderr)
            door.mood = "pass"
            store = Store(url)
            until(lambda: version(store) == HEAD)
            store.close()
            assert beat.poll() is None
        finally:
            beat.kill()


def test_the_page_answers_before_its_database_does(tmp_path, hidden):
    url, door = hidden
    port = running.free_port()
    with started(tmp_path, url, "web", WEB__PORT=str(port)) as web:
        try:
            status, checks = until(lambda: ready(port))
            assert status == 503
            assert "can't be reached" in checks["store"]
            door.mood = "pass"
            until(lambda: (ready(port) or (0, {"store": ""}))[1]["store"] == "ok")
            until(lambda: ready(port)[1]["schema"] == "ok")
        finally:
            web.kill()


def ready(port):
    """Status and checks; None where nobody listens yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
            return answer.status, json.load(answer)["checks"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["checks"]
    except OSError:
        return None
