"""F21 and F22: abuse of what is exposed while all runs, and the takedown of an article and of a source in the middle of a run."""

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import cast, func, select, update
from sqlalchemy.types import Text

from copytaster.store import schema
from copytaster.urls import normalize, url_id
from tests.chaos.checker import Pair, told
from tests.chaos.registry import scenario
from tests.chaos.run import Run
from tests.chaos.world import World

QUERIES = (
    "*",
    "a*",
    "NOT a",
    "(" * 200 + "a" + ")" * 200,
    " OR ".join(f"word{number}" for number in range(10_000)),
    " ".join("abc*" for _ in range(1_001)),
    '"a b"~100000',
    "NOT " * 500 + "a",
    "x" * 60_000,
)
BOMBS = ("(a+)+$", ".*" * 50, '"' + "a " * 900 + '"~100')
TOKEN = "secret-of-alertmanager-9c1e"
COMMAND_SECONDS = 30.0  # a start of Python on a busy machine included


@scenario("F21", "abuse of all that is exposed: queries, unsubscribing, callbacks, alerts, headers, other people's ids")
def abused(run: Run) -> None:
    run.secrets.append(TOKEN)
    run.begin(environment={"COPYTASTER_OPERATOR__TOKEN": TOKEN})
    run.alerts(2)
    run.injected(f"{len(QUERIES) + len(BOMBS)} queries, forged and foreign requests to every route")
    slowest, wrong = _queries(run)
    run.check("I6", not wrong, f"each query was refused in a sentence or answered, the slowest in {slowest:.1f} s {wrong}")
    answers = _requests(run)
    told = {name: status for name, status in answers.items() if not 400 <= status < 500}
    run.seen(f"{len(answers)} requests: {sorted(set(answers.values()))}")
    run.check("I6", not told, f"each abuse was answered with 4xx {told or ''}")
    with run.rig.store.read() as tx:
        off = tx.conn.execute(select(func.count()).where(schema.channels.c.state != "active")).scalar_one()
    run.check("I1", off == 0, f"{off} channels were switched off by strangers")
    run.settle()
    run.is_ready()


def _queries(run: Run) -> tuple[float, Sequence[str]]:
    slowest, wrong = 0.0, []
    for query in (*QUERIES, *BOMBS):
        began = time.monotonic()
        done = run.command("search", query[:120_000])
        seconds = time.monotonic() - began
        slowest = max(slowest, seconds)
        refused = done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
        if "Traceback" in done.stderr or seconds > COMMAND_SECONDS or not (refused or (done.returncode == 0 and query in BOMBS)):
            wrong.append(query[:40])
    return slowest, wrong


def _requests(run: Run) -> dict[str, int]:
    with run.rig.store.read() as tx:
        channel = tx.conn.execute(select(schema.channels.c.id)).scalars().first()
        endpoint = tx.conn.execute(select(schema.endpoints.c.id)).scalars().first()
    forms = {"content-type": "application/x-www-form-urlencoded"}
    one_click = b"List-Unsubscribe=One-Click"
    return {
        "a forged unsubscribe token": run_post(run, f"/unsubscribe/{'A' * 64}", one_click, forms),
        "another owner's channel as a token": run_post(run, f"/unsubscribe/{channel}", one_click, forms),
        "an unsubscribe from a foreign page": run_post(run, f"/unsubscribe/{channel}", b"", {"origin": "https://evil.example"}),
        "a huge unsubscribe": run_post(run, f"/unsubscribe/{channel}", b"x" * 100_000, forms),
        "a guessed callback": run_post(run, f"/websub/{endpoint}/{'0' * 24}", b"<rss/>", {"x-hub-signature": "sha1=00"}),
        "a guessed confirmation": run.page(f"/websub/{endpoint}/{'0' * 24}?hub.mode=subscribe&hub.challenge=x")[0],
        "an alert without the token": run_post(run, "/alertmanager", b"{}", {}),
        "an alert with a wrong token": run_post(run, "/alertmanager", b"{}", {"authorization": "Bearer x"}),
        "another host's name": _as_host(run, "evil.example"),
        "a way up": run.page("/..%2f..%2fetc/passwd")[0],
        "a line break": run.page("/unsubscribe/a%0d%0aset-cookie:%20x=1")[0],
        "a method that nobody serves": run_post(run, "/", b"", {}),
    }


def _as_host(run: Run, host: str) -> int:
    return _asked(urllib.request.Request(_url(run, "/"), headers={"host": host}))


def run_post(run: Run, path: str, body: bytes, headers: dict[str, str]) -> int:
    return _asked(urllib.request.Request(_url(run, path), data=body, headers=headers, method="POST"))


def _url(run: Run, path: str) -> str:
    return f"http://127.0.0.1:{run._web_port}{path}"


def _asked(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 413  # it hung up on a body that was too big, which urllib had not sent to its end


@dataclass(slots=True)
class Forgetful(World):
    """What was told before it was taken down was told rightly; nothing of it is to be told any more."""

    before: set[Pair] = field(default_factory=set)

    def truth(self) -> set[Pair]:
        return World.truth(self) | self.before

    def forget(self, gone: set[str], already: set[Pair]) -> None:
        self.before = {pair for pair in World.truth(self) & already if pair[1] in gone}
        for url in gone:
            del self.articles[url]


@scenario("F22", "an article and a whole source are taken down in the middle of a run")
def taken_down(run: Run) -> None:
    world = Forgetful.of()
    assert isinstance(world, Forgetful)
    run.begin(world, pages_per_second=6)
    run.alerts(6)
    url = min(url for _, url in told(run.rig.received()))
    source = next(site.host for site in world.sites if f"//{site.host}/" not in url)
    run.injected(f"forget of an article that was told and of the source {source}")
    said = [run.command("forget", url, "--yes", "--json"), run.command("forget", source, "--yes", "--json")]
    run.check(
        "I6", all(done.returncode == 0 for done in said), f"forget says {[(done.stdout + done.stderr)[:200] for done in said]}"
    )
    gone = {url} | {each for each in world.articles if f"//{source}/" in each}
    world.forget(gone, told(run.rig.received()))  # what comes after the command has ended is invented, and I2 tells
    _read_all_feeds_again(run)
    run.settle()
    left = _left(run, gone)
    run.check("I7", not left, f"rows that still name what was taken down: {left or 'none'}")
    again = run.command("source", "add", f"http://{source}/feed.xml", "--proxy", run.rig.site.proxy)
    run.check("I7", "was taken down" in again.stderr, f"added again: {again.stderr.strip()[:160]}")
    run.is_ready()


def _read_all_feeds_again(run: Run) -> None:
    """They list still what was taken down."""
    with run.rig.store.write() as tx:
        tx.conn.execute(update(schema.endpoints).values(due_at=tx.now, etag=None, last_modified=None))
        tx.conn.execute(update(schema.hosts).values(due_at=tx.now))


def _left(run: Run, gone: set[str]) -> list[str]:
    ids = {url_id(normalize(url)) for url in gone}
    found = []
    with run.rig.store.read() as tx:
        for table, column in (("articles", "id"), ("links", "id"), ("texts", "article_id"), ("matches", "article_id")):
            which = schema.metadata.tables[table]
            found += [table] * bool(tx.conn.execute(select(func.count()).where(which.c[column].in_(ids))).scalar_one())
        payloads = tx.conn.execute(select(cast(schema.messages.c.payload, Text))).scalars().all()
    return found + ["messages" for payload in payloads for url in gone if f'"{url}"' in payload][:1]
