"""A forward proxy on loopback for the browser: every connection that it makes goes through the address guard.

Intercepting the browser's requests is not enough: redirects, sockets and its own name lookups pass by. It must not
know what is rendered.
"""

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit

from copytaster.errors import Rejected
from copytaster.guard import Guard

HEAD_BYTES = 65_536
CONNECT_SECONDS = 15.0
_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_FAILED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Gate:
    """``async with Gate(guard) as gate`` listens at ``gate.url``."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for task in list(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=1)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            await self._pass_on(reader, writer)
        except Rejected:
            writer.write(_REFUSED)
        except asyncio.CancelledError:
            return  # the gate closes; Python 3.11 prints a traceback for each connection's task that ends as cancelled
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            with contextlib.suppress(OSError):
                writer.write(_FAILED)
        finally:
            await _close(writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        if method == "CONNECT":
            place = urlsplit(f"//{target}")
            first = b""
            writer_ready = b"HTTP/1.1 200 Connection established\r\n\r\n"
        else:
            place = urlsplit(target)
            path = (place.path or "/") + (f"?{place.query}" if place.query else "")
            first = f"{method} {path} {version}\r\n".encode("latin-1") + _one_shot(head.split(b"\r\n", 1)[1])
            writer_ready = b""
        there, back = await self._connect(place.hostname or "", place.port or 80)
        try:
            writer.write(writer_ready)
            back.write(first)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            await _close(back)

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        addresses = await asyncio.to_thread(self._guard.addresses, host, port)
        error: OSError | None = None
        for address in addresses:
            try:
                return await asyncio.wait_for(asyncio.open_connection(address, port), CONNECT_SECONDS)
            except OSError as failed:
                error = failed
        raise error or OSError("no address")


def _one_shot(headers: bytes) -> bytes:
    """The request's headers for the origin, one request a connection, so that each is looked at."""
    kept = [line for line in headers.split(b"\r\n") if not line.lower().startswith((b"proxy-", b"connection:"))]
    return b"Connection: close\r\n" + b"\r\n".join(kept)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
