"""F1 to F5: each kind of process is killed, at random instants and at named places before and after each write and send."""

import itertools
import time
from collections.abc import Callable

from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World

KILLS, KILLING_SECONDS = 30, 60.0  # at most; one that died at once again and again is not started again at once
RECOVERY_SECONDS = 45.0  # a lease and 15 s: then alerts come again

# What each kind of process moves, by name and labels.
METRICS: dict[str, tuple[str, dict[str, str]]] = {
    "crawl": ("copytaster_pages_fetched_total", {}),
    "read": ("copytaster_articles_read_total", {"outcome": "new"}),
    "send": ("copytaster_deliveries_total", {"state": "sent"}),
    "index": ("copytaster_stage_seconds_count", {"stage": "index"}),
    "beat": ("copytaster_worker_progress_timestamp_seconds", {"kind": "beat"}),
}
POINTS = {
    "F1": ("crawl", ("crawl.results", "crawl.written"), 6),
    "F2": ("read", ("ingest.claimed", "ingest.extracted", "ingest.landed"), 9),
    "F3": ("send", ("deliver.claimed", "deliver.sent", "deliver.settled"), 15),
    "F4": ("index", ("index.claimed", "index.put", "index.noted"), 6),
    "F5": ("beat", ("beat.looked", "beat.hinted"), 3),
}
# So slowly do pages come that even an idle machine needs more than six batches for them; with deaths at every second one a busy
# machine got on by one document in half a minute, for what died with its worker is tried again alone.
PAGES_PER_SECOND = {"F4": 3.0}
NAMES = {"F1": "the crawler", "F2": "ingest", "F3": "deliver", "F4": "the index stage", "F5": "the scheduler"}


def random_kills(run: Run, role: str) -> None:
    """0.3 to 2 s apart, whoever is alive then, while pages come slowly enough to last."""
    victim = "send" if role == "index" else role  # one process sends and indexes
    run.begin(World.of(pages=30), pages_per_second=3)
    run.alerts(1)
    until = time.monotonic() + KILLING_SECONDS
    while run.kills < KILLS and time.monotonic() < until:
        run.kill_if_there(victim)
        time.sleep(run.rng.uniform(0.3, 2.0))
    run.injected(f"{run.kills} kill -9, 0.3 to 2 s apart")
    began = time.monotonic()
    before = len(run.rig.received())
    run.wait(lambda: run.rig.settled() or len(run.rig.received()) > before, RECOVERY_SECONDS, "an alert after the last kill")
    run.seen(f"alerts again {time.monotonic() - began:.0f} s after the last kill")
    run.settle()
    name, labels = METRICS[role]
    run.moved(name, **labels)
    run.is_ready()


def named_point(run: Run, fault: str, point: str) -> None:
    """Each process dies at its n-th passing of the place, and so does the one that follows it, all the way."""
    role, _, nth = POINTS[fault]
    environment = {"COPYTASTER_CRASHPOINT": f"{point}:{nth}"}
    run.begin(environment=environment, pages_per_second=PAGES_PER_SECOND.get(fault, 12.0))
    run.injected(f"death at {point}, by each process at its passing number {nth}")
    run.settle(300)
    run.kills += run.deaths()
    run.seen(f"{run.deaths()} deaths there")
    name, labels = METRICS[role]
    run.moved(name, **labels)
    run.check("I6", run.deaths() > 0, f"{run.deaths()} deaths at {point}")


def _random(role: str) -> Callable[[Run], None]:
    return lambda run: random_kills(run, role)


def _point(fault: str, point: str) -> Callable[[Run], None]:
    return lambda run: named_point(run, fault, point)


def _named(act: Callable[[Run], None], name: str) -> Callable[[Run], None]:
    act.__name__ = name
    return act


for fault, (role, points, _) in POINTS.items():
    scenario(fault, f"kill -9 of {NAMES[fault]} at random")(_named(_random(role), f"kill_{role}"))
    for point in points:
        acted = _named(_point(fault, point), "at_" + point.replace(".", "_"))
        scenario(fault, f"{NAMES[fault]} dies at {point}", short=point == "deliver.sent")(acted)


@scenario("S", "each process in turn is killed, and Redis wiped between", short=True)
def kill_each_in_turn(run: Run) -> None:
    run.begin(World.of(hosts=6, pages=20, watches=60))
    for role in ("crawl", "read", "send", "beat", "web", "redis"):
        run.kill(role)
        run.injected(f"kill -9 of {role}")
        if role == "send":
            run.wipe()
            run.injected("FLUSHALL")
        run.alerts(3)
    run.settle()
    for name, labels in itertools.islice(METRICS.values(), 3):
        run.moved(name, **labels)
    run.is_ready()


@scenario("S", "the supervisor is killed, and started again", short=True)
def kill_supervisor(run: Run) -> None:
    rig = run.begin()
    run.alerts(3)
    assert rig.process
    rig.process.kill()
    rig.process.wait()
    run.kills += 1
    run.injected("kill -9 of the supervisor, all its children end with it")
    time.sleep(0.5)
    rig.start()
    run.settle()
    run.is_ready()


@scenario("S", "stopped in the middle, started again")
def stop_cleanly(run: Run) -> None:
    rig = run.begin()
    run.alerts(3)
    began = time.monotonic()
    rig.stop()
    took = time.monotonic() - began
    run.injected("SIGTERM to the supervisor in the middle of everything")
    run.seen(f"stopped in {took:.1f} s")
    run.check("I6", took < 20, f"a clean stop took {took:.1f} s, 20 s are allowed")
    rig.start()
    run.settle()
    run.is_ready()
