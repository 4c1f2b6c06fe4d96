"""Targets that read what other servers answer, over real sockets: webhooks, mail servers, hubs, and what is posted to us."""

import asyncio
import datetime as dt
import functools
import json
import socket
import threading
import urllib.parse

import httpx

from copytaster.guard import Guard
from copytaster.watches import Channel, Message
from desk import alertmanager
from desk.web import make_app
from scrapers.discovery import websub
from tests.fuzz.targets import CORPORA, check_sentence, naughty, target, text_of
from workers.notifiers import Outbox, payload, webhook
from workers.notifiers.mail import Mail, mailbox
from workers.notifiers.webhook import Webhook

AT = dt.datetime(2026, 11, 23, 2, 51, tzinfo=dt.UTC)
HTTP = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 429 \r\n", b"HTTP/1.1 503 x\r\n", b"HTTP/1.0 999 \r\n", b"HTTP/1.1 302 x\r\nLocation: ",
    b"HTTP/1.1 410 Gone\r\n", b"Retry-After: ", b"Mon, 01 Jan 99999 00:00:00 GMT", b"-1", b"1e9", b"9" * 400, b"\r\n", b"\r\n\r\n",
    b"Content-Length: ", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"ffffffffff\r\n",
    b"\x1f\x8b\x08", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/2", b"\0", b"\xff", b"Set-Cookie: a=b", b": ", b"x" * 70_000,
)  # fmt: skip
SMTP = (
    b"220 x\r\n", b"250-", b"250 ok\r\n", b"STARTTLS\r\n", b"AUTH LOGIN PLAIN\r\n", b"SIZE 1\r\n", b"354 go\r\n", b"421 away\r\n",
    b"450 later\r\n", b"550 no\r\n", b"552 big\r\n", b"999 x\r\n", b"\r\n", b"25", b"\0", b"\xff\xfe", b"-", b"2" * 9000, b"535 5.7.8 no\r\n",
)  # fmt: skip
FORMS = (
    b"hub.mode=subscribe", b"hub.mode=denied", b"&", b"hub.topic=", b"hub.challenge=", b"hub.lease_seconds=", b"99999999999999", b"%00",
    b"%ff", b"=", b"sha1=", b"sha256=", b"sha999=", b"<http://h/>; rel=hub", b', <x>; rel="self hub"', b'\\"',
)  # fmt: skip
ALERTS = (
    b'{"version":"4","groupKey":"k","status":"firing","alerts":[', b'{"status":"firing","labels":{', b'"alertname":', b'"x"', b"}", b"]",
    b'"startsAt":"2026-11-23T02:51:00Z"', b"null", b"1e999", b"\\ud800", b"\\u0000", b"[" * 500,
)  # fmt: skip


class _Server:
    """Says the same bytes to everybody, whatever is said to it, and hangs up."""

    def __init__(self, *, answers_first: bool) -> None:
        self.says = b""
        self._first = answers_first
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                try:
                    self._talk(connection)
                except OSError:
                    continue

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        if not self._first:
            connection.recv(1 << 20)
        connection.sendall(self.says)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):  # what is said must be read, or it would be reset before it is heard
            pass


@functools.cache
def _http() -> _Server:
    return _Server(answers_first=False)


@functools.cache
def _smtp() -> _Server:
    return _Server(answers_first=True)


def message(url: str, words: str = "words") -> Message:
    content = payload.notice("msg_1", words, words, created_at=AT)
    return Message(
        id="msg_1",
        channel=Channel(id="c", owner_id="o", url=url, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        payload=content,
        created_at=AT,
    )


def _outbox(**more: str) -> Outbox:
    return Outbox(guard=Guard(["127.0.0.0/8"]), secret="s", **more)


@target("webhook", seeds=naughty, tokens=HTTP, slow=True)
def webhook_answer(data: bytes) -> None:
    server = _http()
    server.says = data
    hook = Webhook(_outbox())
    try:
        check_sentence(hook.send(message(f"http://127.0.0.1:{server.port}/hook")).detail)
    finally:
        hook.close()


@target("smtp", tokens=SMTP, slow=True)
def mail_answer(data: bytes) -> None:
    server = _smtp()
    server.says = data
    mail = Mail(_outbox(smtp_url=f"smtp://user:secret@127.0.0.1:{server.port}"))
    try:
        said = mail.send(message("mailto:reader@example.org")).detail
        assert len(said) <= 300
    finally:
        mail.close()


@target("retry_after", seeds=naughty, tokens=(*HTTP[6:11], b"Fri, 31 Dec 1999 23:59:59 GMT", b"0", b" "))
def retry_after(data: bytes) -> None:
    seconds = webhook.retry_after(data.decode("latin-1"), now=AT.timestamp())
    assert seconds is None or 0 <= seconds <= 86_400


@target("mailbox", seeds=naughty, tokens=(b"mailto:", b"@", b"%0d%0a", b",", b"xn--", b".", b"?subject=", b'"', b"<>"))
def address(data: bytes) -> None:
    box = mailbox("mailto:" + text_of(data))
    assert box.isascii()
    assert box.isprintable()
    assert " " not in box


def _mail_seeds() -> list[bytes]:
    path = CORPORA / "strings" / "blns.json"
    return [path.read_bytes()] if path.exists() else []


@target("mail", seeds=naughty, tokens=(b"\r\n", b"Bcc: x@y", b"\xe2\x80\xae", b"<script>", b"{{", b"}}", b"\0", b"\xed\xa0\x80"))
def mail(data: bytes) -> None:
    """Whatever a title says, a mail and a webhook's payload are made of it."""
    sent = message("mailto:reader@example.org", text_of(data))
    head = Mail(_outbox(mail_from="Copytaster <a@example.org>")).compose(sent, "reader@example.org").partition(b"\r\n\r\n")[0]
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    assert b"bcc" not in names
    assert all(len(line) < 998 for line in head.split(b"\r\n"))
    json.loads(payload.encode(sent.payload))


@target("websub_question", seeds=naughty, tokens=FORMS)
def websub_question(data: bytes) -> None:
    query = dict(urllib.parse.parse_qsl(data.decode("latin-1"), keep_blank_values=True))
    for topic in ("http://t/", query.get("hub.topic", "")):
        verified = websub.verify_intent(query, topic=topic, wanted="subscribe")
        assert 0 < verified.lease_seconds <= websub.MAX_LEASE_SECONDS


@target("websub_news", seeds=naughty, tokens=FORMS)
def websub_news(data: bytes) -> None:
    assert not websub.is_genuine(data, data.decode("latin-1")[:200], "secret")
    websub.offer_of(None, text_of(data), "http://news.example.org/feed")


@target("alertmanager", tokens=ALERTS)
def alerts(data: bytes) -> None:
    news = alertmanager.read(data)
    title, text = alertmanager.words(news)
    payload.encode(payload.notice("m", title, text, created_at=AT))
    alertmanager.authorized(text_of(data[:100]).encode("utf-8", "replace").decode(), "token")


@functools.cache
def _desk() -> httpx.ASGITransport:
    """The whole web application over a store of its own; an exception of ours comes through."""
    import pathlib
    import tempfile

    from copytaster.config import Config
    from copytaster.store import Store
    from copytaster.store.migrate import migrate
    from desk.serving import Web

    folder = pathlib.Path(tempfile.mkdtemp(prefix="copytaster-fuzz-"))
    store = Store(f"sqlite:///{folder / 'copytaster.db'}")
    migrate(store)
    return httpx.ASGITransport(make_app(Web(Config(data_dir=folder), store, lambda _: 0, "s3cret")), raise_app_exceptions=True)


PATHS = (
    b"/unsubscribe/",
    b"/websub/",
    b"/alertmanager",
    b"/health/ready",
    b"/metrics",
    b"/static/",
    b"..",
    b"%2e%2e/",
    b"%00",
    b"?",
    b"/",
    b"%ff",
)


@target("web", seeds=naughty, tokens=(*PATHS, *FORMS), slow=True)
def web(data: bytes) -> None:
    """What anybody may send to the page: paths, forms, headers."""
    first, _, rest = data.partition(b"\n")
    path = "/" + urllib.parse.quote(first.lstrip(b"/"), safe="/%?&=.:")

    async def ask() -> list[int]:
        async with httpx.AsyncClient(transport=_desk(), base_url="http://127.0.0.1:8750") as client:
            kinds = {"content-type": "application/x-www-form-urlencoded", "x-hub-signature": rest[:40].hex()}
            return [
                (await client.get(path)).status_code,
                (await client.post(path, content=rest, headers=kinds)).status_code,
                (await client.get(f"/unsubscribe/{urllib.parse.quote(data, safe='')}")).status_code,
                (await client.post(f"/websub/{urllib.parse.quote(first, safe='')}/k", content=rest)).status_code,
            ]

    assert max(asyncio.run(ask())) < 500
