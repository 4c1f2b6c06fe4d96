"""How often one address may ask the web page, over the application and over a real server behind a proxy."""

import sys

import httpx
import pytest

from copytaster.config import Config
from desk.limiting import Limiter, caller
from desk.serving import Web
from tests.desk.test_web import SECRET, Browser, nothing_waits
from tests.services import running

MOST = 5


@pytest.fixture
def web(store, tmp_path):
    return Web(Config(data_dir=tmp_path, web={"requests_per_minute": MOST}), store, nothing_waits, SECRET)


@pytest.fixture
def asked(web):
    """``asked(address, path)``: the answer, all by one application."""
    browser = Browser(web, base_url="http://localhost:8750")

    def ask(address, path="/robots.txt"):
        return browser.come_from(address).get(path)

    return ask


def test_who_asks_too_often_is_told_when_to_come_back_and_nobody_else_is(asked):
    assert [asked("203.0.113.7").status_code for _ in range(MOST + 2)] == [200] * MOST + [429] * 2
    refused = asked("203.0.113.7", "/unsubscribe/guess")
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert refused.text.startswith("Too many requests came from your address: come back in ")
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert asked("203.0.113.8").status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_not_limited(asked, address):
    assert {asked(address).status_code for _ in range(MOST * 3)} == {200}


def test_probes_are_answered_however_often_they_come(asked):
    assert {asked("10.0.0.1", "/health/live").status_code for _ in range(MOST * 3)} == {200}


def test_the_addresses_of_one_network_are_one_caller_and_so_are_two_spellings_of_one():
    assert caller("2001:db8:1:2::3") == caller("2001:db8:1:2:ffff::4") != caller("2001:db8:1:3::3")
    assert caller("::ffff:203.0.113.7") == caller("203.0.113.7") != caller("203.0.113.8")
    assert caller("fe80::1%eth0") == caller("fe80::2")
    assert caller("no address") == "no address"


def test_zero_is_no_limit(store, tmp_path):
    web = Web(Config(data_dir=tmp_path, web={"requests_per_minute": 0}), store, nothing_waits, SECRET)
    browser = Browser(web, base_url="http://localhost:8750", client=("203.0.113.7", 1))
    assert {browser.get("/robots.txt").status_code for _ in range(700)} == {200}


def test_a_request_without_an_address_counts_like_this_machines(web):
    class Bare:
        client = None

    assert Limiter(1).wait_seconds(Bare()) == 0


@pytest.mark.slow
def test_behind_a_proxy_of_this_machine_each_caller_is_counted_for_itself(tmp_path):
    port = running.free_port()
    settings = {"port": port, "requests_per_minute": MOST}
    program = "from copytaster.config import Config; from desk.web import serve; serve(Config(data_dir={!r}, web={}))"
    command = [sys.executable, "-c", program.format(str(tmp_path), settings)]
    page = f"http://127.0.0.1:{port}/robots.txt"

    def asked_for(address):
        return httpx.get(page, headers={"X-Forwarded-For": address}).status_code

    with running.running(command, lambda: running.accepts(port), cwd=tmp_path):
        assert [asked_for("203.0.113.7") for _ in range(MOST + 1)] == [200] * MOST + [429]
        assert asked_for("203.0.113.8") == 200
        assert httpx.get(page).status_code == 200
