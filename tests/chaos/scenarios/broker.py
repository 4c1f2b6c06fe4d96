"""F7 and F8: Redis is killed, wiped, out of memory, or half open: sockets are up and nothing answers."""

import time

import redis as client

from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World

PROGRESS_SECONDS = 60.0


def own(url: str, **more: str) -> dict[str, str]:
    return {"COPYTASTER_REDIS__URL": url, **more}


def told_down(run: Run) -> None:
    """While the broker is away readiness says so and its metric is 0."""
    run.wait(lambda: run.metric("copytaster_broker_up") == 0.0, 60, "broker_up to be 0")
    status, checks = run.ready()
    run.check("I6", status == 503 and checks["broker"] != "ok", f"while it was away broker_up was 0 and ready {status}")


@scenario("F7", "Redis is killed and comes back")
def redis_killed(run: Run) -> None:
    redis = run.redis()
    run.begin(environment=own(redis.url))
    run.alerts(3)
    redis.kill()
    run.injected("kill -9 of Redis for 10 s")
    told_down(run)
    time.sleep(10)
    redis.start()
    run.over()
    run.settle()
    run.moved("copytaster_broker_up")
    run.is_ready()


@scenario("F7", "Redis is wiped twice")
def redis_wiped(run: Run) -> None:
    redis = run.redis()
    run.begin(environment=own(redis.url))
    for _ in range(2):
        run.alerts(4)
        with client.Redis.from_url(redis.url) as connection:
            connection.flushall()
        run.injected("FLUSHALL")
    run.settle()
    run.moved("copytaster_broker_up")
    run.is_ready()


@scenario("F7", "Redis is out of memory")
def redis_full(run: Run) -> None:
    redis = run.redis()
    run.begin(environment=own(redis.url), pages_per_second=6)
    run.alerts(3)
    with client.Redis.from_url(redis.url) as connection:
        connection.config_set("maxmemory", "1")
    run.injected("maxmemory 1 byte for 20 s: every write is refused")
    run.wait(lambda: (run.metric("copytaster_hints_lost_total") or 0) >= 1, 60, "a hint that is lost")
    time.sleep(20)
    with client.Redis.from_url(redis.url) as connection:
        connection.config_set("maxmemory", "0")
    run.over()
    run.settle()
    run.moved("copytaster_hints_lost_total")
    run.is_ready()


@scenario("F8", "Redis is half open: the server is stopped")
def redis_stopped(run: Run) -> None:
    redis = run.redis()
    run.begin(World.of(pages=24), environment=own(redis.url), pages_per_second=4)
    run.alerts(3)
    with redis.stopped():
        run.injected("SIGSTOP of Redis for 20 s: its sockets stay up")
        told_down(run)
        time.sleep(20)
    back(run)


@scenario("F8", "Redis is half open: the network between goes deaf, and stays so for what was connected")
def redis_deaf(run: Run) -> None:
    redis = run.redis()
    proxy = run.proxy(redis.port)
    run.begin(World.of(pages=24), environment=own(f"redis://127.0.0.1:{proxy.port}/0"), pages_per_second=4)
    run.alerts(3)
    proxy.mood = "deaf"
    run.injected("a proxy before Redis hands nothing on for 40 s")
    told_down(run)
    time.sleep(40)
    proxy.forget()  # what was connected hears nothing any more, as behind a firewall that lost its table
    proxy.mood = "pass"
    back(run)


def back(run: Run) -> None:
    run.over()
    before, began = len(run.rig.received()), time.monotonic()
    run.wait(
        lambda: run.rig.settled() or len(run.rig.received()) > before, PROGRESS_SECONDS, "progress after Redis answers again"
    )
    run.seen(f"progress again {time.monotonic() - began:.1f} s after Redis answered")
    run.settle()
    run.moved("copytaster_broker_up")
    run.is_ready()
