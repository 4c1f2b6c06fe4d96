"""Each process' own metrics: one port where it runs alone, none under the supervisor, and nothing left of the dead."""

import os
import platform
import subprocess
import sys

import httpx

from copytaster.config import Config
from desk import roles
from tests.services import running

SERVE = """
import sys
from copytaster.config import Config
from desk import roles
roles._own_metrics(Config(data_dir=sys.argv[1], metrics={"port": int(sys.argv[2])}), "beat")
print("ready", flush=True)
sys.stdin.read()
"""


def test_under_the_supervisor_no_process_takes_the_port(tmp_path, monkeypatch):
    monkeypatch.setenv(roles.SHARED_METRICS, str(tmp_path))
    port = running.free_port()
    for role in ("crawl", "worker", "worker", "beat"):
        roles._own_metrics(Config(data_dir=tmp_path, metrics={"port": port}), role)
    assert not running.accepts(port)


def test_alone_it_serves_its_metrics_and_sweeps_what_the_dead_of_this_machine_left(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = platform.node()
    names = {
        "dead": f"crawl-{here}-{dead.pid}",
        "alive": f"worker-{here}-{os.getpid()}",
        "elsewhere": f"crawl-x{here}-{dead.pid}",
    }
    for name in names.values():
        (tmp_path / "metrics" / name).mkdir(parents=True)
    port = running.free_port()
    command = [sys.executable, "-c", SERVE, str(tmp_path), str(port)]
    environment = {name: value for name, value in os.environ.items() if name != roles.SHARED_METRICS}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"ready\n"
        assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
        left = {path.name for path in (tmp_path / "metrics").iterdir()}
        assert left == {names["alive"], names["elsewhere"], f"beat-{here}-{process.pid}"}
        process.stdin.close()
