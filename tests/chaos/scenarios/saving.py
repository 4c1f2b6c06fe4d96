"""Watches that are saved while articles arrive: each is matched with all that is read after it was saved, and nothing before."""

import datetime as dt
import time

from sqlalchemy import select

from copytaster.store.schema import articles, watches
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World

BEFORE, MEANWHILE = 10, 60


def saved_meanwhile(run: Run, environment: dict[str, str]) -> None:
    world = World.of(hosts=4, pages=30, watches=BEFORE + MEANWHILE)
    world.watches, late = world.watches[:BEFORE], world.watches[BEFORE:]
    run.begin(world, environment=environment, pages_per_second=10)
    run.alerts(1)
    saved_at: dict[str, dt.datetime] = {}
    for name, query in late:
        run.rig.add_watches([(name, query)])
        saved_at[name] = dt.datetime.now(dt.UTC)
        time.sleep(run.rng.uniform(0.0, 0.4))
    run.injected(f"{len(late)} watches saved at random instants while articles arrived")
    run.settle()
    world.watches = [*world.watches, *late]
    _judge(run, world, saved_at)
    run.moved("copytaster_watch_epoch", at_least=len(world.watches))
    run.is_ready()


def _judge(run: Run, world: World, saved_at: dict[str, dt.datetime]) -> None:
    """What was read under an older epoch was read before the watch was saved; by the clock, too, no later article was."""
    everything = world.truth()
    with run.rig.store.read() as tx:
        read = {row.url: row for row in tx.conn.execute(select(articles.c.url, articles.c.watch_epoch, articles.c.first_seen_at))}
        epochs = dict(tx.conn.execute(select(watches.c.id, watches.c.epoch)).all())
    world.too_early = {(name, url) for name, url in everything if read[url].watch_epoch < epochs[name]}
    late = [pair for pair in world.too_early if read[pair[1]].first_seen_at > saved_at[pair[0]]]
    both = {name: {read[url].watch_epoch >= epochs[name] for url in read} for name in saved_at}
    between = sum(len(each) == 2 for each in both.values())
    run.seen(
        f"{between} of {len(saved_at)} watches came between two articles; {len(world.too_early)} pairs were too early for theirs"
    )
    run.check("I1", not late, f"{len(late)} articles that came after a watch was saved were read without it")
    run.check("I6", between >= len(saved_at) // 4, f"{between} watches were saved while articles arrived")


@scenario("F10", "watches are saved while articles arrive, on SQLite", short=True)
def watch_saved_sqlite(run: Run) -> None:
    saved_meanwhile(run, {})


@scenario("F10", "watches are saved while articles arrive, on PostgreSQL")
def watch_saved_postgresql(run: Run) -> None:
    saved_meanwhile(run, {"COPYTASTER_STORE__URL": run.postgresql()})
