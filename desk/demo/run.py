"""``copytaster demo``: the main job, whole and real, with nothing configured and no network.

It owns the order of the show: sites, sinks, copytaster itself, the edit, the summary. What is shown is the stage's.
"""

import datetime as dt
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from copytaster.config import Config
from copytaster.errors import CopytasterError, Transient
from copytaster.store import Store, watches
from copytaster.watches import Watch, WatchId
from desk.background import last_words, start_up, stop_up
from desk.demo.figures import Figures, read_figures
from desk.demo.stage import Stage
from desk.demo.world import SOURCES, WATCHES, apply_edit, build
from desk.fetching import Manner
from desk.loopback import SiteServer, seconds_to_alert
from desk.opening import Desk
from desk.sinks import MailSink, Received, WebhookSink
from desk.sources import Options, add, survey
from workers.bootstrap import open_store

READ_SECONDS = 40.0
EDIT_SECONDS = 20.0
EVERY_SECONDS = 2.0  # our own sites may be asked that often
CALM_SECONDS = 0.7  # nothing to do for this long: what there was has been done
READER = "mailto:reader@demo.example"


@dataclass(slots=True)
class Demo:
    """One run in a folder of its own. ``received`` keeps every webhook, with its payload, as it came."""

    folder: pathlib.Path
    stage: Stage
    site: SiteServer
    web_port: int
    process: subprocess.Popen[bytes] | None = None
    arriving: "queue.SimpleQueue[Received]" = field(default_factory=queue.SimpleQueue)
    alerts: list[tuple[str, dt.datetime]] = field(default_factory=list)
    mails: list[Received] = field(default_factory=list)

    def configure(self, mail_url: str) -> Config:
        """Writes the demo's copytaster.toml: our own sites may be asked without a pause, and often."""
        settings: dict[str, dict[str, Any]] = {
            "guard": {"allow": ["127.0.0.1/32"]},
            "mail": {"url": mail_url, "sender": "copytaster <alerts@demo.example>"},
            "web": {"port": self.web_port},
            "heartbeat": {"every_seconds": 0},  # what is counted is the press alone
            "crawl": {"delay_seconds": 0.0, "autothrottle": False, "min_interval_seconds": EVERY_SECONDS},
        }
        lines = [
            "# The demo's own; every setting is in the file that `copytaster init` writes.",
            f"data_dir = {json.dumps(str(self.folder))}",
        ]
        for table, values in settings.items():
            # JSON writes strings, numbers, booleans and lists just as TOML does.
            lines += ["", f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
        self.config_file.write_text("\n".join(lines) + "\n", "utf-8")
        return Config.model_validate({**settings, "data_dir": self.folder})

    @property
    def config_file(self) -> pathlib.Path:
        return self.folder / "copytaster.toml"

    def start(self) -> None:
        variables = {**os.environ, "COPYTASTER_CONFIG": str(self.config_file), "COPYTASTER_LOG_LEVEL": "error"}
        self.process = start_up(self.log, variables)

    @property
    def log(self) -> pathlib.Path:
        return self.folder / "up.log"

    def stop(self) -> None:
        stop_up(self.process)

    def show(self, store: Store, seconds: float, *, alerts: int = 0) -> Figures:
        """Shows progress and alerts until nothing is left to do and so many alerts came, or the time is up."""
        until, calm_since = time.monotonic() + seconds, time.monotonic()
        while True:
            figures = read_figures(store)
            self.stage.progress(figures)
            if self._show_alerts() or figures.busy or not figures.articles or len(self.alerts) < alerts:
                calm_since = time.monotonic()
            if time.monotonic() - calm_since > CALM_SECONDS or time.monotonic() > until:
                return figures
            if self.process and self.process.poll() is not None:
                raise Transient(f"copytaster ended by itself: {last_words(self.log)}")
            time.sleep(0.1)

    def _show_alerts(self) -> int:
        shown = 0
        while not self.arriving.empty():
            message, shown = self.arriving.get(), shown + 1
            payload = json.loads(message.body)
            fresh = [(item["article"]["url"], message.received_at) for item in payload["items"]]
            late = seconds_to_alert(self.site.requests(), fresh)
            self.stage.alert(payload, max(late, default=None))
            self.alerts += fresh
        return shown


def run_demo(*, keep: bool = False) -> None:
    """The whole show; raises Transient where copytaster itself does not come up."""
    from rich.console import Console

    for name in [each for each in os.environ if each.startswith("COPYTASTER_")]:
        del os.environ[name]  # settings of an installation, its store above all, would win over the demo's own
    console = Console(highlight=False)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background ignores SIGINT; whatever ends us ends all we started
        signal.signal(number, signal.default_int_handler)
    now = dt.datetime.now(dt.UTC)
    with ExitStack() as stack:
        # Kept, the folder stays: somebody may want to look into it.
        made = tempfile.mkdtemp(prefix="copytaster-demo-")
        if not keep:
            stack.callback(_remove, made)
        site = stack.enter_context(SiteServer(build(now)))
        stage = stack.enter_context(Stage(console))
        demo = Demo(pathlib.Path(made), stage, site, _free_port())
        mail = stack.enter_context(MailSink(demo.mails.append))
        hook = stack.enter_context(WebhookSink(demo.arriving.put))
        stage.say("five invented news sites, a mail server and a webhook receiver are up on this machine", style="bold")
        config = demo.configure(mail.url)
        demo.start()
        stack.callback(demo.stop)
        store = open_store(config)
        stack.callback(store.close)
        _prepare(demo, Desk(config, store), hook.url)
        demo.show(store, READ_SECONDS)
        stage.say("[bold]now one of the sites edits an article[/bold]: names come in that were not there before")
        before = len(demo.alerts)
        apply_edit(site, now, dt.datetime.now(dt.UTC))
        figures = demo.show(store, EDIT_SECONDS, alerts=before + 1)
        stage.close()
        stage.summary(figures, len(demo.alerts), len(demo.mails), seconds_to_alert(site.requests(), demo.alerts))
        _what_next(demo, keep=keep)
        if keep:
            _wait_for_ctrl_c()


def _prepare(demo: Demo, here: Desk, hook_url: str) -> None:
    """Watches and sources, by what `copytaster watch add` and `copytaster source add` call."""
    with here.store.write() as tx:
        watches.ensure_owner(tx)
        told = [watches.ensure_channel(tx, url).id for url in (hook_url, READER)]
        for each in WATCHES:
            watch = Watch(
                id=WatchId(each.slug),
                owner_id=watches.LOCAL.id,
                name=each.name,
                query=each.query,
                channel_ids=told,
                created_at=tx.now,
            )
            watches.save(tx, watch)
    demo.stage.say(f"{len(WATCHES)} watches are saved: " + ", ".join(each.name for each in WATCHES))
    options = Options(manner=Manner(proxy=demo.site.proxy), alert_since_seconds=86_400.0, every_seconds=EVERY_SECONDS)
    for url, found in survey(here, SOURCES, options, {}):
        if isinstance(found, CopytasterError):
            raise found
        added = add(here, found, options)
        kinds = ", ".join(each.kind for each in found.found.endpoints)
        demo.stage.say(f"source {url} is added by its {kinds}: {len(found.links)} items, {added.taken.alerting} may alert")
        for address, reason in found.found.refused:
            demo.stage.say(f"left out: {address}: {reason}", style="yellow")


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _what_next(demo: Demo, *, keep: bool) -> None:
    """With ``keep``, how to look into the one that is still running; else how to begin with one's own sites."""
    if not keep:
        demo.stage.next_steps(
            [
                ("copytaster demo --keep", "the same, and it stays up: look at its page and search in it"),
                ("copytaster init", "write copytaster.toml"),
                ("copytaster source add https://…", "a site of your own"),
                ("copytaster watch add '\"a name\"' --to mailto:you@…", "be told"),
                ("copytaster up", "everything on this machine"),
            ]
        )
        return
    demo.stage.next_steps(
        [
            (f"http://127.0.0.1:{demo.web_port}/", "its page"),
            (f"export COPYTASTER_CONFIG={demo.config_file}", "then every command works on it:"),
            ("copytaster search 'sanction*'", "search all that was read"),
            ("copytaster status", "sources, queues, alerts"),
            ("Ctrl-C", "ends it"),
        ]
    )


def _wait_for_ctrl_c() -> None:
    try:
        signal.pause()
    except KeyboardInterrupt:
        return
