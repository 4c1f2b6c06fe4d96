"""Started while a service is absent: copytaster waits, says so, and goes on by itself once it is there."""

import time

from tests.chaos.registry import scenario
from tests.chaos.run import Run

WAIT_SECONDS = 10.0


def log(run: Run) -> str:
    return (run.folder / "up.log").read_text("utf-8", "replace")


@scenario("S", "started while PostgreSQL is absent")
def without_postgresql(run: Run) -> None:
    url = run.postgresql()
    host, _, database = url.rpartition("/")
    proxy = run.proxy(int(host.rpartition(":")[2]))
    proxied = f"{host.rpartition(':')[0]}:{proxy.port}/{database}"
    rig = run.begin(environment={"COPYTASTER_STORE__URL": proxied}, start=False)
    proxy.mood = "cut"
    rig.begin()
    run.injected("PostgreSQL can't be reached for 10 s while everything starts")
    run.wait(lambda: "waiting for the store" in log(run), 60, "a word that the store is waited for")
    time.sleep(WAIT_SECONDS)
    proxy.mood = "pass"
    run.over()
    run.settle()
    run.check("I6", "waiting for the store" in log(run), "it said that it waits for the store")
    run.is_ready()


@scenario("S", "started while Redis is absent")
def without_redis(run: Run) -> None:
    redis = run.redis()
    redis.kill()
    rig = run.begin(environment={"COPYTASTER_REDIS__URL": redis.url}, start=False)
    rig.begin()
    run.injected("no Redis for 10 s while everything starts")
    run.wait(lambda: run.ready()[0] == 503, 60, "readiness to say that the broker is away")
    _, checks = run.ready()
    time.sleep(WAIT_SECONDS)
    redis.start()
    run.over()
    run.settle()
    run.check("I6", checks.get("broker", "ok") != "ok", f"meanwhile: {checks.get('broker')}")
    run.is_ready()


@scenario("S", "started while Elasticsearch is absent")
def without_engine(run: Run) -> None:
    server = run.elasticsearch()
    proxy = run.proxy(server.port)
    proxy.mood = "cut"
    rig = run.begin(environment={"COPYTASTER_SEARCH__URL": f"http://127.0.0.1:{proxy.port}"}, start=False)
    rig.begin()
    run.injected("no Elasticsearch until the first alerts are out")
    run.wait(lambda: len(rig.received()) >= 5, 90, "alerts without a search engine")
    run.check("I6", run.metric("copytaster_search_up") == 0.0, "meanwhile search_up was 0")
    proxy.mood = "pass"
    run.over()
    run.settle()
    run.is_ready()
