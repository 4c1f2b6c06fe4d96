"""The ends of the heartbeat's way on the web page: who may ask, what they are given, and what counts as arrived."""

import datetime as dt
import json

import pytest

from copytaster import heartbeat
from copytaster.config import Config
from copytaster.store import heartbeat as rows
from desk.serving import Web
from scrapers.discovery.feeds import links_of, parse_feed
from tests.desk.test_web import SECRET, Browser, nothing_waits
from workers import heart
from workers.extraction.read import extract
from workers.notifiers.webhook import sign

BASE = "http://127.0.0.1:8750"


def made(store, folder, **settings):
    config = Config(data_dir=folder, heartbeat={"every_seconds": 300} | settings)
    heart.keep(store, config)
    return Web(config, store, nothing_waits, SECRET)


@pytest.fixture
def web(store, tmp_path):
    return made(store, tmp_path)


@pytest.fixture
def client(web):
    return Browser(web)


def alert(web, url, secret=None, stamp="1700000000"):
    with web.store.read() as tx:
        key = secret or rows.secret(tx)
    body = json.dumps({"items": [{"article": {"url": url}}]}).encode()
    signature = sign(key, "msg_1", int(stamp), body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    return {"content": body, "headers": headers}


def age(web):
    with web.store.read() as tx:
        return rows.age_seconds(tx)


def test_the_feed_names_one_page_a_beat_and_the_page_is_an_article(client, fake_clock):
    def named():
        feed = client.get(heartbeat.FEED)
        (link,) = links_of(parse_feed(feed.content, BASE + heartbeat.FEED, feed.headers["content-type"]))
        assert link.published is None
        return link.url

    first = named()
    fake_clock.advance(299)
    assert named() == first
    fake_clock.advance(1)
    assert named() != first
    page = client.get(first.removeprefix(BASE))
    assert heartbeat.WORD in extract(page.content, first, page.headers["content-type"]).text


def test_a_signed_alert_makes_the_heart_young(web, client, fake_clock):
    fake_clock.advance(900)
    at = int((fake_clock() - dt.timedelta(seconds=30)).timestamp())
    assert client.post(heartbeat.HOOK, **alert(web, f"{BASE}{heartbeat.path_of(at)}")).status_code == 204
    assert age(web) == 30


def test_what_is_not_signed_by_us_is_not_taken(web, client, fake_clock):
    fake_clock.advance(900)
    url = f"{BASE}{heartbeat.path_of(int(fake_clock().timestamp()))}"
    right = alert(web, url)
    wrong = [
        alert(web, url, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        {"content": right["content"]},
        {"content": right["content"].replace(b"items", b"itemz"), "headers": right["headers"]},
        *({**right, "headers": right["headers"] | {"webhook-timestamp": stamp}} for stamp in ("", "x", b"\xb2", "9" * 5000)),
    ]
    assert {client.post(heartbeat.HOOK, **each).status_code for each in wrong} == {401}
    assert client.post(heartbeat.HOOK, content=b"x" * 70_000).status_code == 413
    assert age(web) == 900


def test_an_alert_of_anything_else_is_no_heartbeat(web, client, fake_clock):
    fake_clock.advance(900)
    assert client.post(heartbeat.HOOK, **alert(web, "https://news.example/heartbeat/soon.html")).status_code == 204
    assert age(web) == 900


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.9", "2001:db8::1"])
def test_others_than_this_machine_are_told_nothing_unless_the_operator_says_so(store, tmp_path, peer):
    def answers(web):
        browser = Browser(web, client=(peer, 4321))
        told = [browser.get(heartbeat.FEED), browser.get(heartbeat.path_of(1_700_000_000)), browser.post(heartbeat.HOOK)]
        return [each.status_code for each in told]

    assert answers(made(store, tmp_path)) == [404, 404, 404]
    assert answers(made(store, tmp_path, url="http://127.0.0.1:8750")) == [200, 200, 401]


def test_switched_off_there_is_no_such_page(store, tmp_path):
    client = Browser(made(store, tmp_path, every_seconds=0))
    assert [client.get(path).status_code for path in (heartbeat.FEED, heartbeat.path_of(1_700_000_000))] == [404, 404]


@pytest.mark.parametrize("name", ["x.html", "1.html", "²³²³²³²³²³.html", "1700000000.html.bak", "17000000000000000000.html"])
def test_no_other_page_is_made_up(client, name):
    assert client.get(f"/heartbeat/{name}").status_code == 404


def test_page_and_metrics_tell_its_age_and_that_it_is_late(web, client, fake_clock):
    fake_clock.advance(1020)
    assert "17 min old." in client.get("/").text
    fake_clock.advance(1)
    assert "17 min old: alerts may not arrive." in client.get("/").text
    found = Web(web.config, web.store, nothing_waits, SECRET).exporter.read()
    assert found["copytaster_heartbeat_age_seconds"] == [((), 1021)]
    assert found["copytaster_heartbeat_every_seconds"] == [((), 300)]


def test_no_age_is_told_where_there_is_none(store, tmp_path):
    off = made(store, tmp_path, every_seconds=0)
    assert not any(values for name, values in off.exporter.read().items() if "heartbeat" in name)
    assert "heartbeat" not in Browser(off).get("/").text
