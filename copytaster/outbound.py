"""The HTTP client for everything but the crawl: checked at connect, bounded in time and size, deaf to redirects.

It owns how a request leaves this machine; it must not know what is sent or to whom. httpx is loaded on first use.
"""

import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from copytaster.errors import Permanent, Rejected, Transient, shown
from copytaster.guard import Guard
from copytaster.urls import host_of, resolve

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer whose body was read within its bounds; header names are in lower case."""

    url: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


def client(
    guard: Guard,
    *,
    timeout: float = 10.0,
    user_agent: str = "copytaster",
    connections: int = 20,
    tls: ssl.SSLContext | None = None,
) -> "httpx.Client":
    """A client whose every connection goes to an address that was checked, pinned against DNS rebinding.

    It follows no redirect, takes no cookies, and ignores proxies and secrets of the environment. Threads may share it.
    """
    import httpx

    from copytaster.pinned import transport

    return httpx.Client(
        transport=transport(guard, _remaining, connections=connections, tls=tls),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"user-agent": user_agent, "accept-encoding": "gzip"},
    )


def send(
    client: "httpx.Client",
    method: str,
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    max_seconds: float = 15.0,
    max_bytes: int = 65_536,
) -> Fetched:
    """One request and at most ``max_bytes`` of its answer, unpacked; more is cut and ``truncated`` says so.

    ``max_seconds`` holds for all of it, be it one byte a second. Any status is an answer. Raises ``Transient`` where
    nothing answered in time, ``Rejected`` where the guard refused, ``Permanent`` where the URL cannot be asked.
    """
    import httpx

    try:
        with (
            _within(max_seconds),
            client.stream(method, url, content=content, headers=dict(headers or {})) as answer,
        ):
            body = _body(answer, max_bytes)
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Fetched(str(answer.url), answer.status_code, found, body[:max_bytes], len(body) > max_bytes)
    except httpx.TimeoutException:
        raise Transient(f"{_place(url)} gave no whole answer within {max_seconds:g} seconds.") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        known = "An address with a login" if "@" in url else shown(url)  # where its password ends can't be told
        raise Permanent(f"{known} is not an address that can be asked.") from None
    except httpx.HTTPError as error:
        raise Transient(_failure(url, error)) from error


def get(
    client: "httpx.Client",
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_seconds: float = 20.0,
    max_bytes: int = 10_000_000,
) -> Fetched:
    """A page with at most five redirects followed, each checked like the first; ``url`` in the answer is the last.

    Raises as ``send``; ``Rejected("too_big")`` beyond ``max_bytes`` and ``Rejected("redirect_loop")``.
    """
    until = time.monotonic() + max_seconds
    for _ in range(MAX_REDIRECTS + 1):
        left = max(until - time.monotonic(), 0.1)
        answer = send(client, "GET", url, headers=headers, max_seconds=left, max_bytes=max_bytes)
        target = answer.headers.get("location")
        if answer.status in _REDIRECTS and target:
            url = resolve(target, answer.url)
            headers = headers if host_of(url) == host_of(answer.url) else None  # a source's cookies are not for others
        elif answer.truncated:
            raise Rejected("too_big", f"{_place(url)} answers with more than {max_bytes} bytes, which is not read.")
        else:
            return answer
    raise Rejected("redirect_loop", f"{_place(url)} redirects more than {MAX_REDIRECTS} times.")


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _remaining(timeout: float | None) -> float | None:
    """What a single wait may take: the client's own timeout, but never beyond the deadline of the whole request."""
    until = _deadline.get()
    if until is None:
        return timeout
    left = until - time.monotonic()
    return left if timeout is None else min(timeout, left)


def _body(answer: "httpx.Response", max_bytes: int) -> bytes:
    """Unpacked by hand: httpx unpacks a whole chunk at once, which makes 64 MB of 64 kB."""
    packed = answer.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise Rejected("bad_encoding", f"{_place(str(answer.url))} packs its answer as {packed!r}, which was not asked.")
    unpack: Any = zlib.decompressobj(47) if packed not in ("identity", "") else None
    body = bytearray()
    try:
        for chunk in answer.iter_raw(65_536):
            body += unpack.decompress(chunk, max_bytes + 1 - len(body)) if unpack else chunk
            if len(body) > max_bytes:
                break
    except zlib.error:
        raise Transient(f"{_place(str(answer.url))} sent an answer that can't be unpacked.") from None
    return bytes(body)


def _failure(url: str, error: Exception) -> str:
    said = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        why = said.partition("verify failed: ")[2].partition(" (_ssl")[0] or "no authority that we know signed it"
        return f"The certificate of {_place(url)} is not trusted ({why}): nothing is sent there until it is mended."
    return f"{_place(url)} did not answer: {said}."


def _place(url: str) -> str:
    """Scheme and host only: paths and queries of webhooks carry secrets that no message may show."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.partition('/')[0].rpartition('@')[2][:200]}"
