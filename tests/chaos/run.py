"""One run of a scenario: a whole copytaster over a small press, what was done to it, what was seen, and the evidence.

It owns set-up, waiting and gathering; what must hold is the checker's, and what goes wrong is the scenario's.
"""

import contextlib
import datetime as dt
import json
import pathlib
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import redis
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from copytaster.crashpoints import DEATH
from copytaster.store import Tx
from copytaster.store.schema import articles, attempts, channels, messages
from desk.bench.rig import Rig
from search.query import parse
from tests.chaos import faults
from tests.chaos.checker import Evidence, Verdict, judge, repeats_of, told
from tests.chaos.world import EVERYWHERE, World
from tests.services import elasticsearch, postgresql, running
from workers.bootstrap import open_engine
from workers.embedded import EmbeddedRedis

SOURCE_SECRET, WEB_SECRET, MAIL_SECRET = "secret-of-a-source-3b1c", "secret-of-the-page-77aa", "secret-of-the-relay-d41d"
COMMANDS = (
    ("status", "--json"),
    ("status",),
    ("source", "list", "--json"),
    ("watch", "list", "--json"),
    ("deliveries", "list", "--json"),
    ("refused", "list", "--json"),
)
SETTLE_SECONDS = 180.0


class Run:
    """Begin it, hurt it, say so; ``verdicts`` ends it and judges."""

    def __init__(self, folder: pathlib.Path, *, seed: int = 1) -> None:
        self.folder, self.rng = folder, random.Random(seed)
        self.injections: list[str] = []
        self.sights: list[str] = []
        self.own: list[Verdict] = []
        self.kills, self.repeats_allowed = 0, 0
        self.must_be_refused: dict[str, str] = {}
        self.unindexed: set[str] = set()  # URLs that the engine refused, each listed
        self.secrets = [SOURCE_SECRET, WEB_SECRET, MAIL_SECRET]
        self.said: dict[str, str] = {}
        self.world = World()
        self.rig: Rig
        self._web_port = running.free_port()
        self._fault_at: float | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- what a scenario says -----------------------------------------------------------------------------------------

    def injected(self, what: str) -> None:
        """Also notes the instant: recovery counts from the last one."""
        self.injections.append(what)
        self._fault_at = time.time()

    def over(self) -> None:
        """The last fault is over now; recovery counts from here."""
        self._fault_at = time.time()

    def seen(self, what: str) -> None:
        self.sights.append(what)

    def check(self, code: str, ok: bool, why: str) -> None:
        """A part of a verdict that only the scenario can judge: I6 always, others where it has more to say."""
        self.own.append(Verdict(code, bool(ok), why))

    # -- the world and what runs --------------------------------------------------------------------------------------

    def use(self, what: contextlib.AbstractContextManager[Any]) -> None:
        """Until this run is over."""
        self._stack.enter_context(what)

    def postgresql(self) -> str:
        """The URL of a migrated database on a server of this run's own."""
        server = self._stack.enter_context(postgresql.started())
        return self._stack.enter_context(server.database(migrated=True))

    def elasticsearch(self) -> "elasticsearch.Server":
        return self._stack.enter_context(elasticsearch.started())

    def redis(self, *options: str) -> faults.OwnRedis:
        """A server of this run's own, to be killed; give its ``url`` as COPYTASTER_REDIS__URL."""
        home = self._stack.enter_context(running.folder())
        return self._stack.enter_context(faults.OwnRedis(str(home), *options))

    def proxy(self, port: int) -> faults.TcpProxy:
        return self._stack.enter_context(faults.TcpProxy(port))

    def begin(
        self,
        world: World | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        pages_per_second: float | None = 12,
        workers: int = 2,
        crawlers: int = 1,
        apart: bool = False,
        start: bool = True,
    ) -> Rig:
        """Sites, sink, watches and sources are there and copytaster runs, unless ``start`` says that the scenario starts it."""
        self.world = world or World.of()
        settings = {"WEB__PORT": str(self._web_port), "WEB__SECRET": WEB_SECRET, "SEARCH__REPLICAS": "0"}
        own = {f"COPYTASTER_{name}": value for name, value in settings.items()} | dict(environment or {})
        self.rig = self._stack.enter_context(
            Rig(
                self.folder,
                self.world.sites,
                pages_per_second=pages_per_second,
                environment=own,
                workers=workers,
                crawlers=crawlers,
                source_headers={"X-Api-Key": SOURCE_SECRET},
            )
        )
        self.rig.add_watches(self.world.watches, apart=apart)
        with self.rig.store.read() as tx:
            self.secrets += _channel_secrets(tx)
        if start:
            self.rig.start()
        self.rig.add_sources(self.world.feeds)
        return self.rig

    @property
    def supervisor(self) -> int:
        assert self.rig.process
        return self.rig.process.pid

    def kill(self, role: str) -> None:
        """SIGKILL to one process of that role; waits until one is there."""
        self.wait(lambda: faults.processes(self.supervisor, role), 60, f"a process that does {role}")
        self.kill_if_there(role)

    def kill_if_there(self, role: str) -> None:
        self.kills += faults.kill_one(self.supervisor, role, self.rng)

    def deaths(self) -> int:
        """How many processes died at a crash point."""
        return (self.folder / "up.log").read_text("utf-8", "replace").count(DEATH)

    def redis_answers(self) -> bool:
        return EmbeddedRedis(self.rig.config().redis_socket, self.folder).answers()

    def wipe(self) -> None:
        """FLUSHALL of the embedded Redis."""
        with redis.Redis(unix_socket_path=str(self.rig.config().redis_socket)) as client:
            client.flushall()

    def stopped(self, role: str) -> contextlib.AbstractContextManager[None]:
        return running.stopped([each.pid for each in faults.processes(self.supervisor, role)])

    def wait(self, done: Callable[[], Any], seconds: float, what: str) -> None:
        self.rig.wait(done, seconds, what)

    def alerts(self, more: int = 1, seconds: float = 60) -> None:
        """Until so many more messages came, or all that can come did."""
        before = len(self.rig.received())
        self.wait(lambda: self.rig.settled() or len(self.rig.received()) >= before + more, seconds, f"{more} more alerts")

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        self.wait(self.rig.settled, seconds, "everything to be done")
        self.wait(lambda: self.page("/health/live")[0] == 200, 60, "the page to answer, which may have been killed last")

    # -- what can be asked --------------------------------------------------------------------------------------------

    def command(self, *words: str, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        """One of the product's own commands under this run's configuration; what it said is kept for I8."""
        command = [sys.executable, "-P", "-m", "desk.cli", *words]
        done = subprocess.run(command, env=self.rig.variables(), capture_output=True, text=True, timeout=seconds, check=False)
        self.said[" ".join(words)] = self.said.get(" ".join(words), "") + done.stdout + done.stderr
        return done

    def lines(self, *words: str) -> list[dict[str, Any]]:
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def page(self, path: str, timeout: float = 10, *, posted: bytes | None = None) -> tuple[int, str]:
        """Status and text of a page of the web process; (0, "") where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._web_port}{path}", posted, timeout) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read().decode()
        except OSError:
            return 0, ""
        self.said[path] = self.said.get(path, "") + text
        return status, text

    def ready(self) -> tuple[int, dict[str, str]]:
        """The status of /health/ready and what it says of each check."""
        status, text = self.page("/health/ready")
        return status, json.loads(text)["checks"] if status in (200, 503) and text.startswith("{") else {}

    def metric(self, name: str, **labels: str) -> float | None:
        """The sum of a metric's samples that carry these labels; None where there is none."""
        status, text = self.page("/metrics", timeout=30)
        if status != 200:
            return None
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def moved(self, name: str, *, at_least: float = 1, **labels: str) -> None:
        """I6: the named metric reached a value by the end."""
        value = self.metric(name, **labels)
        told = f"{name}{labels or ''} = {value}"
        self.check("I6", value is not None and value >= at_least, told)

    def is_ready(self) -> None:
        """I6: at the end all is well, and readiness says so."""
        status, checks = self.ready()
        self.check(
            "I6", status == 200, f"ready {status}" + "".join(f", {name}: {why}" for name, why in checks.items() if why != "ok")
        )

    # -- the end ------------------------------------------------------------------------------------------------------

    def verdicts(self) -> list[Verdict]:
        """Waits until the queues are empty, and judges."""
        if not self.rig.settled():
            self.settle()
        left = faults.orphans(self.folder)
        self.check("I6", not left, f"{left} processes outlive those that started them")
        self._audited()
        return judge(self._evidence())

    def _audited(self) -> None:
        """The product's own audit must agree that nothing was missed. It mends what it finds, so what it says is what counts."""
        done = self.command("audit", "--json", seconds=1_200)
        sums = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
        why = done.stderr.strip() if not sums else f"the audit of {sums['articles']} articles found {sums['missed']} missed"
        self.check("I1", sums.get("missed") == 0, why)

    def recovery_seconds(self) -> float | None:
        """From the last fault to the last alert, negative where that came before; None where there was no fault or alert."""
        received = self.rig.received()
        if not self._fault_at or not received:
            return None
        return max(_seconds(message) for message in received) - self._fault_at

    def figures(self) -> dict[str, Any]:
        """For the table: alerts, messages, repeats, kills, and seconds from the last fault to the last alert (0: before it)."""
        received, recovery = self.rig.received(), self.recovery_seconds()
        return {
            "alerts": len(told(received)),
            "messages": len(received),
            "repeats": repeats_of(received),
            "kills": self.kills,
            "recovery_seconds": None if recovery is None else round(max(recovery, 0.0), 1),
        }

    def _evidence(self) -> Evidence:
        if self.rig.process and self.rig.process.poll() is None:
            for path in ("/", "/metrics", "/health/ready", "/health/live"):
                self.page(path, timeout=30)
        for words in COMMANDS:
            self.command(*words)
        refused = [json.loads(line) for line in self.said["refused list --json"].splitlines()]
        self.said["log"] = (self.folder / "up.log").read_text("utf-8", "replace")
        with self.rig.store.read() as tx:
            stored = {row.url: row.id for row in tx.conn.execute(select(articles.c.url, articles.c.id))}
            claims = tx.conn.execute(select(func.coalesce(func.sum(messages.c.attempts), 0))).scalar_one()
            outcomes = tx.conn.execute(select(func.count()).select_from(attempts)).scalar_one()
        return Evidence(
            truth=self.world.truth(),
            received=self.rig.received(),
            kills=self.kills,
            leases_ran_out=max(claims - outcomes, 0),
            repeats_allowed=self.repeats_allowed,
            written=set(self.world.articles),
            stored=stored,
            unindexed=self.unindexed,
            refused=refused,
            must_be_refused=self.must_be_refused,
            indexed=list(self._indexed()),
            said=self.said,
            secrets=self.secrets,
            own=self.own,
        )

    def _indexed(self) -> Iterator[str]:
        """Ids of all that the search finds."""
        engine = open_engine(self.rig.config(), self.rig.store)
        try:
            engine.refresh()
            query, cursor = parse(EVERYWHERE), None
            while True:
                page = engine.search(query, size=200, cursor=cursor)
                yield from (each.id for each in page.hits)
                cursor = page.cursor
                if cursor is None:
                    return
        finally:
            engine.close()


def _seconds(message: Mapping[str, Any]) -> float:
    return dt.datetime.fromisoformat(message["received_at"]).timestamp()


def _channel_secrets(tx: Tx) -> Sequence[str]:
    return list(tx.conn.execute(select(channels.c.secret)).scalars())
