"""The web page: what it shows and hides, what acts and what does not, and whether its health tells the truth."""

import asyncio
import copy
import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import quote, urlsplit

import httpx
import psutil
import pytest

from copytaster.config import Config
from copytaster.store import Store, deliveries, troubles, watches
from copytaster.store.schema import channels as channel_table
from copytaster.store.schema import deliveries as delivery_table
from desk import health
from desk.asking import in_turn
from desk.serving import Web
from desk.web import make_app
from tests.desk import news_world as world
from tests.hostile import HOSTILE
from tests.services import postgresql, redis, running
from workers.app import Hints
from workers.bootstrap import open_probe
from workers.notifiers import unsubscribe

SECRET = "the server's own secret"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def nothing_waits(_stage):
    return 0


class Browser:
    """Asks an application without a network between them."""

    def __init__(self, web, base_url="http://127.0.0.1:8750", client=("127.0.0.1", 123)):
        self._app, self._base_url, self._client = make_app(web), base_url, client

    def come_from(self, address):
        """The same application asked by somebody else."""
        other = copy.copy(self)
        other._client = (address, 123)
        return other

    def request(self, method, path, **more):
        async def ask():
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=self._client)
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, **more):
        return self.request("POST", path, **more)


@pytest.fixture
def web(store, tmp_path):
    return Web(Config(data_dir=tmp_path), store, nothing_waits, SECRET)


@pytest.fixture
def client(web):
    return Browser(web)


def reasons(answer):
    return {name: why for name, why in answer.json()["checks"].items() if why != "ok"}


# -- health -----------------------------------------------------------------------------------------------------------


def test_a_process_that_answers_is_alive(client):
    assert client.get("/health/live").json() == {"live": True}
    assert client.request("HEAD", "/health/live").status_code == 200


def test_all_well_is_ready(client):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert set(answer.json()["checks"]) == {"store", "schema", "broker", "disk", "search"}


def test_a_broker_that_is_away_makes_it_unready_and_is_named(web):
    silent = Web(web.config, web.store, lambda _stage: None, SECRET)
    answer = Browser(silent).get("/health/ready")
    assert answer.status_code == 503
    assert reasons(answer).keys() == {"broker"}


def test_a_store_without_tables_is_unready_by_its_schema(empty_store_url, tmp_path):
    store = Store(empty_store_url)
    web = Web(Config(data_dir=tmp_path), store, nothing_waits, SECRET)
    answer = Browser(web).get("/health/ready")
    store.close()
    assert answer.status_code == 503
    assert "schema none" in reasons(answer)["schema"]


def test_a_store_that_cannot_be_reached_is_named_without_its_password(tmp_path):
    store = Store(f"postgresql://reader:hunter2@127.0.0.1:{running.free_port()}/news")
    web = Web(Config(data_dir=tmp_path), store, nothing_waits, SECRET)
    answer = Browser(web).get("/health/ready")
    assert answer.status_code == 503
    assert "can't be reached" in reasons(answer)["store"]
    assert "hunter2" not in answer.text


def test_a_full_disk_makes_it_unready(web, monkeypatch):
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 2**80)
    answer = Browser(web).get("/health/ready")
    assert reasons(answer).keys() == {"disk"}


def test_a_search_engine_that_is_away_is_told_and_does_not_make_it_unready(web):
    silent = Web(web.config, web.store, nothing_waits, SECRET, lambda: False)
    answer = Browser(silent).get("/health/ready")
    assert answer.status_code == 200
    assert "alerts go on" in reasons(answer)["search"]


def test_health_answers_in_time_though_everything_hangs_and_every_thread_waits(web, monkeypatch):
    """As a page that many ask for while the store is stopped: FastAPI has forty threads for them."""
    go_on = threading.Event()
    hung = Web(web.config, web.store, lambda _: go_on.wait(60), SECRET, lambda: go_on.wait(60))
    monkeypatch.setattr(health, "_store", lambda _: go_on.wait(60))
    monkeypatch.setattr("desk.glance.look", lambda _: go_on.wait(60))
    app = make_app(hung)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://127.0.0.1:8750") as client:
            pages = [asyncio.create_task(client.get("/")) for _ in range(60)]
            await asyncio.sleep(0)
            began = time.monotonic()
            live, ready = await client.get("/health/live"), await client.get("/health/ready")
            took = time.monotonic() - began
            go_on.set()
            await asyncio.gather(*pages)
            return live, ready, took

    live, ready, took = asyncio.run(ask())
    assert live.json() == {"live": True}
    assert took < 2 * health.ANSWER_SECONDS
    assert ready.status_code == 503
    assert reasons(ready).keys() == {"store", "broker", "search"}
    assert all("has not answered for 2 s" in why for why in reasons(ready).values())


def pids_on(port):
    """The process that listens there, and its children."""
    (owner,) = {each.pid for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port}
    return [owner, *(child.pid for child in psutil.Process(owner).children(recursive=True))]


@pytest.mark.service
@pytest.mark.timeout(400)
def test_services_that_are_stopped_are_told_within_two_seconds_each_by_its_name(tmp_path, elasticsearch_server):
    with postgresql.started() as server, server.database(migrated=True) as url, redis.started() as broker:
        config = Config(data_dir=tmp_path, redis={"url": broker}, search={"url": elasticsearch_server})
        store = Store(url)
        web = Web(config, store, in_turn(Hints(config).depth), SECRET, open_probe(config))
        browser = Browser(web)
        assert reasons(browser.get("/health/ready")) == {}
        ports = {"store": urlsplit(url).port, "broker": urlsplit(broker).port, "search": urlsplit(elasticsearch_server).port}
        for name, port in ports.items():
            with running.stopped(pids_on(port)):
                began = time.monotonic()
                answer = browser.get("/health/ready")
                assert time.monotonic() - began < health.ANSWER_SECONDS + 1
                assert reasons(answer).keys() == {name}
                assert answer.json()["ready"] is (name == "search")
                assert browser.get("/health/live").status_code == 200
            until = time.monotonic() + 60
            while reasons(browser.get("/health/ready")) and time.monotonic() < until:
                time.sleep(0.1)
            assert reasons(browser.get("/health/ready")) == {}
        store.close()


def test_a_page_asked_while_the_store_is_away_says_so_in_one_sentence(tmp_path):
    web = Web(Config(data_dir=tmp_path), Store(f"postgresql://127.0.0.1:{running.free_port()}/news"), nothing_waits, SECRET)
    answer = Browser(web).get("/")
    assert answer.status_code == 503
    assert "can&#39;t be reached" in answer.text
    assert "Traceback" not in answer.text


# -- the status page --------------------------------------------------------------------------------------------------


def test_the_status_page_of_an_empty_installation_says_what_to_do_next(client):
    page = client.get("/").text
    assert "copytaster source add" in page
    assert "copytaster watch add" in page


def test_the_status_page_marks_the_words_that_made_the_alert(client, store):
    source_id, _ = world.add_source(store, "gazette")
    watch, _ = world.add_watch(store, "Fatemiyoun", "mailto:desk@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    page = client.get("/").text
    assert "veterans of the <mark>Fatemiyoun</mark> had crossed" in page
    assert "d…@example.org" in page
    assert "The oldest undelivered alert has waited 1 min." in page


def test_one_story_told_to_two_channels_is_one_alert_on_the_page(client, store):
    source_id, _ = world.add_source(store, "gazette")
    watch, _ = world.add_watch(store, "Fatemiyoun", "mailto:desk@example.org", "https://hooks.example.org/T0/secret-path")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    page = client.get("/").text
    assert page.count("<mark>Fatemiyoun</mark>") == 1
    assert "https://hooks.example.org" in page


def test_no_secret_of_a_channel_is_on_the_page(client, store):
    source_id, _ = world.add_source(store, "gazette")
    urls = ("https://me:pa55@hooks.example.org/T0/secret-path?token=abc", "tgram://bot-token/chat", "mailto:secret.name@x.org")
    watch, told = world.add_watch(store, "Fatemiyoun", *urls)
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    world.add_refusal(store, stage="deliver", key="m1", url=urls[0], reason="gone", detail="Gone.")
    page = client.get("/").text
    hidden = ("pa55", "secret-path", "token=abc", "bot-token", "secret.name", *(each.secret for each in told), SECRET)
    assert [secret for secret in hidden if secret in page] == []


def test_whatever_a_site_prints_is_escaped(client, store):
    source_id, _ = world.add_source(store, "gazette")
    bad = '<script>alert(1)</script> Fatemiyoun "><img src=x onerror=alert(2)>'
    watch, _ = world.add_watch(store, "Fatemiyoun", "mailto:desk@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1, title=bad, text=bad), "Fatemiyoun")
    world.add_refusal(store, url="javascript:alert(3)", detail="<b>bold</b>")
    page = client.get("/").text
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>bold" not in page
    assert 'href="javascript:' not in page


def test_every_naughty_string_is_shown_as_text(client, store, corpora):
    source_id, _ = world.add_source(store, "gazette")
    naughty = json.loads((corpora / "strings/blns.json").read_text())
    for number, text in enumerate(naughty[:200]):
        world.add_refusal(store, key=str(number), detail=text.replace("\x00", ""), url=f"https://news.example/{number}")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "<script" not in answer.text.lower()
    assert source_id


def test_hostile_names_titles_and_reasons_are_shown_as_text(client, store):
    for number, text in enumerate(HOSTILE):
        world.add_refusal(store, key=str(number), detail=text, url=f"https://news.example/{text}")
    source_id, _ = world.add_source(store, "gazette")
    watch, _ = world.add_watch(store, "Fatemiyoun <img src=x>", "mailto:a@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1, title="".join(HOSTILE)), "Fatemiyoun")
    for path in ("/", *(f"/{quote(text, errors='surrogatepass')}" for text in HOSTILE)):
        answer = client.get(path)
        assert answer.status_code in (200, 400, 404, 405)
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "set-cookie" not in answer.headers


def test_a_silent_source_comes_first_with_its_reason(client, store):
    for name in ("aardvark", "gazette"):
        source_id, _ = world.add_source(store, name)
    with store.write() as tx:
        ill = troubles.Reported(kind="blocked", reason="The feed answers 403.")
        assert troubles.note(tx, source_id, ill, fresh_at=tx.now)
    page = client.get("/").text
    assert page.index("gazette") < page.index("aardvark")
    assert "The feed answers 403." in page
    assert "(1 silent)" in page


def test_every_answer_carries_the_headers_that_guard_a_browser(client):
    for path in ("/", "/style.css", "/health/live", "/nowhere", "/unsubscribe/x"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["x-frame-options"] == "DENY", path


def test_on_loopback_another_name_is_not_answered(client):
    assert client.get("/", headers={"host": "rebound.example"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:8750"}).status_code == 200


def test_the_public_name_is_answered_behind_a_proxy(web):
    config = Config(data_dir=web.config.data_dir, web={"public_url": "https://news.example.org/"})
    client = Browser(Web(config, web.store, nothing_waits, SECRET), "https://news.example.org")
    assert client.get("/health/live").status_code == 200


# -- unsubscribing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def owed(store):
    """A watch with two channels and a delivery waiting for each."""
    source_id, _ = world.add_source(store, "gazette")
    watch, told = world.add_watch(store, "Fatemiyoun", "mailto:one@example.org", "mailto:two@example.org")
    world.add_alert(store, watch, world.add_article(store, source_id, 1), "Fatemiyoun")
    return watch, told


def states(store):
    with store.read() as tx:
        rows = tx.conn.execute(delivery_table.join(channel_table, channel_table.c.id == delivery_table.c.channel_id).select())
        return {row.url: row._mapping[delivery_table.c.state] for row in rows}


def test_looking_at_an_unsubscribe_link_changes_nothing(client, store, owed):
    watch, told = owed
    page = client.get(f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, watch.id)}")
    assert page.status_code == 200
    assert 'method="post"' in page.text
    assert set(states(store).values()) == {"pending"}


def test_one_click_takes_one_channel_off_one_watch_and_what_waited_for_it(client, store, owed):
    watch, told = owed
    path = f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, watch.id)}"
    assert client.post(path, data=ONE_CLICK).status_code == 200
    with store.read() as tx:
        assert watches.get(tx, watch.id).channel_ids == (told[1].id,)
    assert states(store) == {"mailto:one@example.org": "cancelled", "mailto:two@example.org": "pending"}


def test_one_click_twice_is_as_good_as_once(client, store, owed):
    watch, told = owed
    path = f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, watch.id)}"
    assert [client.post(path, data=ONE_CLICK).status_code for _ in range(2)] == [200, 200]
    with store.read() as tx:
        assert len(watches.get(tx, watch.id).channel_ids) == 1


def test_a_token_for_all_watches_switches_the_channel_off(client, store, owed):
    _, told = owed
    assert client.post(f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, None)}", data=ONE_CLICK).status_code == 200
    with store.read() as tx:
        assert watches.by_ids(tx, [told[0].id])[told[0].id].state == "disabled"
    assert states(store)["mailto:one@example.org"] == "cancelled"


def test_a_mail_program_may_post_one_click_as_multipart(client, store, owed):
    watch, told = owed
    path = f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, watch.id)}"
    body = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    assert client.post(path, content=body, headers={"content-type": "multipart/form-data; boundary=x"}).status_code == 200
    assert states(store)["mailto:one@example.org"] == "cancelled"


@pytest.mark.parametrize("body", [b"", b"hello=world", b"x" * 10_000])
def test_a_post_that_is_no_one_click_changes_nothing(client, store, owed, body):
    watch, told = owed
    answer = client.post(f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, watch.id)}", content=body)
    assert answer.status_code == 400
    assert set(states(store).values()) == {"pending"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("token", ["nonsense", "%00", "a" * 5000, unsubscribe.make("another secret", "c", None)])
def test_a_token_that_is_not_ours_is_unknown(client, owed, method, token):
    assert client.request(method, f"/unsubscribe/{token}", data=ONE_CLICK if method == "POST" else None).status_code == 404
    assert owed


def test_a_watch_with_a_naughty_name_is_shown_as_text(client, store):
    watch, told = world.add_watch(store, "<script>alert(1)</script>", "mailto:one@example.org")
    page = client.get(f"/unsubscribe/{unsubscribe.make(SECRET, told[0].id, watch.id)}").text
    assert "<script" not in page
    with store.read() as tx:
        assert deliveries.counts(tx) == {}


# -- a real server ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_server_answers_and_stops_in_order_on_sigterm(tmp_path):
    port = running.free_port()
    program = (
        "import sys; from copytaster.config import Config; from desk.web import serve;"
        "serve(Config(data_dir=sys.argv[1], web={'port': int(sys.argv[2])}))"
    )
    server = subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(port)])
    try:
        assert json.loads(_fetch(f"http://127.0.0.1:{port}/health/live")) == {"live": True}
        assert b"copytaster" in _fetch(f"http://127.0.0.1:{port}/")
        assert b"copytaster_store_up 1.0" in _fetch(f"http://127.0.0.1:{port}/metrics")
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()


def _fetch(url):
    """Until the server listens: there is no event of another process to await."""
    until = time.monotonic() + running.START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_the_clock_of_the_page_is_the_stores_own(client, fake_clock):
    fake_clock.now = dt.datetime(2031, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert "2031-01-02 03:04:05" in client.get("/").text
