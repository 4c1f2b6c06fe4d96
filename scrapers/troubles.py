"""What went wrong below HTTP, as a verdict: it reads the exceptions of Scrapy, Twisted and OpenSSL, and nothing else does."""

from collections.abc import Iterator

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
)

from copytaster.errors import Rejected, Transient
from scrapers.settings import MAX_PAGE_BYTES
from scrapers.verdicts import Refuse, Retry


def verdict_of(error: Exception, url: str) -> Retry | Refuse:
    """One clear reason and sentence for an exception of the downloader."""
    if isinstance(error, Rejected):
        return Refuse(error.reason, str(error))
    if isinstance(error, Transient):  # robots.txt can't be had
        return Retry("robots", str(error), error.retry_after)
    if isinstance(error, CannotResolveHostError):
        return Retry("dns", f"{url}: its host name has no address; check its spelling or the name server.")
    if isinstance(error, DownloadTimeoutError):
        return Retry("timeout", f"{url} gave no whole answer in time.")
    if isinstance(error, DownloadConnectionRefusedError):
        return Retry("connection", f"{url} refuses the connection.")
    if isinstance(error, DownloadCancelledError):
        return Refuse("too_big", f"{url} is larger than {MAX_PAGE_BYTES // 1_000_000} MB, so it is not read.")
    if any(_is_tls(cause) for cause in _causes(error)):
        return Retry("tls", f"{url}: the secure connection fails ({_first_line(error)}); its certificate may be wrong.")
    return Retry("connection", f"{url}: the connection breaks ({_first_line(error)}).")


def _is_tls(error: BaseException) -> bool:
    module = type(error).__module__
    return module.startswith(("OpenSSL", "service_identity", "ssl"))


def _causes(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """The exception, what caused it, and the failures that Twisted packs into one (``ResponseFailed.reasons``)."""
    yield error
    if depth > 4:
        return
    for reason in getattr(error, "reasons", None) or ():
        yield from _causes(getattr(reason, "value", reason), depth + 1)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__, depth + 1)


def _first_line(error: BaseException) -> str:
    deepest = list(_causes(error))[-1]
    text = str(deepest).strip() or type(deepest).__name__
    return text.split("\n")[0][:200]
