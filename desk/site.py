"""What a loopback site says: resources by path, and the answer that one request for one of them gets; all pure.

It owns validators, compression and forgiving look-up; it must not know about sockets, threads or pace.
"""

import datetime as dt
import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote

SMALLEST_ZIPPED = 512  # bytes; below it gzip saves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What one address answers. ``etag`` is made from the body unless given; an empty one is not sent.

    ``paced`` resources share the server's ``pages_per_second``; ``delay_seconds`` holds the answer back besides.
    """

    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    etag: str | None = None
    last_modified: dt.datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    paced: bool = False

    @classmethod
    def redirect(cls, to: str, status: int = 301) -> "Resource":
        return cls(status=status, headers={"Location": to})


@dataclass(slots=True)
class Site:
    """One host and what it answers, by path with query (``/news?id=3``)."""

    host: str
    resources: dict[str, Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.resources = {key_of(path): resource for path, resource in self.resources.items()}

    @property
    def url(self) -> str:
        return f"http://{self.host}/"

    def put(self, path: str, resource: Resource) -> None:
        self.resources[key_of(path)] = resource

    def find(self, path: str) -> Resource | None:
        """By path and query; like a real site it does not mind a query added to a known path or taken from it."""
        key = key_of(path)
        bare = key.partition("?")[0]
        found = self.resources.get(key) or self.resources.get(bare)
        if found:
            return found
        candidates = [resource for known, resource in self.resources.items() if known.partition("?")[0] == bare]
        return candidates[0] if len(candidates) == 1 else None


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def key_of(path: str) -> str:
    """``/%C3%A4`` and ``/ä`` are one address."""
    return unquote(path) or "/"


def answer(resource: Resource, method: str, asked: Mapping[str, str]) -> Answer:
    """What to send for ``resource``: 304 where the validators that were asked with still hold, gzip where accepted."""
    headers = dict(_validators(resource)) | {"Content-Type": resource.content_type} | dict(resource.headers)
    if resource.status == 200 and _unchanged(headers, asked):
        headers.pop("Content-Type")
        return Answer(304, headers, b"")
    body = resource.body
    if _is_text(resource.content_type) and len(body) >= SMALLEST_ZIPPED:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in asked.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = _zipped(body)
    headers["Content-Length"] = str(len(body))
    return Answer(resource.status, headers, b"" if method == "HEAD" else body)


def _validators(resource: Resource) -> Iterable[tuple[str, str]]:
    if resource.status != 200:
        return
    etag = resource.etag
    if etag is None:
        etag = f'W/"{hashlib.blake2b(resource.body, digest_size=12).hexdigest()}"'
    if etag:
        yield "ETag", etag
    if resource.last_modified:
        yield "Last-Modified", format_datetime(resource.last_modified.astimezone(dt.UTC), usegmt=True)


def _unchanged(headers: Mapping[str, str], asked: Mapping[str, str]) -> bool:
    """RFC 9110, 13.2.2: ``If-None-Match`` decides alone where it is present."""
    if "if-none-match" in asked:
        known = {tag.strip().removeprefix("W/") for tag in asked["if-none-match"].split(",")}
        return headers.get("ETag", "").removeprefix("W/") in known
    if "if-modified-since" in asked and "Last-Modified" in headers:
        try:
            since = parsedate_to_datetime(asked["if-modified-since"])
        except ValueError:
            return False
        return parsedate_to_datetime(headers["Last-Modified"]) <= since
    return False


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0]
    return kind.startswith("text/") or kind.endswith(("xml", "json"))


@lru_cache(maxsize=512)
def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)
