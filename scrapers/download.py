"""The download handler: Scrapy's own for HTTP/1.1, with the address guard between the name and the connection.

It owns what may be connected to and that pending downloads end when the crawl does; it must not know what is fetched.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler, _ScrapyAgent
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils._download_handlers import wrap_twisted_exceptions
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from copytaster import heartbeat
from copytaster.errors import Rejected
from copytaster.guard import Guard, OwnGuard
from copytaster.urls import host_of
from scrapers.admission import AdmissionMiddleware, HostBusyError

# A request that is handed over is written in the loop's next round, before what that calls later; TLS takes one more.
ROUNDS_TO_WRITE = 2


class GuardedDownloadHandler(HTTP11DownloadHandler):  # type: ignore[misc, unused-ignore]
    """Connects only to addresses that the guard has seen; the check is at connect, so a DNS answer can't change after it.

    Through a source's proxy only the proxy is connected to, which is the operator's own choice; literal private
    targets are refused all the same.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        from twisted.internet import reactor

        self._guard: Guard = crawler.settings["COPYTASTER_GUARD"]
        self._own_guard: OwnGuard = crawler.settings["COPYTASTER_OWN_GUARD"]
        self._verdicts: dict[str, Rejected] = {}
        self._endpoints, self._own_endpoints = (self._guarded(reactor, each) for each in (self._guard, self._own_guard))
        # Apart, for a kept connection is not looked at again.
        self._own_pool = HTTPConnectionPool(reactor, persistent=False)  # type: ignore[no-untyped-call]
        self._pool.maxPersistentPerHost = crawler.settings["COPYTASTER"].crawl.concurrency  # behind a proxy all hosts are one
        self._pending: set[Any] = set()

    def _guarded(self, reactor: Any, guard: Guard) -> "_GuardedEndpoints":
        return _GuardedEndpoints(
            _GuardedReactor(reactor, _GuardedResolver(reactor, guard, self._verdicts)),
            self._contextFactory,
            self._crawler.settings.getfloat("DOWNLOAD_TIMEOUT"),
        )

    def _way(self, request: Request) -> "tuple[_GuardedEndpoints, HTTPConnectionPool]":
        """How a request may leave: the heartbeat's to our own page and nowhere else, all others to what is public."""
        if request.meta["source"].id == heartbeat.SOURCE:
            place = urlsplit(request.url)
            self._own_guard.check_place(place.hostname or "", place.port or (443 if place.scheme == "https" else 80))
            return self._own_endpoints, self._own_pool
        self._guard.check_literal(host_of(request.url))
        return self._endpoints, self._pool

    async def download_request(self, request: Request) -> Response:
        host = host_of(request.url)
        endpoints, pool = self._way(request)
        agent = _GuardedAgent(
            endpoints=endpoints,
            contextFactory=self._contextFactory,
            connectTimeout=self._crawler.settings.getfloat("DOWNLOAD_TIMEOUT"),
            pool=_LastLook(pool, lambda: self._leaves(host)),
            maxsize=self._default_maxsize,
            fail_on_dataloss=self._fail_on_dataloss,
            crawler=self._crawler,
        )
        self._verdicts.pop(host, None)
        pending = agent.download_request(request)
        self._pending.add(pending)
        try:
            with wrap_twisted_exceptions():
                return await maybe_deferred_to_future(pending)
        except Exception:
            if verdict := self._verdicts.pop(host, None):
                raise verdict from None
            raise
        finally:
            self._pending.discard(pending)

    def _leaves(self, host: str) -> None:
        admission = self._crawler.get_downloader_middleware(AdmissionMiddleware)
        if admission is not None and not admission.may_go(host):
            raise HostBusyError(host)
        self._count_delay(host, ROUNDS_TO_WRITE)

    def _count_delay(self, host: str, rounds: int) -> None:
        """The delay to the next request counts from now, and anew in each of so many rounds of the loop.

        On a busy machine a round began 0.75 s after the one before, so that the next request came after 0.25 s and not 1.
        """
        if self._crawler.engine and (slot := self._crawler.engine.downloader.slots.get(host)):
            slot.lastseen = time.monotonic()
        if rounds:
            asyncio.get_running_loop().call_later(0, self._count_delay, host, rounds - 1)

    async def close(self) -> None:
        for pending in list(self._pending):
            pending.cancel()
        await super().close()


class _LastLook:
    """The pool of connections, with one look more before a request is written to the one it got."""

    def __init__(self, pool: HTTPConnectionPool, look: Callable[[], None]) -> None:
        self._pool, self._look = pool, look
        self.persistent = pool.persistent

    def getConnection(self, key: Any, endpoint: Any) -> Any:  # noqa: N802  the pool's name
        return self._pool.getConnection(key, endpoint).addCallback(self._checked)

    def _checked(self, connection: Any) -> Any:
        try:
            self._look()
        except Exception:
            getattr(connection, "_clientProtocol", connection).abort()  # one that was kept is wrapped
            raise
        return connection


class _GuardedAgent(_ScrapyAgent):
    def __init__(self, *, endpoints: "_GuardedEndpoints", **rest: Any) -> None:
        super().__init__(**rest)
        self._endpoints = endpoints

    def _get_agent(self, request: Request, timeout: float) -> Agent:
        if request.meta.get("proxy"):
            return super()._get_agent(request, timeout)
        from twisted.internet import reactor

        agent: Agent = Agent.usingEndpointFactory(reactor, self._endpoints, self._pool)  # type: ignore[no-untyped-call]
        return agent


@implementer(IAgentEndpointFactory)
class _GuardedEndpoints:
    """As Twisted's standard factory, but over a reactor whose name resolver is guarded."""

    def __init__(self, reactor: "_GuardedReactor", policy: Any, timeout: float) -> None:
        self._reactor, self._policy, self._timeout = reactor, policy, timeout

    def endpointForURI(self, uri: URI) -> Any:  # noqa: N802  the interface's name
        endpoint = HostnameEndpoint(self._reactor, uri.host.decode("ascii"), uri.port, timeout=self._timeout)
        if uri.scheme == b"http":
            return endpoint
        if uri.scheme == b"https":
            return wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), endpoint)  # type: ignore[arg-type]
        raise SchemeNotSupported(f"Only http and https are fetched, not {uri.scheme!r}.")


@implementer(IReactorPluggableNameResolver)
class _GuardedReactor:
    """The reactor in everything but the resolver: a proxy's own name goes through the plain one."""

    def __init__(self, reactor: Any, resolver: "_GuardedResolver") -> None:
        self._reactor = reactor
        self.nameResolver = resolver  # the interface's name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@implementer(IHostnameResolver)
class _GuardedResolver:
    def __init__(self, reactor: Any, guard: Guard, verdicts: dict[str, Rejected]) -> None:
        self._reactor, self._guard, self._verdicts = reactor, guard, verdicts

    def resolveHostName(  # noqa: N802  the interface's name
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type[Any]] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> Any:
        receiver = _GuardedReceiver(resolutionReceiver, hostName, self._guard, self._verdicts)
        return self._reactor.nameResolver.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


@implementer(IResolutionReceiver)
class _GuardedReceiver:
    """Passes a host's addresses on when all of them are public: one private among them is an attack or a mistake."""

    def __init__(self, inner: Any, host: str, guard: Guard, verdicts: dict[str, Rejected]) -> None:
        self._inner, self._host, self._guard, self._verdicts = inner, host, guard, verdicts
        self._addresses: list[Any] = []

    def resolutionBegan(self, resolution: IHostResolution) -> None:  # noqa: N802
        self._inner.resolutionBegan(resolution)

    def addressResolved(self, address: IAddress) -> None:  # noqa: N802
        self._addresses.append(address)

    def resolutionComplete(self) -> None:  # noqa: N802
        try:
            for address in self._addresses:
                self._guard.check_address(address.host, self._host)
        except Rejected as verdict:
            self._verdicts[self._host] = verdict
        else:
            for address in self._addresses:
                self._inner.addressResolved(address)
        self._inner.resolutionComplete()
