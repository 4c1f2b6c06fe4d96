"""WebSub's pure parts: hub and topic, the subscription form, the hub's questions and the proof of what it sends.

It owns the protocol's names; it must not send, store or know the time.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from copytaster.errors import Rejected
from scrapers.discovery.feed import FeedDocument
from scrapers.resolving import http_only

LEASE_SECONDS = 10 * 86_400
MAX_LEASE_SECONDS = 30 * 86_400
_METHODS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*!#$&+.^`|~-]+\s*(?:=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)

Mode = Literal["subscribe", "unsubscribe"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Where a topic's hub is; both absolute."""

    hub: str
    topic: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer to a hub's question: echo ``challenge`` with 200; the lease is what the hub granted."""

    challenge: str
    mode: Mode
    lease_seconds: int


def offer_of(document: FeedDocument | None, link_header: str | None, url: str) -> Offer | None:
    """What a feed offers: its Link headers before the document, as the specification orders; ``None`` for no hub.

    A document that names a hub but not itself stands for the address that it was fetched from.
    """
    rels = dict(_rels(link_header or ""))
    hub = rels.get("hub") or (document.hub if document else None)
    topic = rels.get("self") or (document.topic if document else None)
    place = http_only(hub, url) if hub else None
    return Offer(place, http_only(topic or url, url) or url) if place else None


def request_form(
    offer: Offer, callback: str, secret: str, *, mode: Mode = "subscribe", lease_seconds: int = LEASE_SECONDS
) -> dict[str, str]:
    """The form to POST to the hub. ``callback`` must be one that nobody guesses; ``secret`` under 200 bytes."""
    if len(secret.encode()) >= 200:
        raise Rejected("bad_input", "A WebSub secret must be shorter than 200 bytes.")
    form = {"hub.mode": mode, "hub.topic": offer.topic, "hub.callback": callback}
    if mode == "subscribe":
        form |= {"hub.lease_seconds": str(lease_seconds), "hub.secret": secret}
    return form


def verify_intent(query: Mapping[str, str], *, topic: str, wanted: Mode | None) -> Verified:
    """Judge the hub's question (its query parameters): did we really ask for this mode of this topic?

    Raises ``Rejected("not_asked")``; answer that with 404. A ``denied`` raises ``Rejected("denied")``.
    """
    mode, challenge = query.get("hub.mode", ""), query.get("hub.challenge", "")
    if query.get("hub.topic") != topic:
        raise Rejected("not_asked", "The hub asks about a topic that this callback does not stand for.")
    if mode == "denied":
        raise Rejected("denied", f"The hub denied the subscription: {query.get('hub.reason') or 'no reason given'}.")
    if wanted is None or mode != wanted or not challenge:
        raise Rejected("not_asked", f"The hub asks to confirm {mode or 'nothing'!r}, which was not asked of it.")
    return Verified(challenge, wanted, _lease(query.get("hub.lease_seconds", "")))


def is_genuine(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether ``X-Hub-Signature`` (``sha256=…``) proves that the body comes from who knows the secret.

    One that does not must be answered with 2xx and dropped, by the specification: a 4xx would tell an attacker.
    """
    method, equals, given = (signature or "").strip().partition("=")
    make = _METHODS.get(method.strip().lower())
    if make is None or not equals:
        return False
    expected = hmac.new(secret.encode(), body, make).hexdigest()
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode("utf-8", "replace"))


def _rels(header: str) -> Iterator[tuple[str, str]]:
    """(rel, target) of each link of a Link header, the first of each rel last, so that ``dict`` keeps it."""
    found = []
    for link in _LINK.finditer(header[:16_384]):
        if rel := _REL.search(link[2]):
            found += [(name, link[1].strip()) for name in (rel[1] or rel[2] or "").lower().split()]
    yield from reversed(found)


def _lease(text: str) -> int:
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else LEASE_SECONDS
    return min(max(seconds, 60), MAX_LEASE_SECONDS)
