"""Signed tokens that let a reader of a mail stop it with one click, with no account and no login.

It owns their form; it must not know what stopping does: that is the web page's, and only its POST acts (scanners GET).
"""

import base64
import binascii
import hashlib
import hmac

from copytaster.errors import Rejected
from copytaster.watches import ChannelId, WatchId

_PURPOSE = b"copytaster unsubscribe 1\n"  # the same secret never signs the same bytes for another purpose
_MAC_BYTES = 16


def make(secret: str, channel_id: ChannelId, watch_id: WatchId | None) -> str:
    """A token for one watch on one channel, or (``None``) for all that goes to the channel. It does not expire."""
    body = f"{channel_id}\n{watch_id or ''}".encode()
    return base64.urlsafe_b64encode(_mac(secret, body) + body).rstrip(b"=").decode()


def read(secret: str, token: str) -> tuple[ChannelId, WatchId | None]:
    """What a token was made for. Raises ``Rejected("bad_token")`` for all that ``make`` did not make."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _bad() from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, body)):
        raise _bad()
    channel_id, _, watch_id = body.decode().partition("\n")
    return ChannelId(channel_id), WatchId(watch_id) if watch_id else None


def link(public_url: str | None, secret: str, channel_id: ChannelId, watch_id: WatchId | None) -> str | None:
    """The address that a mail carries; ``None`` where the server has no public one."""
    return f"{public_url.rstrip('/')}/unsubscribe/{make(secret, channel_id, watch_id)}" if public_url else None


def _mac(secret: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), _PURPOSE + body, hashlib.sha256)[:_MAC_BYTES]


def _bad() -> Rejected:
    return Rejected("bad_token", "This unsubscribe link is not valid; use the one in the newest mail, whole.")
