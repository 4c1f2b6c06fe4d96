"""Subscriptions, against a real hub on loopback: asked for, confirmed, renewed, and what a hub sends wakes the endpoint."""

import asyncio
import datetime as dt
import hashlib
import hmac
import threading
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from copytaster.config import Config
from copytaster.guard import Guard
from copytaster.outbound import client as outbound_client
from copytaster.store import sources
from copytaster.store.schema import hosts as host_table
from desk.serving import Web
from desk.web import make_app
from tests.desk import news_world as world
from workers import websub

PUBLIC = "https://desk.example.org"


class Hub:
    """Takes subscription requests and keeps their forms; ``status`` is what it answers."""

    def __init__(self, server):
        self.url, self.forms, self.status = server.url_for("/hub"), [], 202
        self._lock = threading.Lock()
        server.expect_request("/hub", method="POST").respond_with_handler(self._take)

    def _take(self, request):
        with self._lock:
            self.forms.append({name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()})
        return Response("taken", self.status)


@pytest.fixture
def hub():
    with HTTPServer(host="127.0.0.1") as server:
        yield Hub(server)


@pytest.fixture
def http():
    with outbound_client(Guard(("127.0.0.0/8",))) as made:
        yield made


@pytest.fixture
def endpoint(store, hub):
    return offering(store, "gazette", hub.url)


def offering(store, name, hub_url):
    source_id, endpoint_id = world.add_source(store, name)
    with store.write() as tx:
        later = tx.now + dt.timedelta(hours=6)
        sources.note_reading(tx, endpoint_id, {"hub": hub_url, "topic": f"https://{name}.example/feed", "due_at": later})
        tx.conn.execute(host_table.update().where(host_table.c.host == f"{name}.example").values(due_at=later))
    return source_id, endpoint_id


def row_of(store, endpoint_id):
    with store.read() as tx:
        return sources.endpoint(tx, endpoint_id)


def ask(store, tmp_path, method, path, **more):
    app = make_app(Web(Config(data_dir=tmp_path, web={"public_url": PUBLIC}), store, lambda _stage: 0, "secret"))

    async def send():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as browser:
            return await browser.request(method, path, **more)

    return asyncio.run(send())


def question(form, **changes):
    return {
        "hub.mode": "subscribe",
        "hub.topic": form["hub.topic"],
        "hub.challenge": "c-1",
        "hub.lease_seconds": "864000",
    } | changes


def confirm(store, tmp_path, form, **changes):
    path = urlsplit(form["hub.callback"]).path
    return ask(store, tmp_path, "GET", path, params=question(form, **changes))


def news(store, tmp_path, form, body=b"<rss/>", secret=None):
    signature = "sha256=" + hmac.new((secret or form["hub.secret"]).encode(), body, hashlib.sha256).hexdigest()
    return ask(store, tmp_path, "POST", urlsplit(form["hub.callback"]).path, content=body, headers={"x-hub-signature": signature})


def test_a_hub_is_asked_with_topic_callback_lease_and_secret(store, http, hub, endpoint):
    assert websub.subscribe_due(store, http, PUBLIC) == 1
    [form] = hub.forms
    assert form["hub.mode"] == "subscribe"
    assert form["hub.topic"] == "https://gazette.example/feed"
    assert form["hub.callback"].startswith(f"{PUBLIC}/websub/{endpoint[1]}/")
    assert form["hub.secret"] == row_of(store, endpoint[1]).websub_secret


def test_a_confirmed_subscription_is_left_alone_until_a_day_before_its_end(store, http, hub, endpoint, tmp_path, fake_clock):
    websub.subscribe_due(store, http, PUBLIC)
    answer = confirm(store, tmp_path, hub.forms[0])
    assert (answer.status_code, answer.text) == (200, "c-1")
    assert row_of(store, endpoint[1]).websub_until == fake_clock.now + dt.timedelta(days=10)
    fake_clock.advance(8.9 * 86_400)
    assert websub.subscribe_due(store, http, PUBLIC) == 0
    fake_clock.advance(0.2 * 86_400)
    assert websub.subscribe_due(store, http, PUBLIC) == 1
    assert hub.forms[0]["hub.callback"] == hub.forms[1]["hub.callback"]


def test_a_hub_that_refuses_is_asked_again_after_half_an_hour_and_not_before(store, http, hub, endpoint, fake_clock):
    hub.status = 503
    assert websub.subscribe_due(store, http, PUBLIC) == 0
    fake_clock.advance(60)
    websub.subscribe_due(store, http, PUBLIC)
    assert len(hub.forms) == 1
    fake_clock.advance(1800)
    websub.subscribe_due(store, http, PUBLIC)
    assert len(hub.forms) == 2
    assert endpoint


def test_one_dead_hub_holds_up_no_other(store, http, hub, endpoint):
    offering(store, "herald", "http://127.0.0.1:1/hub")
    assert websub.subscribe_due(store, http, PUBLIC) == 1
    assert endpoint


def test_a_hub_at_a_private_address_is_never_asked(store, hub, endpoint):
    with outbound_client(Guard(())) as strict:
        assert websub.subscribe_due(store, strict, PUBLIC) == 0
    assert hub.forms == []
    assert endpoint


def test_what_a_paused_source_offers_is_not_subscribed_to(store, http, hub, endpoint):
    with store.write() as tx:
        sources.set_state(tx, endpoint[0], "paused")
    assert websub.subscribe_due(store, http, PUBLIC) == 0


@pytest.mark.parametrize(
    "change", [{"hub.topic": "https://other.example/feed"}, {"hub.mode": "unsubscribe"}, {"hub.challenge": ""}, {"hub.mode": "x"}]
)
def test_a_question_about_what_we_did_not_ask_is_answered_404(store, http, hub, endpoint, tmp_path, change):
    websub.subscribe_due(store, http, PUBLIC)
    assert confirm(store, tmp_path, hub.forms[0], **change).status_code == 404
    assert row_of(store, endpoint[1]).websub_until is None


def test_a_callback_that_was_guessed_is_unknown(store, http, hub, endpoint, tmp_path):
    websub.subscribe_due(store, http, PUBLIC)
    guessed = f"/websub/{endpoint[1]}/{'0' * 24}"
    assert ask(store, tmp_path, "GET", guessed, params=question(hub.forms[0])).status_code == 404
    assert ask(store, tmp_path, "POST", guessed, content=b"x").status_code == 410


def test_a_denied_subscription_is_noted_and_tried_later(store, http, hub, endpoint, tmp_path):
    websub.subscribe_due(store, http, PUBLIC)
    confirm(store, tmp_path, hub.forms[0])
    assert confirm(store, tmp_path, hub.forms[0], **{"hub.mode": "denied", "hub.reason": "full"}).status_code == 200
    assert row_of(store, endpoint[1]).websub_until is None


def test_what_the_hub_sends_makes_the_endpoint_and_its_host_due_now(store, http, hub, endpoint, tmp_path, fake_clock):
    websub.subscribe_due(store, http, PUBLIC)
    assert news(store, tmp_path, hub.forms[0]).status_code == 202
    assert row_of(store, endpoint[1]).due_at == fake_clock.now
    with store.read() as tx:
        due = dict(tx.conn.execute(host_table.select().with_only_columns(host_table.c.host, host_table.c.due_at)).all())
    assert due["gazette.example"] == fake_clock.now


def test_news_with_a_wrong_signature_is_dropped_without_a_word(store, http, hub, endpoint, tmp_path, fake_clock):
    websub.subscribe_due(store, http, PUBLIC)
    assert news(store, tmp_path, hub.forms[0], secret="guess").status_code == 202
    assert row_of(store, endpoint[1]).due_at > fake_clock.now


def test_news_over_five_megabytes_is_not_read(store, http, hub, endpoint, tmp_path, fake_clock):
    websub.subscribe_due(store, http, PUBLIC)
    assert news(store, tmp_path, hub.forms[0], body=b"x" * 5_000_001).status_code == 413
    assert row_of(store, endpoint[1]).due_at > fake_clock.now


def test_news_for_a_paused_source_wakes_nothing(store, http, hub, endpoint, tmp_path):
    websub.subscribe_due(store, http, PUBLIC)
    with store.write() as tx:
        sources.set_state(tx, endpoint[0], "paused")
    assert news(store, tmp_path, hub.forms[0]).status_code == 202
    assert row_of(store, endpoint[1]).due_at is None
