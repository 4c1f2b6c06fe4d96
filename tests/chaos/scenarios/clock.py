"""F14: the machine's clock jumps an hour forward or back."""

import time

from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World
from tests.services.clock import WrongClock

BUSY_READINGS = 3.0  # of one endpoint in the minute after the jump: no storm


def begin(run: Run) -> WrongClock:
    clock = WrongClock(run.folder)
    run.begin(World.of(pages=30), environment=clock.variables, pages_per_second=5)
    run.alerts(3)
    return clock


def jump(run: Run, by: int, what: str) -> None:
    clock = begin(run)
    before, read = len(run.rig.received()), len(feeds(run))
    clock.set_off(by)
    run.injected(what)
    run.wait(lambda: len(run.rig.received()) >= before + 3, 90, "alerts after the clock jumped")
    run.settle()
    run.wait(lambda: len(feeds(run)) > read, 150, "a feed to be read again after the jump")
    time.sleep(5)
    asked = len(feeds(run)) - read
    run.check("I6", asked <= BUSY_READINGS * len(run.world.sites), f"{asked} readings of {len(run.world.sites)} feeds since")
    run.moved("copytaster_articles_read_total", outcome="new")
    run.is_ready()


def feeds(run: Run) -> list[object]:
    return [each for each in run.rig.site.requests() if each.path == "/feed.xml"]


@scenario("F14", "the clock jumps an hour forward")
def clock_forward(run: Run) -> None:
    jump(run, 3600, "the clock of every process one hour forward")


@scenario("F14", "the clock jumps an hour back")
def clock_back(run: Run) -> None:
    jump(run, -3600, "the clock of every process one hour back")
