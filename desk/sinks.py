"""Local receivers of alerts: a mail sink and a webhook sink, in this process or in one that logs to a file.

It owns taking a message, checking its signature and noting the instant; it must not know who sent it or why.
"""

import asyncio
import datetime as dt
import hashlib
import json
import multiprocessing
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, Protocol, Self, cast

from desk.loopback import LOOPBACK, Listener, Receive, Scope, Send, listening_socket

BIGGEST_MESSAGE = 10_000_000  # bytes
WEBHOOK_PATH = "/hook"

SinkKind = Literal["mail", "webhook"]


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came. ``id`` is the Message-ID without brackets, or the ``webhook-id``.

    ``verified`` is ``None`` where there was nothing to verify with; header names are lower case.
    """

    kind: SinkKind
    id: str
    received_at: dt.datetime
    body: bytes
    headers: Mapping[str, str]
    recipients: tuple[str, ...] = ()
    verified: bool | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def payload(self) -> Any:
        """A webhook's JSON."""
        return json.loads(self.body)

    def mail(self) -> EmailMessage:
        return message_from_bytes(self.body, policy=policy.default)


OnMessage = Callable[[Received], object]


class Sink(Protocol):
    """Takes messages from ``start`` to ``stop``. The sender is answered only after ``on_message`` has returned,
    so what was acknowledged was also noted; if it raises, the sender is told to try again.
    """

    @property
    def url(self) -> str: ...
    def start(self) -> Self: ...
    def stop(self) -> None: ...


class WebhookSink:
    """Takes POSTs at ``url``; with a ``secret`` (``whsec_…``) an unsigned or wrongly signed one gets a 401,
    and is passed on all the same with ``verified=False``.
    """

    def __init__(self, on_message: OnMessage, secret: str | None = None, *, port: int = 0) -> None:
        self._on_message = on_message
        self._secret = secret
        self._listener = Listener(self._serve, port=port)

    @property
    def url(self) -> str:
        return self._listener.url + WEBHOOK_PATH

    def start(self) -> Self:
        self._listener.start()
        return self

    def stop(self) -> None:
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 405 if scope["method"] != "POST" else await self._take(scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _take(self, scope: Scope, receive: Receive) -> int:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(receive)
        if body is None:
            return 400
        if len(body) > BIGGEST_MESSAGE:
            return 413
        verified = verify(self._secret, body, headers) if self._secret else None
        now = dt.datetime.now(dt.UTC)
        self._on_message(Received("webhook", headers.get("webhook-id", ""), now, body, headers, (), verified))
        return 401 if verified is False else 204


async def _body(receive: Receive) -> bytes | None:
    """None where the sender is gone before its end: what came of it is no message."""
    body = bytearray()
    more = True
    while more and len(body) <= BIGGEST_MESSAGE:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return bytes(body)


def verify(secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether the body carries a Standard Webhooks signature of ``secret`` that is not older than five minutes."""
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: a signature header that is no base64 or has no comma
        return False
    return True


class MailSink:
    """An SMTP server that takes mail for everybody; ``url`` is ``smtp://host:port``, without TLS or login."""

    def __init__(self, on_message: OnMessage, *, port: int = 0) -> None:
        self._on_message = on_message
        self._socket = listening_socket(port)
        self.host, self.port = LOOPBACK, int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="mail sink", daemon=True)

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
        self._socket.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # cancels open sessions when it ends
            runner.run(self._talk())

    async def _talk(self) -> None:
        from aiosmtpd.smtp import SMTP

        def session() -> SMTP:
            # our own loop, port and name: aiosmtpd's Controller can't take port 0 and asks DNS for the host's name
            return SMTP(self, hostname="localhost", data_size_limit=BIGGEST_MESSAGE, enable_SMTPUTF8=True, loop=self._loop)

        server = await self._loop.create_server(session, sock=self._socket)
        await self._stopped.wait()
        server.close()

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 aiosmtpd's hook
        del server, session
        headers = {name.lower(): str(value) for name, value in message_from_bytes(envelope.content).items()}
        ident = headers.get("message-id", "").strip().strip("<>")
        now = dt.datetime.now(dt.UTC)
        self._on_message(Received("mail", ident, now, envelope.content, headers, tuple(envelope.rcpt_tos)))
        return "250 2.0.0 taken"

    async def handle_exception(self, error: Exception) -> str:
        return f"451 4.3.0 not taken, try again later ({type(error).__name__})"


class SinkProcess:
    """A sink in a process of its own that adds one JSON line for each message to ``log``, before it acknowledges it.

    A line: ``{"kind", "id", "sha256", "received_at", "verified", "recipients", "body"}``. It ends with ``stop`` or with
    its parent, whatever else is killed.
    """

    def __init__(self, kind: SinkKind, log: Path, *, secret: str | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child = context.Pipe()
        self._process = context.Process(target=_log_to, args=(kind, log, secret, child), daemon=True)
        self._process.start()
        child.close()
        self.log = log
        self.pid = self._process.pid
        self.url: str = self._pipe.recv()

    def stop(self) -> None:
        self._pipe.close()
        self._process.join(5)
        self._process.kill()
        self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def read_log(log: Path) -> list[dict[str, Any]]:
    """The lines that a SinkProcess wrote so far."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


def _line(message: Received) -> str:
    record = {
        "kind": message.kind,
        "id": message.id,
        "sha256": message.sha256,
        "received_at": message.received_at.isoformat(),
        "verified": message.verified,
        "recipients": message.recipients,
        "body": message.body.decode("utf-8", "replace"),
    }
    return json.dumps(record)


def _log_to(kind: SinkKind, log: Path, secret: str | None, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; the pipe's end tells us
    with log.open("a", encoding="utf-8", buffering=1) as lines:

        def note(message: Received) -> None:
            lines.write(_line(message) + "\n")

        sink = cast("Sink", MailSink(note) if kind == "mail" else WebhookSink(note, secret))
        sink.start()
        pipe.send(sink.url)
        try:
            pipe.recv()
        except (EOFError, ConnectionResetError):
            sink.stop()
