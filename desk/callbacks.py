"""What others call: readers who unsubscribe with one click (RFC 8058), WebSub hubs, and Alertmanager.

It owns the order of checks; only a POST ever changes anything for a reader, for mail scanners follow every link.
"""

from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from copytaster.errors import Rejected
from copytaster.store import Tx, deliveries, messages, watches
from copytaster.watches import ChannelId, WatchId, without_secrets
from desk import alertmanager
from desk.serving import Web
from workers import websub
from workers.notifiers import unsubscribe

MOST_FORM_BYTES = 4_096
MOST_NEWS_BYTES = 5_000_000


def add(app: FastAPI, web: Web) -> None:
    _add_unsubscribe(app, web)
    _add_websub(app, web)
    _add_alertmanager(app, web)


async def body_within(chunks: AsyncIterator[bytes], most: int) -> bytes | None:
    """The body, or None where it is longer: the rest is not read."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)


# -- unsubscribing ----------------------------------------------------------------------------------------------------


def _add_unsubscribe(app: FastAPI, web: Web) -> None:
    @app.get("/unsubscribe/{token}")
    def ask(token: str) -> Response:
        try:
            return web.page("unsubscribe.html", what=_what(web, token))
        except Rejected as error:
            return _unknown(web, error)

    @app.post("/unsubscribe/{token}")
    async def act(token: str, request: Request) -> Response:
        body = await body_within(request.stream(), MOST_FORM_BYTES) or b""
        if b"List-Unsubscribe" not in body or b"One-Click" not in body:
            return web.page(
                "message.html", 400, title="Nothing was changed", text="Press the button on the page of this address."
            )
        return await run_in_threadpool(_act, web, token)


def _act(web: Web, token: str) -> Response:
    try:
        what = _what(web, token)
        channel_id, watch_id = unsubscribe.read(web.secret, token)
    except Rejected as error:
        return _unknown(web, error)
    with web.store.write() as tx:
        stop(tx, channel_id, watch_id)
    return web.page("message.html", title="Done", text=f"{what} No more mails; what waited to be sent was taken back.")


def stop(tx: Tx, channel_id: ChannelId, watch_id: WatchId | None) -> None:
    """Safe to repeat: a mail program may post twice."""
    if watch_id:
        watches.unsubscribe(tx, channel_id, watch_id)
    else:
        watches.disable(tx, channel_id, "unsubscribed by its reader")
        for message_id in messages.fail_waiting(tx, channel_id, "unsubscribed by its reader"):
            deliveries.settle(tx, message_id, "cancelled")
    deliveries.cancel_channel(tx, channel_id, watch_id)


def _what(web: Web, token: str) -> str:
    """What a token stops, in a sentence; raises Rejected for one that stops nothing that we know."""
    channel_id, watch_id = unsubscribe.read(web.secret, token)
    with web.store.read() as tx:
        channel = watches.by_ids(tx, [channel_id]).get(channel_id)
        watch = watches.get(tx, watch_id) if watch_id else None
    if channel is None:
        raise Rejected("bad_token", "This unsubscribe link belongs to an address that is not told anything any more.")
    place = without_secrets(channel.url, mailbox=False)
    if watch_id is None:
        return f"All alerts to {place}."
    return f"Alerts for “{watch.name[:200] if watch else 'a watch that was removed'}” to {place}."


def _unknown(web: Web, error: Rejected) -> Response:
    return web.page("message.html", 404, title="Unknown link", text=str(error))


# -- WebSub -----------------------------------------------------------------------------------------------------------


def _add_websub(app: FastAPI, web: Web) -> None:
    @app.get("/websub/{endpoint_id}/{key}")
    def verify(endpoint_id: str, key: str, request: Request) -> Response:
        with web.store.write() as tx:
            row = websub.known(tx, endpoint_id, key)
            if row is None:
                return PlainTextResponse("unknown", 404)
            try:
                return PlainTextResponse(websub.confirm(tx, row, request.query_params))
            except Rejected as error:
                return PlainTextResponse(str(error), 200 if error.reason == "denied" else 404)

    @app.post("/websub/{endpoint_id}/{key}")
    async def receive(endpoint_id: str, key: str, request: Request) -> Response:
        try:
            body = await body_within(request.stream(), MOST_NEWS_BYTES)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return PlainTextResponse("too big", 413)
        signature = request.headers.get("x-hub-signature")
        return await run_in_threadpool(_receive, web, endpoint_id, key, body, signature)


def _receive(web: Web, endpoint_id: str, key: str, body: bytes, signature: str | None) -> Response:
    """A wrong signature is answered like a right one: who guesses must not learn."""
    with web.store.write() as tx:
        row = websub.known(tx, endpoint_id, key)
        if row is None:
            return Response(status_code=410)
        websub.receive(tx, row, body, signature)
    return Response(status_code=202)


# -- Alertmanager -----------------------------------------------------------------------------------------------------


def _add_alertmanager(app: FastAPI, web: Web) -> None:
    @app.post("/alertmanager")
    async def told(request: Request) -> Response:
        wanted = web.config.operator
        if not alertmanager.authorized(request.headers.get("authorization"), wanted.token):
            return PlainTextResponse("operator.token is missing or another one", 401, {"www-authenticate": "Bearer"})
        try:
            body = await body_within(request.stream(), alertmanager.MOST_BYTES)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return PlainTextResponse("too big", 413)
        return await run_in_threadpool(_tell_operator, web, body)


def _tell_operator(web: Web, body: bytes) -> Response:
    """Where nobody can be told Alertmanager must learn it: it logs the answer and counts a failure."""
    if not web.config.operator.to:
        return PlainTextResponse("operator.to names nobody who could be told", 409)
    try:
        news = alertmanager.read(body)
    except Rejected as error:
        return PlainTextResponse(str(error), 400)
    try:
        with web.store.write() as tx:
            alertmanager.tell(tx, news, web.config.operator.to)
    except Rejected as error:
        return PlainTextResponse(str(error), 409)
    return Response(status_code=202)
