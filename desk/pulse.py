"""The ends of the heartbeat's way: a feed and a page for our own crawler, and the receiver of what our own senders send.

It owns who may ask and what counts as arrived; what is between the two is the whole pipeline, of which it must know nothing.
"""

import hmac
import ipaddress
import json

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from copytaster import heartbeat
from copytaster.store import heartbeat as rows
from desk.callbacks import body_within
from desk.serving import Web
from workers.notifiers.webhook import sign

MOST_BYTES = 65_536
_SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


def add(app: FastAPI, web: Web) -> None:
    """Nothing where there is no heartbeat."""
    if web.config.heartbeat_url:
        _add_pages(app, web)
        _add_hook(app, web)


def may_ask(web: Web, request: Request) -> bool:
    """This machine alone, unless the operator says that crawler and workers are elsewhere; there is nothing secret in it."""
    if web.config.heartbeat.url:
        return True
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _add_pages(app: FastAPI, web: Web) -> None:
    @app.get(heartbeat.FEED)
    def feed(request: Request) -> Response:
        if not may_ask(web, request):
            return Response(status_code=404)
        with web.store.read() as tx:
            instant = heartbeat.instant_of(tx.now, web.config.heartbeat.every_seconds)
        return Response(heartbeat.feed(web.config.heartbeat_url, instant), media_type="application/rss+xml")

    @app.get("/heartbeat/{name}")
    def page(name: str, request: Request) -> Response:
        instant = heartbeat.beat_of(f"/heartbeat/{name}")
        if instant is None or not may_ask(web, request):
            return Response(status_code=404)
        return Response(heartbeat.page(instant), media_type="text/html")


def _add_hook(app: FastAPI, web: Web) -> None:
    @app.post(heartbeat.HOOK)
    async def receive(request: Request) -> Response:
        if not may_ask(web, request):
            return Response(status_code=404)
        try:
            body = await body_within(request.stream(), MOST_BYTES)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response(status_code=413)
        signed = [request.headers.get(name, "") for name in _SIGNED]
        return Response(status_code=await run_in_threadpool(_receive, web, signed, body))


def _receive(web: Web, signed: list[str], body: bytes) -> int:
    with web.store.write() as tx:
        secret = rows.secret(tx)
        if secret is None or not is_signed(secret, signed, body):
            return 401
        for instant in beats_in(body):
            rows.arrived(tx, instant)
    return 204


def is_signed(secret: str, signed: list[str], body: bytes) -> bool:
    """By Standard Webhooks; how old it is does not matter, for a beat that is not newer than the last tells nothing."""
    message_id, stamp, given = signed
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > len("9999999999"):
        return False
    wanted = sign(secret, message_id, int(stamp), body)
    return any(hmac.compare_digest(each.encode(), wanted.encode()) for each in given.split())


def beats_in(body: bytes) -> list[int]:
    """The instants of the heartbeat's pages among the items of a message; of what is signed by ourselves."""
    items = json.loads(body)["items"]
    found = (heartbeat.beat_of(item["article"]["url"]) for item in items)
    return [instant for instant in found if instant is not None]
