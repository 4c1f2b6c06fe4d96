"""WARC files of what was fetched, as it came over the wire, through fsspec. It owns records and rotation only.

Logins stay out: an archive is shared more freely than a configuration.
"""

import asyncio
import datetime as dt
import io
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

ROTATE_BYTES = 1_000_000_000
_SECRET = frozenset({"authorization", "proxy-authorization", "cookie"})
_HOP_BY_HOP = frozenset({"transfer-encoding"})  # the body is kept without its chunks

Header = tuple[str, str]


class Archive:
    """Writes request and response records into gzip WARC files below ``folder``, a path or an fsspec URL."""

    def __init__(self, folder: str, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._folder, self._rotate_bytes = folder.rstrip("/"), rotate_bytes
        self._name = f"copytaster-{dt.datetime.now(dt.UTC):%Y%m%d%H%M%S}-{secrets.token_hex(4)}"
        self._number = 0
        self._file: Any = None
        self._writer: Any = None

    def write(self, url: str, asked: Iterable[Header], status: str, answered: Iterable[Header], body: bytes) -> None:
        from warcio.statusandheaders import StatusAndHeaders

        writer = self._open()
        place = urlsplit(url)
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        sent = [("Host", place.netloc), *((name, value) for name, value in asked if name.lower() not in _SECRET)]
        got = [(name, value) for name, value in answered if name.lower() not in _HOP_BY_HOP]
        request_head = StatusAndHeaders(f"GET {target} HTTP/1.1", sent, is_http_request=True)
        response_head = StatusAndHeaders(status, got, protocol="HTTP/1.1")
        request = writer.create_warc_record(url, "request", http_headers=request_head)
        response = writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=response_head)
        writer.write_request_response_pair(request, response)
        for record in (request, response):
            record.raw_stream.close()  # warcio leaves the temporary file of the payload's digest open
        self._file.flush()
        if self._file.tell() >= self._rotate_bytes:
            self.close()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = self._writer = None

    def _open(self) -> Any:
        if self._writer is None:
            import fsspec
            from warcio.warcwriter import WARCWriter

            name = f"{self._name}-{self._number:05}.warc.gz"
            filesystem, folder = fsspec.core.url_to_fs(self._folder)
            filesystem.makedirs(folder, exist_ok=True)
            self._file = filesystem.open(f"{folder}/{name}", "wb")
            self._number += 1
            self._writer = WARCWriter(self._file, gzip=True)
            about = {"software": "copytaster", "format": "WARC File Format 1.0"}
            record = self._writer.create_warcinfo_record(name, about)
            self._writer.write_record(record)
            record.raw_stream.close()
        return self._writer


class ArchiveMiddleware:
    """Hands every answer to an article's request to the archive, on a thread of its own, before anything is unpacked."""

    def __init__(self, crawler: Crawler) -> None:
        self._archive = Archive(crawler.settings["COPYTASTER"].crawl.archive)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "ArchiveMiddleware":
        middleware = cls(crawler)
        crawler.signals.connect(middleware.finish, signals.spider_closed)
        return middleware

    async def process_response(self, request: Request, response: Response) -> Response:
        if request.meta.get("archive") and not request.meta.get("playwright"):
            await self._run(
                self._archive.write,
                request.url,
                _headers(request.headers),
                str(response.status),
                _headers(response.headers),
                response.body,
            )
        return response

    async def finish(self) -> None:
        await self._run(self._archive.close)
        self._thread.shutdown()

    async def _run(self, function: Any, *args: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)


def _headers(headers: Any) -> list[Header]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, values in headers.items() for value in values]
