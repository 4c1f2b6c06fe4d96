"""Subscribes to the hubs that feeds offer, and takes what hubs send: a word that something is new, never the news itself.

It owns subscriptions and their renewal; the protocol's words are the scrapers', fetching is the crawler's.
"""

import datetime as dt
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from copytaster import outbound
from copytaster.errors import CopytasterError, Rejected
from copytaster.news import EndpointId
from copytaster.store import Store, Tx, leases, sources
from copytaster.store.db import Record
from scrapers.discovery import websub

if TYPE_CHECKING:
    import httpx

RENEW = dt.timedelta(days=1)  # before a subscription ends
TRY_SECONDS = 1800.0  # a hub that refused or confirmed nothing is asked again after this
BATCH = 20  # hubs asked in one round: a round is a chore of a minute
HUB_SECONDS = 5.0
FORM = {"content-type": "application/x-www-form-urlencoded"}
log = logging.getLogger("copytaster.websub")


def callback_of(public_url: str, endpoint_id: str, secret: str) -> str:
    """Where a hub reaches us about one endpoint: an address that nobody guesses."""
    return f"{public_url.rstrip('/')}/websub/{endpoint_id}/{key_of(secret)}"


def key_of(secret: str) -> str:
    return hmac.new(secret.encode(), b"copytaster websub callback 1", hashlib.sha256).hexdigest()[:24]


def subscribe_due(store: Store, client: "httpx.Client", public_url: str) -> int:
    """Asks the hubs of endpoints without a lasting subscription; returns how many took the request.

    The subscription itself begins when the hub has asked back (``confirm``).
    """
    return sum(_subscribe(client, public_url, row) for row in _claim(store))


def _claim(store: Store) -> list[Record]:
    """Whoever gets the endpoint's lease asks its hub; nobody else does until it runs out."""
    with store.read() as tx:
        ending = sources.with_hubs(tx, until=tx.now + RENEW, limit=10 * BATCH)
    if not ending:
        return []
    claimed: list[Record] = []
    with store.write() as tx:
        for row in ending:
            if len(claimed) < BATCH and leases.take(tx, f"websub/{row.id}", secrets.token_hex(8), seconds=TRY_SECONDS):
                if row.websub_secret is None:
                    sources.note_reading(tx, row.id, {"websub_secret": secrets.token_urlsafe(32)})
                claimed.append(sources.endpoint(tx, row.id) or row)
    return claimed


def _subscribe(client: "httpx.Client", public_url: str, row: Record) -> bool:
    offer = websub.Offer(row.hub, row.topic)
    form = websub.request_form(offer, callback_of(public_url, row.id, row.websub_secret), row.websub_secret)
    try:
        answer = outbound.send(client, "POST", row.hub, content=urlencode(form).encode(), headers=FORM, max_seconds=HUB_SECONDS)
    except CopytasterError as error:
        log.warning("%s stays without WebSub for now: %s", row.url, error)
        return False
    if answer.status // 100 != 2:
        said = answer.body[:200].decode("utf-8", "replace").strip()
        log.warning("%s stays without WebSub for now: its hub answers %d %s", row.url, answer.status, said)
        return False
    return True


def known(tx: Tx, endpoint_id: str, key: str) -> Record | None:
    """The endpoint that a callback stands for; None where we never gave out that address."""
    row = sources.endpoint(tx, EndpointId(endpoint_id))
    if row is None or row.websub_secret is None or not hmac.compare_digest(key_of(row.websub_secret).encode(), key.encode()):
        return None
    return row


def confirm(tx: Tx, row: Record, query: Mapping[str, str]) -> str:
    """The challenge to echo, the subscription's end noted; raises Rejected where the hub asks what we did not."""
    wanted: websub.Mode | None = "subscribe" if _live(tx, row) else "unsubscribe"
    try:
        verified = websub.verify_intent(query, topic=row.topic, wanted=wanted)
    except Rejected as error:
        if error.reason == "denied":
            log.warning("%s: %s", row.url, error)
            sources.note_reading(tx, row.id, {"websub_until": None})
        raise
    until = tx.now + dt.timedelta(seconds=verified.lease_seconds) if wanted == "subscribe" else None
    sources.note_reading(tx, row.id, {"websub_until": until})
    return verified.challenge


def receive(tx: Tx, row: Record, body: bytes, signature: str | None) -> bool:
    """Makes the endpoint due now; False where the body is not proven to come from its hub, and is dropped."""
    if not websub.is_genuine(body, signature, row.websub_secret):
        return False
    if _live(tx, row):
        sources.wake(tx, row)
    return True


def _live(tx: Tx, row: Record) -> bool:
    source = sources.get(tx, row.source_id)
    return source is not None and source.state == "active"
