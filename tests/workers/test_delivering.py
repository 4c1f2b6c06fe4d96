"""The deliver stage against real receivers that fail in every way, over both dialects: who is asked when, and who is told."""

import datetime as dt
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from copytaster.config import Config
from copytaster.guard import Guard
from copytaster.store import Store, channels, messages, refusals, schema, watches
from copytaster.store.messages import Senders
from copytaster.store.processes import Progress
from copytaster.watches import OPEN_AFTER, MessageId
from desk import resending
from desk.loopback import Listener
from desk.sinks import MailSink, verify
from search.sqlite import SqliteSearch
from tests.services import running
from workers import pipeline, planner, settling
from workers.notifiers import Notifiers, NotTried, Outbox, payload
from workers.services import Services
from workers.watchlist import Watchlist

HOURS = 3600


@dataclass
class Endpoints:
    """Receivers on one loopback server, one for each path; each answers as it is told and keeps what it was asked."""

    clock: object
    answers: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    hangs: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, dt.datetime, dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        path = scope["path"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append((path, self.clock(), headers, body))
        if path in self.hangs:
            import asyncio

            await asyncio.sleep(self.hangs[path])
        status, said = self.answers.get(path, (204, {}))
        extra = [(name.encode(), value.encode()) for name, value in said.items()]
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *extra]})
        await send({"type": "http.response.body", "body": b""})

    def at(self, path):
        return [moment for asked, moment, _, _ in self.asked if asked == path]


@dataclass
class Office:
    """The deliver stage with its receivers."""

    services: Services
    endpoints: Endpoints
    url: str
    clock: object

    @property
    def store(self) -> Store:
        return self.services.store

    def channel(self, path):
        with self.store.write() as tx:
            watches.ensure_owner(tx)
            return watches.ensure_channel(tx, f"{self.url}{path}")

    def put(self, channel, *names):
        with self.store.write() as tx:
            for name in names:
                content = payload.notice(MessageId(name), "A word", "…", created_at=tx.now)
                messages.put(tx, MessageId(name), channel.id, "notice", content)

    def run(self):
        while pipeline.deliver(self.services):
            pass

    def standing(self, channel):
        with self.store.read() as tx:
            (found,) = channels.find(tx, channel.id)
            return found

    def ride(self, hours, *, step=60):
        """As long as that, looking every minute."""
        for _ in range(int(hours * HOURS / step)):
            self.clock.advance(step)
            self.run()


@pytest.fixture
def office(store, fake_clock, tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 60.0)
    notifiers = Notifiers(Outbox(guard=Guard(["127.0.0.1"]), secret="s"))
    endpoints = Endpoints(fake_clock)
    listener = Listener(endpoints)
    listener.start()
    services = Services(
        config=Config(data_dir=tmp_path),
        store=store,
        watchlist=Watchlist(),
        engine=SqliteSearch(tmp_path / "index.db"),
        notifiers=notifiers,
        hint=lambda _: None,
        progress=Progress(store, "worker"),
        token="test",
        secret="s",
    )
    yield Office(services, endpoints, listener.url.rstrip("/"), fake_clock)
    listener.stop()
    notifiers.close()


def waits(moments):
    return [(after - before).total_seconds() for before, after in pairwise(moments)]


@pytest.mark.slow
def test_a_dead_endpoint_is_asked_by_the_schedule_then_switched_off_and_its_owner_told_once_elsewhere(office):
    dead, other = office.channel("/dead"), office.channel("/other")
    office.endpoints.answers["/dead"] = (500, {})
    office.put(dead, "m1")
    office.run()
    office.clock.advance(6)
    office.run()
    office.ride(100, step=300)
    asked = waits(office.endpoints.at("/dead"))
    assert len(asked) == len(planner.SCHEDULE) - 1
    for wait, planned in zip(asked, planner.SCHEDULE[1:], strict=True):
        assert planned <= wait <= planned * (1 + planner.JITTER) + 300
    standing = office.standing(dead)
    assert standing.state == "disabled"
    assert "after 10 attempts" in standing.reason
    (told,) = [json.loads(body) for path, _, _, body in office.endpoints.asked if path == "/other"]
    assert told["type"] == "copytaster.notice"
    assert f"copytaster channel enable {dead.id}" in told["text"]
    assert "/dead" not in json.dumps(told), "the rest of a webhook's address is a key"
    assert office.standing(other).state == "active"


@pytest.mark.slow
def test_many_messages_to_a_dead_endpoint_are_one_question_at_a_time_at_growing_intervals(office):
    dead = office.channel("/dead")
    office.endpoints.answers["/dead"] = (503, {})
    office.put(dead, *(f"m{number}" for number in range(200)))
    office.run()
    for _ in range(6 * 60):
        office.clock.advance(10)
        office.run()
    asked = waits(office.endpoints.at("/dead"))
    assert 8 <= len(asked) <= 10, "an hour of failing: 5, 10, 20, … s"
    assert all(after > before for before, after in pairwise(asked[1:]))
    standing = office.standing(dead)
    assert (standing.state, standing.waiting) == ("open", 200)
    assert standing.failures > OPEN_AFTER
    office.ride(12, step=300)
    assert max(waits(office.endpoints.at("/dead"))) <= planner.LONGEST_PAUSE * (1 + planner.JITTER) + 300


@pytest.mark.slow
def test_one_success_closes_the_circuit_and_the_backlog_drains_at_once_each_message_once_taken(office):
    channel = office.channel("/hook")
    office.endpoints.answers["/hook"] = (500, {})
    names = [f"m{number}" for number in range(50)]
    office.put(channel, *names)
    office.run()
    office.ride(3)
    assert office.standing(channel).state == "open"
    del office.endpoints.answers["/hook"]
    before = len(office.endpoints.asked)
    office.ride(planner.LONGEST_PAUSE * 1.2 / HOURS + 0.05)
    after = [headers["webhook-id"] for _, _, headers, _ in office.endpoints.asked[before:]]
    assert sorted(after) == sorted(names)
    standing = office.standing(channel)
    assert (standing.state, standing.failures, standing.waiting) == ("active", 0, 0)


@pytest.mark.slow
def test_mails_outlast_a_mail_server_of_ours_that_is_away_for_days_and_go_minutes_after_it_is_back(office):
    port, came = running.free_port(), []
    office.services.notifiers.close()
    office.services = replace(
        office.services, notifiers=Notifiers(Outbox(guard=Guard(), secret="s", smtp_url=f"smtp://127.0.0.1:{port}"))
    )
    with office.store.write() as tx:
        watches.ensure_owner(tx)
        desks = [watches.ensure_channel(tx, f"mailto:desk{number}@example.org") for number in range(3)]
    for number, desk in enumerate(desks):
        office.put(desk, f"m{number}", f"n{number}")
    office.run()
    office.ride(60, step=300)
    with office.store.read() as tx:
        assert [messages.get(tx, MessageId(f"m{number}"))["attempts"] for number in range(3)] == [0, 0, 0]
    assert {office.standing(desk).state for desk in desks} == {"open"}
    with MailSink(came.append, port=port):
        office.ride(planner.RELAY_PAUSE * (1 + planner.JITTER) / HOURS + 0.02)
    office.services.notifiers.close()
    assert sorted(each.headers["to"] for each in came) == [f"desk{number}@example.org" for number in (0, 0, 1, 1, 2, 2)]
    assert {office.standing(desk).state for desk in desks} == {"active"}


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_for_patience_is_left_alone_as_a_whole_for_so_long(office, status):
    channel = office.channel("/busy")
    office.endpoints.answers["/busy"] = (status, {"retry-after": "600"})
    office.put(channel, "m1", "m2")
    office.run()
    del office.endpoints.answers["/busy"]
    office.clock.advance(599)
    office.run()
    assert len(office.endpoints.asked) == 1
    office.clock.advance(2)
    office.run()
    assert [headers["webhook-id"] for _, _, headers, _ in office.endpoints.asked] == ["m1", "m1", "m2"]


def test_one_message_that_is_disliked_holds_up_the_others_for_seconds(office):
    channel = office.channel("/picky")
    office.endpoints.answers["/picky"] = (400, {})
    office.put(channel, "bad")
    office.run()
    del office.endpoints.answers["/picky"]
    office.put(channel, "good")
    office.clock.advance(6.1)
    office.run()
    assert "good" in [headers["webhook-id"] for _, _, headers, _ in office.endpoints.asked]


def test_an_owner_without_another_channel_is_told_by_what_is_shown(office, caplog):
    only = office.channel("/gone")
    office.endpoints.answers["/gone"] = (410, {})
    office.put(only, "m1", "m2")
    office.run()
    assert office.standing(only).state == "disabled"
    assert "no other channel" in caplog.text
    assert "/gone" not in caplog.text
    with office.store.read() as tx:
        assert {each.key: (each.reason, each.attempts) for each in refusals.every(tx)} == {"m1": ("gone", 1), "m2": ("gone", 0)}
        assert channels.counts(tx) == {"disabled": 1}


def test_what_waits_for_a_channel_that_is_switched_off_is_listed_each_with_its_attempts_and_comes_back(office):
    channel = office.channel("/gone")
    office.put(channel, "held", "m1", "m2", "m3")
    with office.store.write() as tx:
        assert messages.claim(tx, "dead", seconds=30).message.id == "held"
    office.clock.advance(31)
    office.endpoints.answers["/gone"] = (410, {})
    with office.store.write() as tx:
        tx.conn.execute(schema.messages.update().where(schema.messages.c.id == "held").values(turn=9))
    office.run()
    with office.store.read() as tx:
        listed = refusals.every(tx)
        assert {(each.key, each.attempts) for each in listed} == {("held", 1), ("m1", 1), ("m2", 0), ("m3", 0)}
        assert {each.url for each in listed} == {channel.url}
    assert office.standing(channel).waiting == 0
    del office.endpoints.answers["/gone"]
    with office.store.write() as tx:
        assert all(resending.bring_back(tx, each) for each in listed)
    office.run()
    assert {headers["webhook-id"] for _, _, headers, _ in office.endpoints.asked[1:]} == {"held", "m1", "m2", "m3"}
    with office.store.read() as tx:
        assert refusals.every(tx) == []


@pytest.mark.slow
def test_a_message_that_is_sent_again_does_not_vouch_for_its_dead_channel(office):
    dead = office.channel("/dead")
    office.put(dead, "m0")
    office.run()
    office.clock.advance(1)
    office.endpoints.answers["/dead"] = (500, {})
    with office.store.write() as tx:
        messages.retry(tx, MessageId("m0"))
        assert messages.get(tx, "m0")["sent_at"] is None
    office.run()
    office.clock.advance(6)
    office.run()
    office.ride(110, step=300)
    standing = office.standing(dead)
    assert (standing.state, standing.waiting) == ("disabled", 0)


@pytest.mark.slow
def test_a_receiver_that_takes_one_message_in_ten_minutes_loses_none_and_none_is_given_up(office):
    channel = office.channel("/slow")
    names = [f"m{number}" for number in range(30)]
    office.put(channel, *names)
    taken: dict[str, int] = {}

    def answer(path):
        minutes = int(office.clock().timestamp() // 600)
        first = minutes not in taken.values()
        return (204, {}) if first else (429, {})

    class Answers(dict):
        def get(self, path, default=None):
            said = answer(path)
            if said[0] == 204:
                taken[office.endpoints.asked[-1][2]["webhook-id"]] = int(office.clock().timestamp() // 600)
            return said

    office.endpoints.answers = Answers()
    for _ in range(24 * 60):
        office.clock.advance(60)
        office.run()
        if office.standing(channel).waiting == 0:
            break
    with office.store.read() as tx:
        assert [(each.key, each.attempts) for each in refusals.every(tx)] == []
    assert sorted(taken) == sorted(names)


def test_a_message_that_our_own_queue_held_up_uses_no_attempt_and_its_channel_is_not_blamed(office, monkeypatch):
    channel = office.channel("/well")
    office.put(channel, "m1")

    def busy(message):
        raise NotTried("Another message is being sent.", retry_after=2)

    with monkeypatch.context() as patched:
        patched.setattr(office.services.notifiers, "send", busy)
        office.run()
    with office.store.read() as tx:
        found = messages.get(tx, "m1")
        assert (found["attempts"], found["state"], found["lease_token"]) == (0, "pending", None)
        assert messages.attempts_of(tx, "m1") == []
    assert (office.standing(channel).failures, office.standing(channel).paused_until) == (0, None)
    office.clock.advance(2)
    office.run()
    assert len(office.endpoints.at("/well")) == 1


def test_both_keys_sign_while_one_is_being_changed(office):
    channel = office.channel("/hook")
    with office.store.write() as tx:
        new = channels.rotate(tx, channel.id, overlap_seconds=60)
    office.put(channel, "m1")
    office.run()
    office.clock.advance(61)
    office.put(channel, "m2")
    office.run()
    (_, _, first, one), (_, _, second, two) = office.endpoints.asked
    assert (verify(channel.secret, one, first), verify(new, one, first)) == (True, True)
    assert (verify(channel.secret, two, second), verify(new, two, second)) == (False, True)


def test_a_mailbox_that_three_mails_of_a_week_bounced_from_is_switched_off_and_its_owner_told_once(office):
    other = office.channel("/other")
    with office.store.write() as tx:
        mailbox = watches.ensure_channel(tx, "mailto:gone@example.org")
    for number in range(4):
        office.put(mailbox, f"m{number}")
        with office.store.write() as tx:
            lease = messages.claim(tx, "t", seconds=30)
            messages.sent(tx, lease, "250")
        with office.store.write() as tx:
            assert settling.bounce(tx, lease.message.id, "The mail came back: 5.1.1", no_mailbox=True)
            assert not settling.bounce(tx, MessageId("msg_unknown"), "5.1.1", no_mailbox=True)
        if number == 2:
            assert office.standing(mailbox).state == "disabled"
            office.run()
            with office.store.write() as tx:
                watches.ensure_channel(tx, mailbox.url)
        elif number < 2:
            assert office.standing(mailbox).state == "active"
    with office.store.read() as tx:
        assert [each["outcome"] for each in messages.attempts_of(tx, "m0")] == ["sent", "bounced"]
        assert {each.reason for each in refusals.every(tx)} == {"bounced"}
    told = [json.loads(body)["title"] for path, _, _, body in office.endpoints.asked if path == "/other"]
    assert told == ["mailto:gone@example.org was switched off"]
    assert office.standing(other).state == "active"


@pytest.mark.slow
def test_forty_endpoints_that_hang_do_not_starve_one_that_works(office, monkeypatch):
    """Four senders; each hanging endpoint has twenty messages. A second stands for the fifteen that a sending may take."""
    from workers.notifiers import webhook

    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 1.0)
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 0.5)
    good = office.channel("/good")
    office.put(good, "first")
    office.run()
    for number in range(40):
        path = f"/slow{number}"
        office.endpoints.hangs[path] = 5.0
        office.put(office.channel(path), *(f"s{number}-{each}" for each in range(20)))
    services = replace(office.services, senders=Senders("pool:", places=4))
    stop = threading.Event()

    def sender():
        while not stop.is_set():
            if not pipeline.deliver(services):
                stop.wait(0.02)

    latencies = []
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(sender)
        for number in range(8):
            began = time.monotonic()
            before = len(office.endpoints.at("/good"))
            office.put(good, f"g{number}")
            while len(office.endpoints.at("/good")) == before and time.monotonic() < began + 20:
                time.sleep(0.01)
            latencies.append(time.monotonic() - began)
            office.clock.advance(1)
        stop.set()
    assert sorted(latencies)[len(latencies) // 2] < 0.5, latencies
    assert max(latencies) < 1.0, latencies
