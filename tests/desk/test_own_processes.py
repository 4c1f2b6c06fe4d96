"""What processes cost, told by whoever serves metrics: itself and its children, by role."""

import subprocess
import sys

import psutil
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from copytaster.metrics import PROCESSES
from desk import own_processes, up
from desk.own_processes import OwnProcesses


def samples(role):
    text = generate_latest(OwnProcesses(role).registry()).decode()
    return {
        (sample.name, sample.labels["role"], int(sample.labels["pid"])): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def child():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n", timeout=30)


def test_a_process_tells_of_itself_and_its_children(child):
    own, memory = psutil.Process(), "copytaster_process_resident_memory_bytes"
    found = samples("crawl")
    assert {name for name, _, _ in found} == PROCESSES.keys()
    assert {pid for _, _, pid in found} >= {own.pid, child.pid}
    assert {role for _, role, pid in found if pid in (own.pid, child.pid)} == {"crawl"}
    assert found[memory, "crawl", own.pid] == pytest.approx(own.memory_info().rss, rel=0.2)


def test_cpu_time_only_grows(child):
    cpu, pid = "copytaster_process_cpu_seconds_total", psutil.Process().pid
    before = samples("beat")[cpu, "beat", pid]
    sum(number * number for number in range(1_000_000))
    assert samples("beat")[cpu, "beat", pid] > before


def test_the_supervisor_s_children_are_known_by_its_own_mark():
    assert own_processes.SUPERVISED == up.PREFIX
    assert [own_processes.role_of(name) for name in ("ct:crawl", "ct:crawl2", "valkey-server", "redis-server", "python")] == [
        "crawl",
        "crawl",
        "redis",
        "redis",
        None,
    ]
