"""F11 to F13: mail servers and webhooks that misbehave in every way, beside a receiver that is well; every hint twice."""

import contextlib
import datetime as dt
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import redis
from sqlalchemy import select

from copytaster.store import channels, messages, watches
from copytaster.store.schema import messages as message_rows
from copytaster.watches import OPEN_AFTER, Channel, without_secrets
from tests.chaos import receivers
from tests.chaos.checker import told
from tests.chaos.receivers import Hooks, Mailboxes
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World
from workers.app import STAGES

PROMPT_SECONDS = 10.0  # what nine of ten alerts to a receiver that is well may take, on a machine that is busy


def begin_with(run: Run, urls: list[str], *, few: int | None = None, **environment: str) -> dict[str, Channel]:
    """Every watch (or a few) is told at these addresses too. Put in without the check at the door: they were well then."""
    rig = run.begin(World.of(pages=15), environment=environment, pages_per_second=6, start=False)
    with rig.store.write() as tx:
        made = {url: watches.ensure_channel(tx, url) for url in urls}
        for watch in watches.every(tx)[:few]:
            more = tuple(each.id for each in made.values())
            watches.save(tx, replace(watch, channel_ids=(*watch.channel_ids, *more)))
    run.secrets += [each.secret for each in made.values()]
    rig.start()
    return made


def sink_is_done(run: Run) -> bool:
    return run.world.truth() <= told(run.rig.received())


def promptness(run: Run) -> float:
    """Within how many seconds nine of ten messages were at the receiver that is well, from when they were made."""
    with run.rig.store.read() as tx:
        made = dict(tx.conn.execute(select(message_rows.c.id, message_rows.c.created_at)).all())
    found = [dt.datetime.fromisoformat(each["received_at"]) - made[each["id"]] for each in run.rig.received()]
    waits = sorted(each.total_seconds() for each in found)
    return waits[len(waits) * 9 // 10]


def put_aside(run: Run, made: list[Channel]) -> None:
    """Channels that stay ill are switched off, so that the rest can be done."""

    def none_waits() -> bool:
        with run.rig.store.write() as tx:
            for each in made:
                watches.disable(tx, each.id, "the run is over")
                messages.fail_waiting(tx, each.id, "the run is over")
            return not sum(channels.find(tx, each.id)[0].waiting for each in made)

    run.wait(none_waits, 60, "ill channels to be put aside")


def ids_of(run: Run, channel: Channel) -> set[str]:
    with run.rig.store.read() as tx:
        return set(tx.conn.execute(select(message_rows.c.id).where(message_rows.c.channel_id == channel.id)).scalars())


# -- F11 --------------------------------------------------------------------------------------------------------------

LATER, BUSY, NONE, FULL, HANG, DROP = (f"{name}@example.org" for name in ("later", "busy", "none", "full", "hang", "drop"))


@scenario("F11", "mail: 421 and 450 for a while, 550, 552, a hang after DATA, a drop before 250")
def mail_faults(run: Run) -> None:
    boxes = Mailboxes(
        rcpt={LATER: "450 4.2.0 greylisted", BUSY: "421 4.3.2 busy", NONE: "550 5.1.1 unknown", FULL: "552 5.2.2 over quota"},
        hangs={HANG: 1},
        drops={DROP: 1},
    )
    with receivers.mail(boxes) as url:
        urls = [f"mailto:{address}" for address in (LATER, BUSY, NONE, FULL, HANG, DROP)]
        made = begin_with(run, urls, few=8, COPYTASTER_MAIL__URL=url)
        run.injected("RCPT 450 and 421, 550, 552; one hang after DATA, one drop before 250")
        run.must_be_refused |= {f"mailto:{NONE}": "bounced", f"mailto:{FULL}": "refused"}
        run.wait(lambda: sink_is_done(run), 120, "the alerts of the receiver that is well")
        run.wait(lambda: boxes.lost[HANG] and boxes.lost[DROP], 60, "the hang and the drop")
        run.check("I1", promptness(run) < PROMPT_SECONDS, f"nine of ten alerts elsewhere within {promptness(run):.1f} s")
        time.sleep(20)
        boxes.rcpt = {name: answer for name, answer in boxes.rcpt.items() if name in (NONE, FULL)}
        run.over()
        healed = [made[f"mailto:{address}"] for address in (LATER, BUSY, HANG, DROP)]
        for each in healed:
            run.command("channel", "enable", each.id)
        run.settle(300)
        _judge_mail(run, boxes, made)
    run.moved("copytaster_deliveries_total", state="retry")
    run.moved("copytaster_channels", state="disabled")
    run.is_ready()


def _judge_mail(run: Run, boxes: Mailboxes, made: dict[str, Channel]) -> None:
    for address in (LATER, BUSY, HANG, DROP):
        taken, wanted = boxes.taken[address], ids_of(run, made[f"mailto:{address}"])
        run.check("I1", {ident for ident, _ in taken} == wanted, f"{len(taken)} of {len(wanted)} mails to {address}")
        run.check("I4", len(taken) == len(wanted), f"{len(taken)} mails to {address}, {len(wanted)} messages")
        same = all(mail in taken for mail in boxes.lost[address])
        run.check("I3", same, f"what {address} lost came again the same to the byte")
    run.seen(f"{len(boxes.lost[HANG]) + len(boxes.lost[DROP])} mails without an answer were sent again with their Message-ID")
    with run.rig.store.read() as tx:
        (none,) = channels.find(tx, made[f"mailto:{NONE}"].id)
        outcomes = [each["outcome"] for ident in ids_of(run, made[f"mailto:{NONE}"]) for each in messages.attempts_of(tx, ident)]
    run.seen(f"{outcomes.count('bounced')} bounces of {NONE}, then it was {none.state}")
    run.check("I5", none.state == "disabled" and set(outcomes) == {"bounced"}, f"{NONE} is {none.state}: {none.reason}")


# -- F12 --------------------------------------------------------------------------------------------------------------

HEALING = ("/500", "/429")
REFUSING = ("/410", "/redirect")
PATIENCE = 40.0


@contextlib.contextmanager
def ill_endpoints(hooks: Hooks) -> Iterator[tuple[dict[str, str], list[float], list[float]]]:
    """URL by fault; and when anybody knocked at the canary, and at the endpoint with a bad certificate."""
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(receivers.web(hooks))
        canary, hits = stack.enter_context(receivers.raw(receivers.silent, host="127.0.0.2"))
        secure, knocks = stack.enter_context(receivers.raw(receivers.bad_tls()))
        hooks.answers |= {
            "/500": (500, {}),
            "/429": (429, {"retry-after": str(int(PATIENCE))}),
            "/410": (410, {}),
            "/redirect": (307, {"location": f"http://{canary}/"}),
        }
        urls = {path: f"{site}{path}" for path in hooks.answers}
        urls |= {
            "flood": f"http://{stack.enter_context(receivers.raw(receivers.flood))[0]}/",
            "drip": f"http://{stack.enter_context(receivers.raw(receivers.drip))[0]}/",
            "tls": f"https://{secure}/",
            "private": f"http://{canary}/",
        }
        yield urls, hits, knocks


@scenario("F12", "webhooks: 500, 429, 410, redirect inside, 1 GB, one byte a second, bad TLS, a private address")
def webhook_faults(run: Run) -> None:
    hooks = Hooks()
    with ill_endpoints(hooks) as (urls, hits, knocks):
        hooks.answers["/410"] = (500, {})  # until another channel of the owner took something, by which it can be told
        made = begin_with(run, list(urls.values()))
        run.alerts(1)
        hooks.answers["/410"] = (410, {})
        run.injected(f"eight ill endpoints beside a well one, told of everything: {', '.join(urls)}")
        run.must_be_refused[without_secrets(urls["/410"])] = "gone"
        run.wait(lambda: sink_is_done(run), 120, "the alerts of the receiver that is well")
        run.check("I1", promptness(run) < PROMPT_SECONDS, f"nine of ten alerts to the well one within {promptness(run):.1f} s")
        run.wait(lambda: len(hooks.asked["/500"]) > OPEN_AFTER, 200, "the circuit of /500 to open")
        run.moved("copytaster_channels", state="open")
        run.moved("copytaster_channels", state="disabled")
        _judge_schedule(run, hooks, knocks)
        for path in HEALING:
            del hooks.answers[path]
        run.over()
        for path in HEALING:
            run.command("channel", "enable", made[urls[path]].id)
        ill = [made[urls[name]] for name in ("/redirect", "drip", "tls", "private")]
        run.wait(lambda: all(_drained(run, made[urls[path]]) for path in HEALING), 120, "the backlogs of /500 and /429")
        put_aside(run, ill)
        run.settle()
        _judge_healed(run, hooks)
        run.check("I8", not hits, f"{len(hits)} hits on the canary")
    run.moved("copytaster_deliveries_total", state="retry")
    run.is_ready()


def _drained(run: Run, channel: Channel) -> bool:
    with run.rig.store.read() as tx:
        return not channels.find(tx, channel.id)[0].waiting


def _judge_schedule(run: Run, hooks: Hooks, knocks: list[float]) -> None:
    waits = [after.at - before.at for before, after in pairwise(hooks.asked["/500"])]
    grows = all(wait >= 0.9 * 5 * 2**number for number, wait in enumerate(waits[:OPEN_AFTER]))
    run.seen(f"/500 was asked after {', '.join(f'{wait:.0f}' for wait in waits)} s")
    run.check("I6", grows, "one question at a time, each after twice as long")
    patient = [after.at - before.at for before, after in pairwise(hooks.asked["/429"])]
    run.check(
        "I6", all(wait >= PATIENCE for wait in patient), f"/429 was asked again after {[round(each) for each in patient]} s"
    )
    gone = [each for each in hooks.asked["/410"] if each.status == 410]
    run.check("I6", len(gone) == 1, f"410 was answered {len(gone)} times")
    with run.rig.store.read() as tx:
        words = message_rows.c.payload.contains("was switched off")
        notices = list(tx.conn.execute(select(message_rows.c.payload).where(message_rows.c.state == "sent", words)).scalars())
    run.check("I6", len(notices) == 1, f"the owner was told {len(notices)} times by another channel that one was switched off")
    run.check("I8", not any("/410" in each for each in notices), "the notice shows no more of its address than the host")
    run.seen(f"the bad certificate was met {len(knocks)} times")


def _judge_healed(run: Run, hooks: Hooks) -> None:
    for path in HEALING:
        taken = hooks.taken(path)
        pairs = {pair for each in taken for pair in each.pairs()}
        run.check("I1", pairs == run.world.truth(), f"{len(pairs)} of {len(run.world.truth())} alerts to {path} once it was well")
        bodies = {each.id: {other.body for other in hooks.asked[path] if other.id == each.id} for each in taken}
        run.check("I3", all(len(each) == 1 for each in bodies.values()), f"every repeat to {path} is the same to the byte")
        run.check("I4", len(taken) == len(bodies), f"{len(taken)} taken by {path}, {len(bodies)} ids")


# -- F13 --------------------------------------------------------------------------------------------------------------


@scenario("F13", "every hint twice and out of order")
def hints_twice(run: Run) -> None:
    run.begin(World.of(pages=20), pages_per_second=6, start=False)
    run.rig.start()
    stop, copies = threading.Event(), [0]
    thread = threading.Thread(target=_copy_hints, args=(str(run.rig.config().redis_socket), stop, copies, run.rng), daemon=True)
    thread.start()
    run.injected("copies of hints at either end of every queue, all the time")
    try:
        run.settle()
    finally:
        stop.set()
        thread.join(10)
    run.seen(f"{copies[0]} copies of hints")
    run.check("I6", copies[0] >= 50, f"{copies[0]} copies")
    run.moved("copytaster_deliveries_total", state="sent")
    run.is_ready()


def _copy_hints(path: str, stop: threading.Event, copies: list[int], rng: random.Random) -> None:
    """Each one that is seen waiting once more, at either end; and old ones again and again, long after they were done."""
    known: list[bytes] = []
    with redis.Redis(unix_socket_path=path) as client:
        while not stop.wait(0.005):
            for stage in STAGES:
                fresh = [each for each in client.lrange(stage, 0, -1) if each not in known]
                again = [rng.choice(known)] if known and rng.random() < 0.02 else []
                for each in fresh + again:
                    target = stage if each in fresh else rng.choice(STAGES)
                    (client.lpush if rng.random() < 0.5 else client.rpush)(target, each)
                    copies[0] += 1
                known = (known + fresh)[-500:]
