"""Standard Webhooks: the frozen payload, signed, to an address that is checked at connect.

It owns signatures and what an answer's status means; it must not know the schedule, nor what a payload says.
"""

import base64
import datetime as dt
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from copytaster import heartbeat, outbound
from copytaster.errors import Rejected, Transient
from copytaster.guard import OwnGuard
from copytaster.watches import Message
from workers.notifiers import payload
from workers.notifiers.port import Gone, Outbox, Receipt, notifier

if TYPE_CHECKING:
    import httpx

TOTAL_SECONDS = 15.0
MAX_ANSWER_BYTES = 65_536
_PREFIX = "whsec_"


@notifier("http", "https")
class Webhook:
    """POSTs to ``http:`` and ``https:`` channels, over connections that are kept within a process."""

    def __init__(self, outbox: Outbox, *, clock: Callable[[], float] = time.time) -> None:
        self._guard = outbox.guard
        self._own_guard = OwnGuard(outbox.heartbeat_url)
        self._clock = clock
        self._client: httpx.Client | None = None
        self._own_client: httpx.Client | None = None  # apart, for a kept connection is not looked at again

    def send(self, message: Message) -> Receipt:
        """One attempt: 2xx is taken, 410 is ``Gone``, and all else (a redirect too) is tried again."""
        body = payload.encode(message.payload)
        stamp = int(self._clock())
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "webhook-id": message.id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(message.channel.secret, message.id, stamp, body),
        }
        client = self._own() if message.channel.id == heartbeat.CHANNEL else self._theirs()
        return judge(self._post(client, message.channel.url, body, headers), now=float(stamp))

    def check(self, url: str) -> None:
        """The address is one that may be reached; a name that has no address yet is told too."""
        try:
            self._guard.check_url(url)
        except Rejected as error:
            raise Rejected("bad_channel", str(error)) from None

    def close(self) -> None:
        """Close the connections that were kept."""
        for each in (self._client, self._own_client):
            if each:
                each.close()
        self._client = self._own_client = None

    def _theirs(self) -> "httpx.Client":
        self._client = self._client or outbound.client(self._guard, timeout=TOTAL_SECONDS)
        return self._client

    def _own(self) -> "httpx.Client":
        self._own_client = self._own_client or outbound.client(self._own_guard, timeout=TOTAL_SECONDS)
        return self._own_client

    def _post(self, client: "httpx.Client", url: str, body: bytes, headers: Mapping[str, str]) -> outbound.Fetched:
        try:
            return outbound.send(
                client,
                "POST",
                url,
                content=body,
                headers=headers,
                max_seconds=TOTAL_SECONDS,
                max_bytes=MAX_ANSWER_BYTES,
            )
        except Rejected as error:
            # Not for good: a name server's bad hour, a captive portal, an address that the operator will allow.
            raise Transient(str(error)) from error


def sign(secrets: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature``: one for each of the space-separated secrets, so that a key can be changed in use."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(_key(secret), content, hashlib.sha256) for secret in secrets.split() or [""])
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def judge(answer: outbound.Fetched, *, now: float) -> Receipt:
    """What a receiver's answer means; its body is never shown, for it may hold what is not ours."""
    status = answer.status
    if 200 <= status < 300:
        return Receipt(f"HTTP {status}")
    if status == 410:
        raise Gone("The receiver answered 410 Gone: it wants no more messages; add the channel again to go on.")
    if 300 <= status < 400:
        raise Transient(f"The receiver answered {status}, a redirect, which is not followed; give the final address.")
    wait = retry_after(answer.headers.get("retry-after"), now=now)
    raise Transient(f"The receiver answered {status} instead of 2xx.", retry_after=wait)


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds of a ``Retry-After`` in either form, 0 to a day; ``None`` where it can't be read."""
    if not value:
        return None
    try:
        seconds = float(value) if value.strip().isascii() and value.strip().isdigit() else _until(value) - now
    except (ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), 86_400.0)


def _until(value: str) -> float:
    moment = parsedate_to_datetime(value)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _key(secret: str) -> bytes:
    """The bytes of a ``whsec_`` secret, or of bare base64; padding may be left out."""
    bare = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except ValueError:  # binascii.Error is one
        key = b""
    if not key:
        raise Rejected("bad_secret", "The webhook's secret is not base64; write it as whsec_ and the base64 of 24 bytes.")
    return key
