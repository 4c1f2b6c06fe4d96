"""The transport under the HTTP client: it resolves once, checks, and connects to the checked address itself.

It owns sockets and TLS of outgoing requests; it must not know their content. Import it lazily: it loads httpx.
"""

import ssl
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import httpcore
import httpx

from copytaster.errors import CopytasterError
from copytaster.guard import Guard

Remaining = Callable[[float | None], float | None]


class PinnedStream(httpcore.NetworkStream):
    """A stream whose waits end with the deadline of the whole request: a slow header line would never time out."""

    def __init__(self, inner: httpcore.NetworkStream, remaining: Remaining) -> None:
        self._inner = inner
        self._remaining = remaining

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _positive(self._remaining(timeout), httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _positive(self._remaining(timeout), httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _positive(self._remaining(timeout), httpcore.ConnectTimeout)
        return PinnedStream(self._inner.start_tls(ssl_context, server_hostname, left), self._remaining)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses; the name stays in ``Host`` and in the certificate's check."""

    def __init__(self, guard: Guard, remaining: Remaining) -> None:
        self._guard = guard
        self._remaining = remaining
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"no address of {host}")
        for ip in self._guard.addresses(host, port):
            try:
                left = _positive(self._remaining(timeout), httpcore.ConnectTimeout)
                stream = self._inner.connect_tcp(ip, port, left, local_address, socket_options)
                return PinnedStream(stream, self._remaining)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise CopytasterError(f"The socket {path!r} is not reached; only http and https addresses are.")


def transport(guard: Guard, remaining: Remaining, *, connections: int, tls: ssl.SSLContext | None) -> httpx.BaseTransport:
    """An httpx transport over a pool of pinned connections."""
    context = tls or _authorities()
    made = httpx.HTTPTransport(verify=context, trust_env=False)
    made._pool = httpcore.ConnectionPool(  # noqa: SLF001 - httpx 0.28 offers no way to give it a backend
        ssl_context=context,
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=15.0,
        network_backend=PinnedBackend(guard, remaining),
    )
    return made


@cache
def _authorities() -> ssl.SSLContext:
    """The system's certificate authorities, an operator's own among them, and the bundled ones where it has none."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _positive(left: float | None, late: type[Exception]) -> float | None:
    if left is not None and left <= 0:
        raise late("the time for the whole request is over")
    return left
