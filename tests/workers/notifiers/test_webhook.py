"""Webhooks against real servers on loopback: well-behaved ones, and ones that lie, drip, flood and redirect."""

import contextlib
import json
import socket
import ssl
import threading
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Verifier
from werkzeug import Response

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.guard import Guard
from tests.services import running
from tests.services.sockets import raw_server
from workers.notifiers import Gone, Notifiers, payload, webhook
from workers.notifiers.webhook import Webhook

VECTORS = Path(__file__).parents[4] / "shared/corpora/webhook/vectors.json"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def hook(outbox):
    made = Webhook(outbox())
    yield made
    made.close()


def test_the_payload_arrives_signed_and_verifies_by_the_standards_own_library(httpserver, hook, message):
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    sent = message(httpserver.url_for("/hook"))
    assert hook.send(sent).detail == "HTTP 200"
    request, _ = httpserver.log[0]
    body = request.get_data()
    assert body == payload.encode(sent.payload)
    assert Verifier(sent.channel.secret).verify(body, dict(request.headers)) == json.loads(body)
    assert request.headers["webhook-id"] == sent.id
    assert request.content_type == "application/json"


def test_each_secret_of_a_key_rotation_signs(httpserver, hook, message):
    httpserver.expect_request("/hook").respond_with_data("ok")
    sent = message(httpserver.url_for("/hook"), secret=f"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw {OLD_SECRET}")
    hook.send(sent)
    request, _ = httpserver.log[0]
    for secret in sent.channel.secret.split():
        Verifier(secret).verify(request.get_data(), dict(request.headers))


def test_a_repeat_has_the_same_id_and_the_same_body_even_after_the_store_reordered_it(httpserver, outbox, message):
    httpserver.expect_request("/hook").respond_with_data("no", status=500)
    clock = iter([1000.0, 2000.0])
    hook = Webhook(outbox(), clock=lambda: next(clock))
    sent = message(httpserver.url_for("/hook"))
    for frozen in (sent.payload, dict(reversed(sent.payload.items()))):
        with pytest.raises(Transient):
            hook.send(type(sent)(id=sent.id, channel=sent.channel, payload=frozen, created_at=sent.created_at))
    (first, _), (second, _) = httpserver.log
    assert first.get_data() == second.get_data()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.headers["webhook-timestamp"], second.headers["webhook-timestamp"]) == ("1000", "2000")
    hook.close()


def test_410_means_gone_and_gone_is_permanent(httpserver, hook, message):
    httpserver.expect_request("/hook").respond_with_data("", status=410)
    with pytest.raises(Gone, match="410 Gone"):
        hook.send(message(httpserver.url_for("/hook")))
    assert issubclass(Gone, Permanent)


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500, 502, 504])
def test_all_other_refusals_are_tried_again_with_the_schedule(httpserver, hook, message, status):
    httpserver.expect_request("/hook").respond_with_data("secret inner words", status=status)
    with pytest.raises(Transient, match=f"answered {status}") as caught:
        hook.send(message(httpserver.url_for("/hook")))
    assert caught.value.retry_after is None
    assert "inner" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_receivers_wish_to_wait_is_heard(httpserver, hook, message, status):
    httpserver.expect_request("/hook").respond_with_response(Response(status=status, headers={"Retry-After": "120"}))
    with pytest.raises(Transient) as caught:
        hook.send(message(httpserver.url_for("/hook")))
    assert caught.value.retry_after == 120


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("999999999", 86_400.0),
        (formatdate(1_000_060, usegmt=True), 60.0),
        (formatdate(0, usegmt=True), 0.0),
        ("soon", None),
        ("", None),
        (None, None),
        ("-5", None),
        ("١٢", None),
    ],
)
def test_a_wait_is_read_as_seconds_or_as_a_date_and_bounded(value, expected):
    assert webhook.retry_after(value, now=1_000_000.0) == expected


@given(st.text(max_size=40))
def test_no_retry_after_header_breaks_the_reading(value):
    found = webhook.retry_after(value, now=1_000_000.0)
    assert found is None or 0 <= found <= 86_400


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(httpserver, hook, message, status):
    httpserver.expect_request("/canary").respond_with_data("ok")
    location = httpserver.url_for("/canary")
    httpserver.expect_request("/hook").respond_with_response(Response(status=status, headers={"Location": location}))
    with pytest.raises(Transient, match="a redirect, which is not followed"):
        hook.send(message(httpserver.url_for("/hook")))
    assert [request.path for request, _ in httpserver.log] == ["/hook"]


def test_a_private_address_is_not_reached(httpserver, outbox, message):
    httpserver.expect_request("/hook").respond_with_data("ok")
    with pytest.raises(Transient, match="not a public address"):
        Webhook(outbox(allow=())).send(message(httpserver.url_for("/hook")))
    assert httpserver.log == []


def test_a_name_that_changes_to_loopback_after_it_was_checked_is_not_reached(httpserver, outbox, message):
    httpserver.expect_request("/hook").respond_with_data("ok")
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    hook = Webhook(outbox(guard=Guard(resolve=lambda _host, _port: next(answers))))
    url = f"http://rebound.example:{httpserver.port}/hook"
    hook.check(url)
    with pytest.raises(Transient, match="not a public address"):
        hook.send(message(url))
    assert httpserver.log == []
    hook.close()


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: "])
def test_one_byte_at_a_time_ends_at_the_deadline(hook, message, monkeypatch, head):
    def drip(connection, stopped):
        connection.sendall(head)
        while not stopped.wait(0.05):
            connection.sendall(b"a")

    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 0.6)
    with raw_server(drip) as url:
        started = time.monotonic()
        with pytest.raises(Transient, match="no whole answer within"):
            hook.send(message(url))
        assert time.monotonic() - started < 2.5


def test_a_gigabyte_of_answer_is_not_read(hook, message):
    written = []

    def flood(connection, _stopped):
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
        for _ in range(1024):
            connection.sendall(b"a" * 2**20)
            written.append(2**20)

    with raw_server(flood) as url:
        assert hook.send(message(url)).detail == "HTTP 200"
        hook.close()
    assert sum(written) < 64 * 2**20


def test_a_slow_receiver_leaves_the_next_one_untouched(httpserver, hook, message, monkeypatch):
    httpserver.expect_request("/hook").respond_with_data("ok")
    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 0.3)
    with raw_server(lambda _connection, stopped: stopped.wait(10)) as url:
        with pytest.raises(Transient):
            hook.send(message(url))
        assert hook.send(message(httpserver.url_for("/hook"))).detail == "HTTP 200"


def test_a_receiver_that_speaks_no_tls_is_told_in_a_sentence(hook, message):
    with (
        raw_server(lambda connection, _stopped: connection.sendall(b"HTTP/1.1 400 plain\r\n\r\n")) as url,
        pytest.raises(Transient, match="did not answer"),
    ):
        hook.send(message(url.replace("http:", "https:")))


def test_a_certificate_that_nobody_vouches_for_is_refused_in_a_sentence_and_tried_again(hook, message):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    asked = []

    def serve():
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            asked.append(secure.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(Transient, match=r"The certificate of https://127\.0\.0\.1:\d+ is not trusted \(unable to get local"):
            hook.send(message(f"https://127.0.0.1:{listener.getsockname()[1]}/secret-path"))
        thread.join(10)
    assert not any(asked), "nothing was sent there"


def test_a_refused_connection_is_tried_again(hook, message):
    with pytest.raises(Transient, match="did not answer"):
        hook.send(message(f"http://127.0.0.1:{running.free_port()}/"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "https://[::1]/",
        "http://0x7f.1/",
        "http://169.254.169.254/",
        "https://",
        "http://[::ffff:10.0.0.1]/",
    ],
)
def test_a_channel_that_may_not_be_reached_is_refused_when_it_is_added(outbox, url):
    with pytest.raises(Rejected) as caught:
        Notifiers(outbox(allow=())).check(url)
    assert caught.value.reason == "bad_channel"


def test_a_public_channel_is_taken(outbox):
    Notifiers(outbox(allow=())).check("https://8.8.8.8/hook")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_é"])
def test_a_secret_that_can_not_sign_is_refused_in_a_sentence(secret):
    with pytest.raises(Rejected, match="whsec_"):
        webhook.sign(secret, "m", 1, b"{}")


def test_the_published_vectors_are_signed_as_published():
    if not VECTORS.exists():
        pytest.skip(f"the vectors are not here: {VECTORS}")
    vectors = json.loads(VECTORS.read_text())
    assert vectors
    for each in vectors:
        signed = webhook.sign(each["secret"], each["id"], each["timestamp"], each["payload"].encode())
        assert (signed == each["signature"]) is each["valid"]


@given(st.binary(min_size=1, max_size=40), st.text(st.characters(codec="utf-8"), max_size=200), st.integers(0, 2**33))
def test_our_signature_is_that_of_the_standards_own_library(key, text, stamp):
    import base64
    import datetime as dt

    secret = "whsec_" + base64.b64encode(key).decode()
    theirs = Verifier(secret).sign("msg_1", dt.datetime.fromtimestamp(stamp, dt.UTC), text)
    assert webhook.sign(secret, "msg_1", stamp, text.encode()) == theirs


def test_naughty_strings_come_through_as_they_are(httpserver, hook, message, item, naughty_strings):
    httpserver.expect_request("/hook").respond_with_data("ok")
    url = httpserver.url_for("/hook")
    for start in range(0, len(naughty_strings), 40):
        texts = naughty_strings[start : start + 40]
        hook.send(message(url, *(item(watch=text, title=text, source=text, passage=text, query=text) for text in texts)))
        got = json.loads(httpserver.log[-1][0].get_data())["items"]
        for text, each in zip(texts, got, strict=True):
            expected = payload.clean(text)
            assert each["article"]["source"] == each["passage"]["text"] == expected
            assert each["article"]["title"] == (expected if len(expected) <= 500 else expected[:499] + "…")


def test_what_can_not_be_stored_or_sent_is_replaced_one_for_one(item):
    import datetime as dt

    frozen = payload.build(
        "m", [item(title="a\x00b\ud800c", passage="x\udfffy")], created_at=dt.datetime.now(dt.UTC), kind="instant"
    )
    assert json.loads(payload.encode(frozen)) == frozen
    assert frozen["items"][0]["article"]["title"] == "a\ufffdb\ufffdc"
    assert frozen["items"][0]["passage"]["text"] == "x\ufffdy"
