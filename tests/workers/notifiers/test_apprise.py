"""Apprise targets, held on a leash: json:// on loopback stands for every chat."""

import json
import logging
import socket
import threading
import time

import pytest
from werkzeug import Response

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.guard import Guard
from workers.notifiers import Gone, Notifiers, apprise, leash
from workers.notifiers.apprise import Apprise
from workers.pipeline import LEASE_SECONDS


def target(httpserver, path="/notify", query=""):
    return f"json://127.0.0.1:{httpserver.port}{path}{query}"


def test_a_chat_gets_title_and_text_with_the_words_marked(httpserver, outbox, message):
    httpserver.expect_request("/notify", method="POST").respond_with_data("ok")
    assert Apprise(outbox()).send(message(target(httpserver))).detail == "sent by JSON"
    got = json.loads(httpserver.log[0][0].get_data())
    assert got["title"] == "Fatemiyoun: Fatemiyun come home"
    assert "carrying *Fatemiyun* veterans" in got["message"]
    assert "https://news.example.org/1" in got["message"]
    assert "Why: The text prints “Fatemiyun” for “Fatemiyoun”" in got["message"]


def test_a_long_digest_loses_nothing(httpserver, outbox, message, item):
    httpserver.expect_request("/notify").respond_with_data("ok")
    items = [item(number, title=f"Title {number}.", passage="word " * 200) for number in range(50)]
    Apprise(outbox()).send(message(target(httpserver), *items, kind="burst"))
    told = "".join(json.loads(request.get_data())["message"] for request, _ in httpserver.log)
    assert [number for number in range(50) if f"Title {number}." not in told] == []


def test_a_refusal_is_tried_again_and_carries_apprises_own_reason(httpserver, outbox, message, caplog):
    httpserver.expect_request("/notify").respond_with_data("no", status=404)
    with caplog.at_level(logging.DEBUG), pytest.raises(Transient, match=r"JSON did not take the message: .*404"):
        Apprise(outbox()).send(message(target(httpserver)))


def test_a_service_that_is_gone_or_asks_for_patience_is_understood(httpserver, outbox, message):
    httpserver.expect_request("/gone").respond_with_data("no", status=410)
    with pytest.raises(Gone, match="410 Gone"):
        Apprise(outbox()).send(message(target(httpserver, "/gone")))
    httpserver.expect_request("/busy").respond_with_response(Response(status=429, headers={"Retry-After": "90"}))
    with pytest.raises(Transient) as caught:
        Apprise(outbox()).send(message(target(httpserver, "/busy")))
    assert caught.value.retry_after == 90


def test_a_private_address_is_reached_by_no_plugin(httpserver, outbox, message):
    httpserver.expect_request("/notify").respond_with_data("ok")
    with pytest.raises(Transient, match="not a public address"):
        Apprise(outbox(allow=())).send(message(target(httpserver)))
    assert httpserver.log == []


def test_a_name_that_resolves_to_loopback_only_when_it_is_sent_to_is_not_reached(httpserver, outbox, message):
    httpserver.expect_request("/notify").respond_with_data("ok")
    guard = Guard(resolve=lambda _host, _port: ["8.8.8.8"])
    url = f"json://localhost:{httpserver.port}/notify"
    Apprise(outbox(guard=guard)).check(url)
    with pytest.raises(Transient, match="not a public address"):
        Apprise(outbox(guard=guard)).send(message(url))
    assert httpserver.log == []


def test_a_host_that_the_operator_named_is_reached(httpserver, outbox, message):
    httpserver.expect_request("/notify").respond_with_data("ok")
    Apprise(outbox(allow=("localhost",))).send(message(f"json://localhost:{httpserver.port}/notify"))
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("query", ["", "?redirect=yes"])
def test_a_redirect_inside_finds_no_way(httpserver, outbox, message, query):
    httpserver.expect_request("/canary").respond_with_data("ok")
    location = f"http://127.0.0.2:{httpserver.port}/canary"
    httpserver.expect_request("/notify").respond_with_response(Response(status=307, headers={"Location": location}))
    with pytest.raises(Transient):
        Apprise(outbox(allow=("127.0.0.1/32",))).send(message(target(httpserver, query=query)))
    assert [request.path for request, _ in httpserver.log] == ["/notify"]


def test_an_answer_that_drips_is_cut_off(outbox, message, monkeypatch):
    monkeypatch.setattr(apprise, "TOTAL_SECONDS", 0.6)
    stopped = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 2")
                while not stopped.wait(0.05):
                    try:
                        connection.sendall(b"a")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        started = time.monotonic()
        with pytest.raises(Transient):
            Apprise(outbox()).send(message(f"json://127.0.0.1:{listener.getsockname()[1]}/"))
        assert time.monotonic() - started < 4
        stopped.set()
        thread.join(10)


def test_only_the_first_kilobytes_of_an_answer_are_read(httpserver, outbox, message):
    import requests

    httpserver.expect_request("/big").respond_with_data(b"a" * 5_000_000)
    with leash.leashed(Guard(["127.0.0.0/8"]), None, seconds=10):
        assert len(requests.get(httpserver.url_for("/big"), timeout=10).content) == leash.MAX_ANSWER_BYTES
    assert len(requests.get(httpserver.url_for("/big"), timeout=10).content) == 5_000_000


def test_the_leash_holds_threads_that_a_library_starts_and_no_others(httpserver):
    failures = []

    def connect():
        try:
            socket.create_connection(("127.0.0.1", httpserver.port), 5).close()
        except Rejected as error:
            failures.append(error.reason)

    go = threading.Event()
    ours = threading.Thread(target=lambda: (go.wait(10), connect()))
    ours.start()
    with leash.leashed(Guard(), None, seconds=10) as held:
        go.set()
        ours.join(10)
        assert failures == []
        theirs = threading.Thread(target=connect)
        theirs.start()
        theirs.join(10)
        connect()
    assert failures == ["private_address"] * 2
    assert held.refusal is not None
    connect()
    assert len(failures) == 2


def test_who_waits_too_long_for_the_leash_is_tried_again_and_does_not_send(httpserver, outbox, message, monkeypatch):
    monkeypatch.setattr(leash, "WAIT_SECONDS", 0.1)
    refused = []

    def send():
        try:
            Apprise(outbox()).send(message(target(httpserver)))
        except Transient as error:
            refused.append(error)

    with leash.leashed(Guard(), None, seconds=10):
        thread = threading.Thread(target=send)
        thread.start()
        thread.join(10)
    assert [(error.retry_after, "Another message is being sent" in str(error)) for error in refused] == [(2, True)]
    assert httpserver.log == []


def test_a_sending_and_its_wait_for_the_leash_end_within_a_lease():
    assert leash.WAIT_SECONDS + apprise.TOTAL_SECONDS < LEASE_SECONDS - 5


def test_after_its_time_a_sending_makes_no_new_connection(httpserver):
    with leash.leashed(Guard(["127.0.0.0/8"]), None, seconds=10) as held:
        socket.create_connection(("127.0.0.1", httpserver.port), 5).close()
        held.cut()
        with pytest.raises(Rejected, match="took too long"):
            socket.create_connection(("127.0.0.1", httpserver.port), 5)


def test_a_unix_socket_of_this_machine_is_not_reached(tmp_path):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind(path)
        listener.listen()
        with leash.leashed(Guard(), None, seconds=10), pytest.raises(Rejected):
            caller.connect(path)


@pytest.mark.parametrize("url", ["nosuchservice://x", "json://", "tgram://", "slack:xoxb"])
def test_what_apprise_can_not_read_is_refused_when_it_is_added(outbox, message, url):
    with pytest.raises(Rejected, match="Apprise can't read this") as caught:
        Notifiers(outbox()).check(url)
    assert caught.value.reason == "bad_channel"
    with pytest.raises(Permanent, match="Apprise can't read this"):
        Notifiers(outbox()).send(message(url))


@pytest.mark.parametrize("url", ["json://127.0.0.1/", "jsons://localhost", "xml://10.0.0.1/x"])
def test_a_private_target_is_refused_when_it_is_added(outbox, url):
    with pytest.raises(Rejected, match="not a public address"):
        Notifiers(outbox(allow=())).check(url)


@pytest.mark.parametrize("text", ["", "no address", "//x", "1:2", "user@example.org", "a b:c"])
def test_what_is_no_url_is_refused_with_the_form_to_write(outbox, text):
    with pytest.raises(Rejected, match="mailto:you@example") as caught:
        Notifiers(outbox()).check(text)
    assert caught.value.reason == "bad_channel"
