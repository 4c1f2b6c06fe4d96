"""Receivers that misbehave, on loopback: a web server with one fault at each path, and a mail server with one for each mailbox.

They own the faults and note what they were asked; they must not know what a scenario makes of it.
"""

import asyncio
import contextlib
import json
import re
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import trustme
from aiosmtpd.controller import Controller

from desk.loopback import Listener
from tests.services import running
from tests.services.sockets import Serve

Answer = tuple[int, Mapping[str, str]]
WELL: Answer = (204, {})


@dataclass(slots=True)
class Asked:
    """One request: when, by which id, with which body, and what was answered."""

    at: float
    id: str
    body: bytes
    status: int

    def pairs(self) -> set[tuple[str, str]]:
        return {(item["watch"]["id"], item["article"]["url"]) for item in json.loads(self.body)["items"]}


@dataclass(slots=True)
class Hooks:
    """An ASGI application: each path answers as ``answers`` says, 204 where it says nothing."""

    answers: dict[str, Answer] = field(default_factory=dict)
    asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)
        status, extra = self.answers.get(scope["path"], WELL)
        ident = dict(scope["headers"]).get(b"webhook-id", b"").decode()
        self.asked[scope["path"]].append(Asked(time.time(), ident, body, status))
        headers = [(b"content-length", b"0"), *((name.encode(), value.encode()) for name, value in extra.items())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def taken(self, path: str) -> list[Asked]:
        return [each for each in self.asked[path] if each.status < 300]


@contextlib.contextmanager
def web(hooks: Hooks) -> Iterator[str]:
    """The address of ``hooks``."""
    listener = Listener(hooks)
    listener.start()
    try:
        yield listener.url
    finally:
        listener.stop()


def flood(connection: socket.socket) -> None:
    """1 GB of answer, for as long as somebody reads."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
    for _ in range(1024):
        connection.sendall(b"a" * 2**20)


def drip(connection: socket.socket) -> None:
    """One byte a second, without an end."""
    connection.recv(65_536)
    for mark in b"HTTP/1.1 200 OK\r\nx-padding: " + b"a" * 600:
        connection.sendall(bytes([mark]))
        time.sleep(1)


def bad_tls() -> Serve:
    """A certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1)

    return serve


def silent(connection: socket.socket) -> None:
    connection.recv(1)


_ID = re.compile(rb"^Message-ID: <([^@>]+)@", re.MULTILINE | re.IGNORECASE)


@dataclass(slots=True)
class Mailboxes:
    """aiosmtpd's handler: what each mailbox answers to RCPT, and which hang or drop after the data, so many times."""

    rcpt: dict[str, str] = field(default_factory=dict)
    hangs: dict[str, int] = field(default_factory=dict)
    drops: dict[str, int] = field(default_factory=dict)
    taken: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))  # id, mail
    lost: dict[str, list[tuple[str, bytes]]] = field(default_factory=lambda: defaultdict(list))  # with no 250

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        del server, session, options
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        del session
        (address,) = envelope.rcpt_tos
        found = _ID.search(envelope.content)
        mail = (found[1].decode() if found else "", bytes(envelope.content))
        if self.hangs.get(address, 0) > 0:
            self.hangs[address] -= 1
            self.lost[address].append(mail)
            await asyncio.sleep(60)
        if self.drops.get(address, 0) > 0:
            self.drops[address] -= 1
            self.lost[address].append(mail)
            server.transport.abort()
        else:
            self.taken[address].append(mail)
        return "250 taken"


@contextlib.contextmanager
def mail(boxes: Mailboxes) -> Iterator[str]:
    """The address of a mail server over ``boxes``."""
    port = running.free_port()
    controller = Controller(boxes, hostname="127.0.0.1", port=port, server_hostname="mx.example.org", ready_timeout=60)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()
