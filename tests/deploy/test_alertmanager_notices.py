"""Alertmanager's webhook: who may post, what is taken, what the operator is told, and how often."""

import asyncio
import datetime as dt
import json
import re
import subprocess

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from copytaster.config import Config
from copytaster.errors import Rejected
from copytaster.store import watches
from copytaster.store.schema import messages
from desk import alertmanager
from desk.serving import Web
from desk.web import make_app
from tests.deploy import monitoring
from tests.deploy.monitoring import DEPLOY
from tests.services import finding

TOKEN = "a token of the operator's own"
BEARER = {"authorization": f"Bearer {TOKEN}"}
MAIL, HOOK = "mailto:ops@example.org", "https://hooks.example.org/ops"
NOW = "2026-11-23T11:50:00Z"  # ten minutes before the tests' noon


def alert(name="BrokerDown", status="firing", starts_at=NOW, **more):
    return {
        "status": status,
        "labels": {"alertname": name, "severity": "critical", "instance": "news-1:8750"},
        "annotations": {
            "summary": "It does not answer.",
            "description": "Work waits.",
            "runbook": f"deploy/runbook.md#{name.lower()}",
        },
        "startsAt": starts_at,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{name}-1",
        **more,
    }


def notification(*alerts, **more):
    return {
        "version": "4",
        "groupKey": '{}:{alertname="BrokerDown"}',
        "status": "firing",
        "receiver": "copytaster",
        "groupLabels": {"alertname": "BrokerDown"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "truncatedAlerts": 0,
        "alerts": list(alerts) or [alert()],
        **more,
    }


@pytest.fixture
def post(store, tmp_path):
    """``post(body)`` as Alertmanager would; returns the answer."""

    def posted(body, headers=BEARER, to=(MAIL, HOOK), token=TOKEN):
        config = Config(data_dir=tmp_path, operator={"to": to, "token": token})
        transport = httpx.ASGITransport(make_app(Web(config, store, lambda _stage: 0, "secret")))

        async def ask():
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8750") as client:
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                return await client.post("/alertmanager", content=content, headers=headers)

        return asyncio.run(ask())

    return posted


def outbox(store):
    """(kind, payload) of every message, oldest first."""
    with store.read() as tx:
        rows = tx.conn.execute(messages.select().order_by(messages.c.created_at, messages.c.id))
        return [(row.kind, json.loads(row.payload)) for row in rows]


# -- who may post -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"])
def test_who_has_not_the_token_is_refused_and_nobody_is_told(post, store, header):
    answer = post(notification(), headers={} if header is None else {"authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text
    assert outbox(store) == []


def test_without_a_token_in_the_configuration_nobody_may_post(post, store):
    assert post(notification(), headers={"authorization": "Bearer "}, token="").status_code == 401
    assert outbox(store) == []


def test_a_body_beyond_the_cap_is_not_read(post, store):
    assert post(b"x" * (alertmanager.MOST_BYTES + 1)).status_code == 413
    assert outbox(store) == []


def test_where_nobody_could_be_told_alertmanager_learns_it(post):
    answer = post(notification(), to=())
    assert answer.status_code == 409
    assert "operator.to" in answer.text


def test_an_address_of_the_operator_that_wants_no_more_is_not_switched_on_by_the_next_alert(post, store):
    with store.write() as tx:
        gone, _ = watches.operator_channels(tx, [MAIL, HOOK])
        watches.disable(tx, gone.id, "410 Gone")
    assert post(notification()).status_code == 202
    assert len(outbox(store)) == 1
    with store.write() as tx:
        assert watches.by_ids(tx, [gone.id])[gone.id].state == "disabled"
    answer = post(notification(), to=(MAIL,))
    assert answer.status_code == 409
    assert "switched off" in answer.text
    assert len(outbox(store)) == 1


# -- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        notification(version="5"),
        notification(status="odd"),
        notification(alerts=[]),
        notification(groupKey=""),
        notification(alert(starts_at="yesterday")),
        notification(alert(starts_at="2026-11-23T12:00:00")),
        notification(alert(starts_at="0001-01-01T00:00:00+23:59")),
        notification(alert(labels={"alertname": ["a", "list"]})),
    ],
)
def test_what_is_no_notification_is_refused_with_one_sentence(post, store, wrong):
    answer = post(wrong)
    assert answer.status_code == 400
    assert answer.text.startswith("This is no notification of an Alertmanager: ")
    assert outbox(store) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)
alerts = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["firing", "resolved", "odd"]),
        "labels": st.dictionaries(st.sampled_from(["alertname", "severity", "x"]), st.text()),
        "annotations": st.dictionaries(st.sampled_from(["summary", "description", "runbook"]), st.text()),
        "startsAt": st.datetimes(timezones=st.just(dt.UTC)).map(dt.datetime.isoformat) | json_values,
    }
)


@pytest.mark.slow
@given(
    st.builds(
        lambda some, more: {**notification(), "alerts": some} | more,
        st.lists(alerts, max_size=4),
        st.dictionaries(st.sampled_from(["version", "groupKey", "status", "truncatedAlerts"]), json_values, max_size=1),
    )
)
def test_whatever_is_posted_is_words_or_a_refusal(body):
    try:
        news = alertmanager.read(json.dumps(body).encode())
    except Rejected:
        return
    assert all(alertmanager.words(news))


# -- what is told, and how often --------------------------------------------------------------------------------------


def test_each_address_of_the_operator_gets_one_notice_that_says_what_to_do(post, store):
    assert post(notification()).status_code == 202
    told = outbox(store)
    assert [kind for kind, _ in told] == ["notice", "notice"]
    for _, payload in told:
        assert payload["title"] == "Firing: BrokerDown"
        assert payload["text"].splitlines() == [
            "BrokerDown (critical, since 2026-11-23 11:50 UTC): It does not answer.",
            "Work waits.",
            "deploy/runbook.md#brokerdown",
        ]


def test_the_same_news_is_told_once_in_an_hour_and_then_again_as_a_reminder(post, store, fake_clock):
    post(notification(alert(starts_at="2026-11-23T11:00:01Z")))  # the reminder's number changes a second after noon
    first = {payload["id"] for _, payload in outbox(store)}
    for seconds in (0, 2, 3_500):
        fake_clock.advance(seconds)
        assert post(notification(alert(starts_at="2026-11-23T11:00:01Z"))).status_code == 202
    assert {payload["id"] for _, payload in outbox(store)} == first
    fake_clock.advance(3_600)
    post(notification(alert(starts_at="2026-11-23T11:00:01Z")))
    assert len(outbox(store)) == 2 * len(first)


def test_two_alertmanagers_that_say_the_same_tell_it_once_in_whatever_order(post, store):
    one, other = alert(fingerprint="1"), alert(fingerprint="2")
    post(notification(one, other), to=[MAIL])
    post(notification(other, one, externalURL="http://alertmanager-2:9093"), to=[MAIL])
    assert len(outbox(store)) == 1


@pytest.mark.parametrize(
    "changed",
    [
        notification(alert(), alert("StoreDown")),
        notification(alert(starts_at="2026-11-23T11:55:00Z")),
        notification(alert(status="resolved"), status="resolved"),
        notification(groupKey="another"),
    ],
)
def test_news_that_changed_is_told_at_once(post, store, changed):
    post(notification(), to=[MAIL])
    post(changed, to=[MAIL])
    assert len(outbox(store)) == 2


def test_the_end_of_an_alert_is_told_too(post, store):
    post(notification(alert(status="resolved"), status="resolved"), to=[MAIL])
    ((_, payload),) = outbox(store)
    assert payload["title"] == "Resolved: BrokerDown"
    assert payload["text"] == "BrokerDown (resolved): It does not answer."


def test_the_gravest_comes_first_and_what_is_over_is_counted(post, store):
    many = [alert(f"Small{number}", labels={"alertname": f"Small{number}", "severity": "info"}) for number in range(30)]
    post(notification(*many, alert("StoreDown"), truncatedAlerts=7), to=[MAIL])
    ((_, payload),) = outbox(store)
    assert payload["title"] == "Firing: StoreDown and 30 more"
    assert payload["text"].startswith("StoreDown (critical")
    assert payload["text"].endswith(f"… and {31 - alertmanager.MOST_ALERTS + 7} more.")


# -- with the real tool -----------------------------------------------------------------------------------------------


@pytest.mark.service
def test_amtool_takes_our_configuration_and_every_alert_reaches_copytaster():
    amtool, config = finding.need("amtool"), DEPLOY / "alertmanager/alertmanager.yml"
    checked = subprocess.run([amtool, "check-config", config], capture_output=True, text=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for severity in ("critical", "warning", "info"):
        ask = [amtool, "config", "routes", "test", f"--config.file={config}", f"severity={severity}", "alertname=StoreDown"]
        assert subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout.split() == ["copytaster"]


@pytest.mark.service
def test_the_end_of_what_only_happened_is_not_told_so_that_no_failing_notice_makes_the_next():
    amtool, path = finding.need("amtool"), DEPLOY / "alertmanager/alertmanager.yml"
    receivers = {each["name"]: each["webhook_configs"] for each in yaml.safe_load(path.read_text("utf-8"))["receivers"]}
    for name, rule in monitoring.alerts().items():
        ask = [amtool, "config", "routes", "test", f"--config.file={path}", f"alertname={name}"]
        ask += [f"{label}={value}" for label, value in rule["labels"].items()]
        (told,) = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout.split()
        (hook,) = receivers[told]
        happened = re.match(r"\w+(?: by \(\w+\) )?\(increase\(", rule["expr"]) is not None
        assert hook["send_resolved"] is not happened, name


@pytest.mark.service
def test_the_second_way_out_works_once_the_marks_are_taken_off(tmp_path):
    """The commented receiver and its route, as an operator would turn them on."""
    amtool = finding.need("amtool")
    lines = (DEPLOY / "alertmanager/alertmanager.yml").read_text("utf-8").splitlines()
    config = tmp_path / "alertmanager.yml"
    config.write_text("\n".join(_uncommented(lines)))
    ask = [amtool, "config", "routes", "test", f"--config.file={config}", "severity=critical"]
    assert subprocess.run(ask, capture_output=True, text=True, check=True, timeout=30).stdout.strip() == "mail,copytaster"


def _uncommented(lines):
    for line in lines:
        body = line.lstrip()
        code = body.startswith(("# - ", "#   ")) and "copytaster.toml" not in body and "Alertmanager reads" not in body
        yield line.replace("# ", "", 1) if code and line.startswith(" ") else line
