"""How often one caller may ask the web page: so many requests in a minute, counted by address. It must not know the routes."""

import ipaddress
import math
import time

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

NOT_LIMITED = ("/health/", "/heartbeat/")  # whoever restarts us must hear the truth; the second looks at its callers itself


class Limiter:
    """One for each process that serves the page. This machine itself is not limited."""

    def __init__(self, per_minute: int) -> None:
        self._most = RateLimitItemPerMinute(per_minute)
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage())

    def wait_seconds(self, request: Request) -> int:
        """0: it may go on, and is counted; else when to come back."""
        who = caller(request.client.host if request.client else "")
        if not who or request.url.path.startswith(NOT_LIMITED) or self._counted.hit(self._most, who):
            return 0
        return max(math.ceil(self._counted.get_window_stats(self._most, who).reset_time - time.time()), 1)


def caller(address: str) -> str:
    """Who asks: an IPv4 address, or the network of an IPv6 one, for each home has 2⁶⁴ of those; empty: this machine."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(read, ipaddress.IPv6Address):
        if read.ipv4_mapped is None:
            return "" if read.is_loopback else str(ipaddress.IPv6Network((int(read), 64), strict=False))
        read = read.ipv4_mapped
    return "" if read.is_loopback else str(read)
