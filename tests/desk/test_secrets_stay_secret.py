"""Secrets planted wherever one may stand; whatever is printed, shown, logged or measured afterwards holds none of them."""

import json
import logging
import re

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from copytaster.config import load
from copytaster.news import Source, SourceId
from copytaster.store import Store, refusals, schema, sources
from copytaster.watches import without_secrets
from desk.serving import Web
from tests.desk import news_world
from tests.desk.test_web import Browser
from workers import packing, pipeline
from workers.bootstrap import make_services
from workers.notifiers.apprise import _library

MARK = "hunter2"
CHANNELS = (
    f"https://hooks.example/{MARK}-path?token={MARK}-query",
    f"https://user:{MARK}-login@hooks.example/a",
    f"json://user:{MARK}-json@127.0.0.9:9/{MARK}",
    f"tgram://123456789:{MARK}aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/12315544/",
    f"slack://{MARK}AAAA/BBBBBBBBB/CCCCCCCCCCCCCCCCCCCCCCCC/",
    f"discord://4174216298/{MARK}",
    f"mailtos://user:{MARK}@mail.example?to=a@example.org",
    f"mailto:reader@example.org?smtp={MARK}",
    f"mailto://user:{MARK}@gmail.example",
    f"pbul://{MARK}",
    f"pover://user@{MARK}",
    f"https://user:p{MARK}/@hooks.example/a",
)
ENVIRONMENT = {
    "MAIL__URL": f"smtp://user:{MARK}-smtp@127.0.0.1:9",
    "REDIS__URL": f"redis://:{MARK}-redis@127.0.0.1:9/0",
    "WEB__SECRET": f"{MARK}-web",
    "WEB__PUBLIC_URL": "https://copytaster.example",
    "OPERATOR__TOKEN": f"{MARK}-operator",
    "SEARCH__API_KEY": f"{MARK}-search",
}


@pytest.fixture
def planted(own_store: Store, monkeypatch):
    secret = ""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(f"COPYTASTER_{name}", value)
    news_world.add_source(own_store, "herald")
    article = news_world.add_article(own_store, "source-herald", 1, text="The veterans cross the border at dawn. " * 5)
    with own_store.write() as tx:
        private = Source(
            id=SourceId("private"),
            url="https://paid.example/",
            name="Paid",
            host="paid.example",
            added_at=tx.now,
            proxy=f"http://user:{MARK}-proxy@127.0.0.1:9",
            headers={"Authorization": f"Bearer {MARK}-header"},
            cookies={"session": f"{MARK}-cookie"},
        )
        sources.add(tx, private, [])
    for number, url in enumerate(CHANNELS):
        watch, (channel, *_) = news_world.add_watch(own_store, f"veterans OR other{number}", url)
        news_world.add_alert(own_store, watch, article, "veterans")
        secret = channel.secret if number == 0 else secret
    with own_store.write() as tx:
        refusals.put(tx, refusals.Refusal(stage="deliver", key="m", url=CHANNELS[0], reason="given_up", detail="It answers 500."))
    return own_store, secret


def leaks(said: str, secret: str) -> list[str]:
    return [line for line in said.splitlines() if MARK in line or secret in line or secret.removeprefix("whsec_") in line]


COMMANDS = [
    ("source", "list"),
    ("source", "export"),
    ("source", "test", "https://paid.example/", "--proxy", f"http://user:{MARK}-proxy@127.0.0.1:9"),
    ("watch", "list"),
    ("watch", "show", "veterans OR other0"),
    ("channel", "list"),
    ("deliveries", "list"),
    ("deliveries", "show", "1"),
    ("deliveries", "show", "4"),
    ("refused", "list"),
    ("refused", "retry", "--all"),
    ("status",),
    ("check",),
    ("search", "veterans"),
    ("audit",),
]


@pytest.mark.slow
def test_no_command_page_metric_or_log_shows_a_secret(planted, call, caplog):
    store, secret = planted
    caplog.set_level(logging.DEBUG)
    fault(store)
    for command in COMMANDS:
        for form in ([], ["--json"]):
            done = call(*command, *form)
            assert leaks(done.out + done.err, secret) == [], (command, form)
            assert "Traceback" not in done.err, command
    browser = Browser(Web(load(), store, lambda _: None, "s"))
    for path in ("/", "/metrics", "/health/ready", "/health/live", "/unsubscribe/x", f"/websub/{MARK}/x".replace(MARK, "a")):
        answer = browser.get(path)
        assert leaks(answer.text + str(answer.headers), secret) == [], path
    assert leaks("\n".join(line for line in caplog.text.splitlines() if " apprise" not in line), secret) == []


def fault(store: Store) -> None:
    """Every message is tried once, and none can be sent: nobody listens there."""
    services = make_services(load(), "worker", hint=lambda _: None)
    for _ in range(3 * len(CHANNELS)):
        pipeline.deliver(services)
    services.store.close()


def test_what_is_sent_holds_no_secret(planted):
    store, secret = planted
    services = make_services(load(), "worker", hint=lambda _: None)
    with store.write() as tx:
        packing.pack(tx, services)
    services.store.close()
    with store.read() as tx:
        payloads = "\n".join(tx.conn.execute(select(schema.messages.c.payload)).scalars())
    assert json.dumps("veterans") in payloads
    assert leaks(payloads, secret) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STORE__URL", f"postgresql//user:{MARK}@host/db"),
        ("STORE", f"postgresql://user:{MARK}@host/db"),
        ("STORE__URL", f"postgresql://user:{MARK}@127.0.0.1:9/db"),
        ("MAIL__URL", f'{{"a": "{MARK}"}}'),
        ("SEARCH__API_KEY", f'["{MARK}"]'),
        ("REDIS", f"redis://:{MARK}@host"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(call, monkeypatch, name, value):
    monkeypatch.setenv(f"COPYTASTER_{name}", value)
    done = call("status")
    assert leaks(done.out + done.err, MARK) == []


def test_a_failed_statement_tells_no_row(own_store):
    with pytest.raises(IntegrityError) as failed:
        twice_in(own_store)
    assert MARK not in str(failed.value)


def twice_in(store: Store) -> None:
    with store.write() as tx:
        tx.conn.execute(schema.owners.insert().values(id="o", name="o", created_at=tx.now))
        row = {"id": MARK, "url": MARK, "secret": MARK, "state": "active", "created_at": tx.now, "owner_id": "o"}
        for _ in range(2):
            tx.conn.execute(schema.channels.insert().values(**row))


ODD = (
    f"https://user:{MARK}#x@hooks.example/a",
    f"https://user:12/{MARK}@hooks.example/a",
    f"https://user:{MARK}@b@hooks.example/a",
    f"https:/{MARK}",
    f"https:{MARK}@hooks.example",
    f"HTTPS://{MARK}@hooks.example\\@{MARK}/",
    f"https://hooks.example:{MARK}/",
    f"MailTo://{MARK}@gmail.example/?to=a@example.org",
    f"mailto:user:{MARK}@gmail.example",
    f"mailto:a@example.org#{MARK}",
    f"mailto:{MARK}%40a@example.org",
    f" tgram://{MARK}/1",
)


@pytest.mark.parametrize("url", [*CHANNELS, *ODD])
def test_a_channel_is_shown_without_its_key(url):
    for mailbox in (True, False):
        assert MARK not in without_secrets(url, mailbox=mailbox)


def test_of_no_form_that_apprise_documents_more_than_the_scheme_is_shown():
    services = _library().Apprise().details()["schemas"]
    shown = set()
    for service in services:
        for scheme in {*(service["protocols"] or ()), *(service["secure_protocols"] or ())}:
            for form in service["details"]["templates"]:
                url = re.sub(r"{(\w+)}", lambda part: scheme if part[1] == "schema" else f"{MARK}{part[1]}", form)  # noqa: B023
                shown |= {(scheme, without_secrets(url)), (scheme, without_secrets(url, mailbox=False))}
    assert len(services) > 100
    assert {said for scheme, said in shown if said not in (f"{scheme}://…", f"{scheme}:…")} == set()


@pytest.mark.parametrize(
    ("url", "said", "page"),
    [
        ("mailto:reader@example.org?x=y", "mailto:reader@example.org", "r…@example.org"),
        ("https://hooks.example:8443/a/b?c", "https://hooks.example:8443/…", "https://hooks.example:8443/…"),
        ("https://hooks.example?c", "https://hooks.example/…", "https://hooks.example/…"),
        ("http://[::1]:80/", "http://[::1]:80", "http://[::1]:80"),
        ("https://me:pa@redaktion.straße.example/", "https://redaktion.straße.example/…", "https://redaktion.straße.example/…"),
    ],
)
def test_what_is_no_key_is_shown_so_that_a_person_knows_which_channel_it_is(url, said, page):
    assert (without_secrets(url), without_secrets(url, mailbox=False)) == (said, page)
