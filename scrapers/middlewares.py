"""Downloader middlewares: what a request says of us, where it may go, and how its answer is unpacked.

They own one hop each of a request's way; they must not know endpoints, links or the store.
"""

import zlib
from collections import OrderedDict
from dataclasses import dataclass

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Headers, Response

from copytaster.errors import Rejected, shown
from copytaster.news import Source
from copytaster.urls import host_of, resolve, same_site, site_of_host
from scrapers.proxies import split_proxy
from scrapers.settings import MAX_PAGE_BYTES

REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
MAX_COOKIES = 50  # of one site
MAX_COOKIE_LENGTH = 4_096
MAX_JARS = 5_000
ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,application/rss+xml,application/atom+xml,*/*;q=0.5"


class IdentityMiddleware:
    """Who we are to this source: user agent, proxy, and, on its own site only, its headers."""

    def __init__(self, crawler: Crawler) -> None:
        self._user_agent = crawler.settings["USER_AGENT"]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "IdentityMiddleware":
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        source: Source = request.meta["source"]
        request.headers = headers = Headers({"Accept": ACCEPT, "Accept-Encoding": "gzip"})
        headers["User-Agent"] = source.user_agent or self._user_agent
        if source.headers and is_own(request):
            for name, value in source.headers.items():
                headers[name] = value
        for name, value in request.meta.get("validators", {}).items():
            headers[name] = value
        if source.proxy:
            request.meta["proxy"], login = split_proxy(source.proxy)
            if login:
                headers["Proxy-Authorization"] = b"Basic " + login


class CookiesMiddleware:
    """Cookies that a site sets, kept for each source and site apart: many sites redirect in a circle without them.

    Scrapy's own fetches the list of public suffixes from the network when it meets the first cookie, on the reactor's
    thread; ours knows the bundled one. Paths and lifetimes are not kept: a run is too short for them to matter.
    """

    def __init__(self) -> None:
        self._jars: OrderedDict[tuple[str, str], dict[str, Cookie]] = OrderedDict()

    def process_request(self, request: Request) -> None:
        jar = self._jars.get(_jar_key(request), {})
        sent = dict(request.meta["source"].cookies) if is_own(request) else {}
        secure = request.url.startswith("https:")
        sent |= {name: cookie.value for name, cookie in jar.items() if secure or not cookie.secure}
        if sent:
            request.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in sent.items())

    def process_response(self, request: Request, response: Response) -> Response:
        if b"Set-Cookie" not in response.headers:
            return response
        jar = self._jars.setdefault(_jar_key(request), {})
        for line in response.headers.getlist(b"Set-Cookie"):
            name, cookie = parse_cookie(line.decode("latin-1"))
            if cookie is None:
                jar.pop(name, None)
            elif len(jar) < MAX_COOKIES:
                jar[name] = cookie
        self._jars.move_to_end(_jar_key(request))
        while len(self._jars) > MAX_JARS:
            self._jars.popitem(last=False)
        return response


@dataclass(frozen=True, slots=True)
class Cookie:
    value: str
    secure: bool = False


def parse_cookie(line: str) -> tuple[str, Cookie | None]:
    """Name and cookie of a ``Set-Cookie`` header; no cookie where it is taken back, or of no use."""
    pair, _, attributes = line.partition(";")
    name, equals, value = (part.strip() for part in pair.partition("="))
    asked = [part.strip().lower() for part in attributes.split(";")]
    gone = "max-age=0" in asked or any(part.startswith("max-age=-") or "1970" in part for part in asked)
    if not equals or not name or gone or len(pair) > MAX_COOKIE_LENGTH or not pair.isprintable():
        return name, None
    return name, Cookie(value, "secure" in asked)


def is_own(request: Request) -> bool:
    """Whether this goes to the source's own site: a redirect may lead anywhere, and what was paid for is for one site."""
    return same_site(request.url, request.meta["source"].url)


def _jar_key(request: Request) -> tuple[str, str]:
    return request.meta["source"].id, site_of_host(host_of(request.url))


class RedirectMiddleware:
    """Follows redirects one hop at a time, so that each passes robots, identity and guard like the first.

    ``meta["hops"]`` tells the statuses and addresses on the way. Raises Rejected("redirect_loop").
    """

    def __init__(self, crawler: Crawler) -> None:
        self._most = crawler.settings.getint("REDIRECT_MAX_TIMES")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "RedirectMiddleware":
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        location = response.headers.get(b"Location")
        if response.status not in REDIRECTS or not location:
            return response
        target = resolve(location.decode("utf-8", "replace").strip(), request.url).partition("#")[0]
        hops = (*request.meta.get("hops", ()), (response.status, request.url))
        # Once back to an address it left is common: a cookie was set on the way.
        if len(hops) > self._most or [url for _, url in hops].count(target) > 1:
            raise Rejected("redirect_loop", f"{hops[0][1]} redirects in a circle or more than {self._most} times.")
        if not target.startswith(("http://", "https://")):
            raise Rejected("bad_redirect", f"{request.url} redirects to {shown(target)}, which is no web address.")
        kept = {name: request.meta[name] for name in KEPT_ON_REDIRECT if name in request.meta}
        return Request(target, meta=kept | {"hops": hops}, dont_filter=True)


KEPT_ON_REDIRECT = (
    "source",
    "validators",
    "archive",
    "robots_file",
    "playwright",
    "playwright_page_methods",
    "playwright_context",
)


class UnpackMiddleware:
    """Unpacks gzip and deflate within the page's bound; ``meta["packed"]`` keeps gzip bytes, which the store takes as they are.

    Raises Rejected("too_big") for a bomb and Rejected("bad_encoding") for what was not asked for.
    """

    def process_response(self, request: Request, response: Response) -> Response:
        how = (response.headers.get(b"Content-Encoding") or b"").strip().lower()
        if how in (b"", b"identity") or not response.body:
            return response
        if how not in (b"gzip", b"x-gzip", b"deflate"):
            raise Rejected("bad_encoding", f"{request.url} packs its answer as {how!r}, which was not asked for.")
        body, whole = unpack(response.body, request.url)
        if whole and how != b"deflate":
            request.meta["packed"] = response.body
        headers = Headers(response.headers)
        del headers[b"Content-Encoding"]
        # Not `response.replace`: it asks a text response for its encoding, which takes 6 ms to guess and which nobody needs.
        return Response(response.url, response.status, headers, body, response.flags, request)


def unpack(data: bytes, url: str) -> tuple[bytes, bool]:
    """Gzip, zlib or raw deflate to at most the page's bound, and whether it was whole; broken ends are let go."""
    for bits in (47, -15):
        unpacker = zlib.decompressobj(bits)
        try:
            body = unpacker.decompress(data, MAX_PAGE_BYTES + 1)
        except zlib.error:
            continue
        if len(body) > MAX_PAGE_BYTES:
            raise Rejected("too_big", f"{url} unpacks to more than {MAX_PAGE_BYTES // 1_000_000} MB, so it is not read.")
        return body, unpacker.eof and not unpacker.unused_data
    raise Rejected("bad_encoding", f"{url} sends an answer that can't be unpacked.")
