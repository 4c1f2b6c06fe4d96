"""Many news sites behind one loopback port: an HTTP forward proxy that answers for every host it was given itself.

It owns how described sites are served, changed while they run, paced and recorded; it must not know what the pages
say or who reads them.
"""

import asyncio
import datetime as dt
import multiprocessing
import signal
import socket
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Self
from urllib.parse import urlsplit

from desk.site import Resource, Site, answer, key_of

__all__ = ["Listener", "Request", "Resource", "Site", "SiteProcess", "SiteServer"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = "127.0.0.1"
REMEMBERED_REQUESTS = 100_000
LAST_DATA_RECEIVED = 52  # where Linux's `struct tcp_info` has tcpi_last_data_recv


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it was answered, and when it came (``began``); ``path`` has its query, header names are lower case."""

    host: str
    path: str
    status: int
    at: dt.datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    began: dt.datetime | None = None


def listening_socket(port: int = 0) -> socket.socket:
    """On loopback; connections queue before anybody serves it. Without TCP_NODELAY, which asyncio sets only on sockets
    that were made with an explicit protocol, each small answer waits 40 ms for a delayed ACK.
    """
    listening = socket.create_server((LOOPBACK, port), backlog=256)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def came_at(transport: asyncio.BaseTransport) -> dt.datetime:
    """When the last bytes reached this machine, to some milliseconds: on a busy one they are read up to a second later."""
    now, connection = dt.datetime.now(dt.UTC), transport.get_extra_info("socket")
    if connection is None or not hasattr(socket, "TCP_INFO"):
        return now
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, LAST_DATA_RECEIVED + 4)
    (milliseconds,) = struct.unpack_from("=I", told, LAST_DATA_RECEIVED)
    return now - dt.timedelta(milliseconds=milliseconds)


class Listener:
    """Serves an ASGI application on a loopback port from a thread of its own, until ``stop``."""

    def __init__(self, app: App, *, port: int = 0) -> None:
        self._app = app
        self._socket = listening_socket(port)
        self.port: int = self._socket.getsockname()[1]
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> Self:
        import uvicorn
        from uvicorn.protocols.http.h11_impl import H11Protocol

        class Stamped(H11Protocol):
            def data_received(self, data: bytes) -> None:
                self.app_state = {"came_at": came_at(self.transport)}
                super().data_received(data)

        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            http=Stamped,
            proxy_headers=False,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",  # a client that is killed on purpose is no error
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, name="loopback", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread and self._server:
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()


class SiteServer:
    """The sites in this process; as a context manager it starts and stops itself.

    ``pages_per_second`` lets at most so many answers of paced resources out, whoever asks for how many at once.
    """

    def __init__(self, sites: Iterable[Site] = (), *, pages_per_second: float | None = None) -> None:
        self._sites = {site.host: site for site in sites}
        self._gap_seconds = 1 / pages_per_second if pages_per_second else 0.0
        self._next_slot = 0.0
        self._requests: deque[Request] = deque(maxlen=REMEMBERED_REQUESTS)
        self._listener = Listener(self._serve)

    @staticmethod
    def start_process(sites: Iterable[Site] = (), *, pages_per_second: float | None = None) -> "SiteProcess":
        """The same in a process of its own, so that a measurement beside it stays clean."""
        return SiteProcess(sites, pages_per_second=pages_per_second)

    @property
    def proxy(self) -> str:
        """What ``source add --proxy`` takes."""
        return self._listener.url

    def start(self) -> Self:
        self._listener.start()
        return self

    def stop(self) -> None:
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def put(self, host: str, path: str, resource: Resource) -> None:
        """Publish or change one address; a host that is new becomes a site."""
        self._sites.setdefault(host, Site(host)).put(path, resource)

    def remove(self, host: str, path: str) -> None:
        if host in self._sites:
            self._sites[host].resources.pop(key_of(path), None)

    def requests(self) -> list[Request]:
        """Every request answered so far, oldest first."""
        return list(self._requests)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive  # nothing that is asked here has a body
        began = scope["state"]["came_at"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host, path = _address(scope, headers)
        resource = self._find(scope["method"], host, path)
        await self._wait_for_slot(resource)
        reply = answer(resource, scope["method"], headers)
        self._requests.append(Request(host, path, reply.status, dt.datetime.now(dt.UTC), headers, began))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    def _find(self, method: str, host: str, path: str) -> Resource:
        if method not in {"GET", "HEAD"}:
            return _sentence(405, "Only GET and HEAD of plain http addresses are served here.")
        site = self._sites.get(host)
        if site is None:
            return _sentence(502, f"No site {host} is served here.")
        return site.find(path) or _sentence(404, f"{host} has no page {path}")

    async def _wait_for_slot(self, resource: Resource) -> None:
        wait = resource.delay_seconds
        if resource.paced and self._gap_seconds:
            now = asyncio.get_running_loop().time()
            slot = max(now, self._next_slot)
            self._next_slot = slot + self._gap_seconds
            wait += slot - now
        if wait > 0:
            await asyncio.sleep(wait)


def _sentence(status: int, text: str) -> Resource:
    return Resource(body=text.encode(), content_type="text/plain; charset=utf-8", status=status)


def _address(scope: Scope, headers: Mapping[str, str]) -> tuple[str, str]:
    """Host, and path with query, from either form of request line (RFC 9112, 3.2.1 and 3.2.2)."""
    target = scope["raw_path"].decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    if target.startswith("/"):
        return headers.get("host", "").partition(":")[0].lower(), target
    parts = urlsplit(target)
    return (parts.hostname or ""), (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class SiteProcess:
    """A SiteServer in a process of its own, driven through a pipe; it ends with ``stop`` or with its parent."""

    def __init__(self, sites: Iterable[Site], *, pages_per_second: float | None = None) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would carry the parent's threads and clients along
        self._pipe, child = context.Pipe()
        self._lock = threading.Lock()
        self._process = context.Process(target=_run, args=(list(sites), pages_per_second, child), daemon=True)
        self._process.start()
        child.close()
        self.pid = self._process.pid
        self.proxy: str = self._pipe.recv()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._pipe.close()
        self._process.join(5)
        self._process.kill()
        self._process.join()

    def put(self, host: str, path: str, resource: Resource) -> None:
        self._call("put", host, path, resource)

    def remove(self, host: str, path: str) -> None:
        self._call("remove", host, path)

    def requests(self) -> list[Request]:
        found: list[Request] = self._call("requests")
        return found

    def _call(self, name: str, *args: object) -> Any:
        with self._lock:
            self._pipe.send((name, args))
            return self._pipe.recv()


def _run(sites: list[Site], pages_per_second: float | None, pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; the pipe's end tells us
    with SiteServer(sites, pages_per_second=pages_per_second) as server, pipe:
        pipe.send(server.proxy)
        while True:
            try:
                name, args = pipe.recv()
            except (EOFError, ConnectionResetError):
                return
            pipe.send(getattr(server, name)(*args))


def seconds_to_alert(requests: Iterable[Request], alerts: Iterable[tuple[str, dt.datetime]]) -> list[float]:
    """Seconds from a page's last answer before its alert to that alert; alerts are (article URL, received)."""
    answered: dict[tuple[str, str], list[dt.datetime]] = {}
    for each in requests:
        answered.setdefault((each.host, each.path), []).append(each.at)
    found = []
    for url, at in alerts:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        before = [moment for moment in answered.get((parts.netloc, path), ()) if moment <= at]
        found += [(at - before[-1]).total_seconds()] if before else []
    return found
