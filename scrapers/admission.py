"""At the border of Scrapy: no request goes out to a host whose lease we do not hold, wherever a redirect leads.

It must not know how leases are had; the spider connects it to the crawl, which does.
"""

from collections.abc import Awaitable, Callable

from scrapy import Request
from scrapy.http import Response

from copytaster.urls import host_of


class HostBusyError(Exception):
    """Another crawler holds the host; the work is not to be counted as tried."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is being read by another crawler.")
        self.host = host


class AdmissionMiddleware:
    """``admit`` comes back when the host may be asked or raises HostBusyError; ``leave`` is told of the end of each request.

    Between the two a request waits for its host's delay and for a connection; ``may_go`` is asked when it has both, for
    the process may have been stopped meanwhile and the lease may be another's.
    """

    def __init__(self) -> None:
        self.admit: Callable[[str, int], Awaitable[None]] = _nobody_holds_any
        self.may_go: Callable[[str], bool] = lambda _: True
        self.leave: Callable[[str, int], None] = lambda *_: None

    async def process_request(self, request: Request) -> None:
        await self.admit(host_of(request.url), id(request))

    def process_response(self, request: Request, response: Response) -> Response:
        self.leave(host_of(request.url), id(request))
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:  # noqa: ARG002  the signature is Scrapy's
        self.leave(host_of(request.url), id(request))


async def _nobody_holds_any(_host: str, _request: int) -> None:
    return
