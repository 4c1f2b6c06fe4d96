"""The storm: 3,000 deliveries, fourteen kills over all kinds of processes and two wipes of Redis, over each kind of store."""

import time

from tests.chaos.faults import ROLES
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import EVERYWHERE, World

DELIVERIES, WATCHES, KILLS = 3_000, 10, 14
RECOVERY_SECONDS = 60.0


def storm(run: Run, environment: dict[str, str]) -> None:
    world = World.of(hosts=6, pages=DELIVERIES // WATCHES // 6, watches=0)
    world.watches = [(f"w{number:02}", EVERYWHERE) for number in range(WATCHES)]
    run.begin(world, environment=environment, pages_per_second=10, apart=True)
    run.alerts(10)
    victims = [*ROLES, *(run.rng.choice(ROLES) for _ in range(KILLS - len(ROLES)))]
    run.rng.shuffle(victims)
    for number, victim in enumerate(victims):
        run.kill(victim)
        run.injected(f"kill -9 of {victim}")
        if number in (4, 9):
            run.wait(run.redis_answers, 30, "Redis to be back")
            run.wipe()
            run.injected("FLUSHALL")
        time.sleep(run.rng.uniform(1.0, 4.0))
    run.settle(300)
    recovery = run.recovery_seconds() or 0.0
    run.check(
        "I1",
        recovery <= RECOVERY_SECONDS,
        f"the last alert {recovery:.0f} s after the last fault, {RECOVERY_SECONDS:.0f} s are allowed",
    )
    run.moved("copytaster_deliveries_total", at_least=1, state="sent")
    run.is_ready()


@scenario("S", "storm: 3,000 deliveries, 14 kills, 2 wipes, on SQLite")
def storm_sqlite(run: Run) -> None:
    storm(run, {})


@scenario("S", "storm: 3,000 deliveries, 14 kills, 2 wipes, on PostgreSQL")
def storm_postgresql(run: Run) -> None:
    storm(run, {"COPYTASTER_STORE__URL": run.postgresql()})
