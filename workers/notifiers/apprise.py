"""Every other way to tell somebody (chats, phones, tickets): the notifier of all URLs that Apprise reads.

It owns how Apprise is held: checked connections, bounded time, its log as the reason; it must not know its services.
"""

import logging
import math
import re
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from copytaster.errors import Permanent, Rejected, Transient
from copytaster.watches import Message
from workers.notifiers import render
from workers.notifiers.leash import leashed
from workers.notifiers.port import ANY_SCHEME, Gone, Outbox, Receipt, notifier
from workers.notifiers.webhook import retry_after

TOTAL_SECONDS = 15.0
PAUSES_SECONDS = 8.0  # what the pauses between the pieces of a long message may take together
_SPACE = re.compile(r"\s+")


@notifier(ANY_SCHEME)
class Apprise:
    """Title and text of a message to any service that Apprise knows."""

    def __init__(self, outbox: Outbox) -> None:
        self._guard = outbox.guard

    def send(self, message: Message) -> Receipt:
        """One attempt; Apprise itself only says yes or no, so each no is tried again, but for an HTTP answer of 410."""
        service = _service(message.channel.url, Permanent)
        title, body = render.plain(message.payload)
        _pace(service, len(body))
        with leashed(self._guard, _host(service), seconds=TOTAL_SECONDS) as leash:
            began = time.monotonic()
            sent, reason = _notify(service, title, body)
        if leash.refusal:
            raise Transient(str(leash.refusal))
        if not sent:
            raise _failure(f"{service.service_name} did not take the message: {reason or 'it gave no reason'}.", leash.answered)
        return Receipt(f"sent by {service.service_name}", time.monotonic() - began)

    def check(self, url: str) -> None:
        """Apprise reads the URL, and its host, where it names one, may be reached."""
        service = _service(url, lambda sentence: Rejected("bad_channel", sentence))
        host = _host(service)
        try:
            if host:
                self._guard.addresses(host, 443)
        except Rejected as error:
            raise Rejected("bad_channel", str(error)) from None

    def close(self) -> None:
        """Nothing is kept open."""


def _failure(sentence: str, answered: tuple[int, str | None] | None) -> Exception:
    """By the last answer that was seen on the wire. A 404 or 401 may be a service's bad hour, so only 410 ends it."""
    status, wait = answered or (0, None)
    if status == 410:
        return Gone(f"{sentence} It answered 410 Gone: it wants no more messages.")
    return Transient(sentence, retry_after=retry_after(wait, now=time.time()))


def _service(url: str, failure: Callable[[str], Exception]) -> Any:
    """Apprise's own object for a URL; redirects are off unless the URL asks, and then each hop is checked."""
    apprise = _library()
    # No timeout of Apprise's own: it would send from a pool whose threads outlive the leash (2.2: for 60 s).
    asset = apprise.AppriseAsset(app_id="copytaster", http_redirects=False, async_mode=False, service_timeout=0)
    with _log(logging.ERROR):
        service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        scheme = url.partition(":")[0][:20]
        raise failure(f"Apprise can't read this {scheme}: address; see its documentation of {scheme}:// for the form.")
    service.service_retry = 0  # when to try again is the schedule's to say, not the URL's
    if "overflow=" not in url:
        service.overflow_mode = apprise.OverflowMode.SPLIT  # what is too long for one message goes in several
    return service


def _pace(service: Any, length: int) -> None:
    """Shorten the pauses that Apprise makes between pieces, so that a long digest ends within its lease."""
    pieces = math.ceil(length / max(service.body_maxlen, 1))
    service.request_rate_per_sec = min(service.request_rate_per_sec, PAUSES_SECONDS / pieces)


def _notify(service: Any, title: str, body: str) -> tuple[bool, str]:
    """Whether it was sent, and the last word of Apprise's log."""
    apprise = _library()
    sender = apprise.Apprise([service])
    with _log(logging.WARNING) as log:
        sent = bool(sender.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT))
        lines = [line for line in log.getvalue().splitlines() if line.strip()]
    return sent, _SPACE.sub(" ", lines[-1]).rstrip(".")[:200] if lines else ""


def _log(level: int) -> Any:
    """What Apprise says within a block, and nobody else hears: it prints tokens in some of its debug lines."""
    return _library().LogCapture(level=level, fmt="%(message)s")


@lru_cache(maxsize=1)
def _library() -> Any:
    """Apprise with all its services loaded, once; some of them import modules that Python 3.11 warns about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    return apprise


def _host(service: Any) -> str | None:
    """The host that the URL names, for services that are not one fixed place."""
    host = getattr(service, "host", None)
    return host if isinstance(host, str) and host else None
