"""``copytaster demo``: the main job, whole and real, with nothing configured and no network.

It owns the order of the show: sites, sinks, copytaster itself, the edit, the summary. What is shown is the stage's.
"""

import datetime as dt
import json
import os
import pathlib
import queue
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from copytaster.config import Config
from copytaster.errors import Transient
from copytaster.store import Store, sources, watches
from copytaster.watches import Watch, WatchId
from desk.demo.figures import Figures, delays, read_figures
from desk.demo.stage import Stage
from desk.demo.world import SOURCES, WATCHES, apply_edit, build
from desk.loopback import SiteServer
from desk.sinks import MailSink, Received, WebhookSink
from workers.bootstrap import open_store

READ_SECONDS = 40.0
EDIT_SECONDS = 20.0
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

    def settings(self, mail_url: str) -> dict[str, str]:
        """What the demo's copytaster is told: our own sites may be asked without a pause, and often."""
        return {
            "COPYTASTER_DATA_DIR": str(self.folder),
            "COPYTASTER_GUARD__ALLOW": '["127.0.0.1/32"]',
            "COPYTASTER_MAIL__URL": mail_url,
            "COPYTASTER_MAIL__SENDER": "copytaster <alerts@demo.example>",
            "COPYTASTER_WEB__PORT": str(self.web_port),
            "COPYTASTER_CRAWL__DELAY_SECONDS": "0",
            "COPYTASTER_CRAWL__AUTOTHROTTLE": "false",
            "COPYTASTER_CRAWL__MIN_INTERVAL_SECONDS": "2",
        }

    def start(self, mail_url: str) -> None:
        command = [sys.executable, "-P", "-m", "desk.cli", "up"]
        variables = {**os.environ, **self.settings(mail_url), "COPYTASTER_LOG_LEVEL": "error"}
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, start_new_session=True)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()

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
                raise Transient(f"copytaster ended by itself: see {self.folder / 'up.log'}.")
            time.sleep(0.1)

    def _show_alerts(self) -> int:
        shown = 0
        while not self.arriving.empty():
            message, shown = self.arriving.get(), shown + 1
            payload = json.loads(message.body)
            fresh = [(item["article"]["url"], message.received_at) for item in payload["items"]]
            late = delays(self.site.requests(), fresh)
            self.stage.alert(payload, max(late, default=None))
            self.alerts += fresh
        return shown


def run_demo(*, keep: bool = False) -> None:
    """The whole show; raises Transient where copytaster itself does not come up."""
    from rich.console import Console

    console = Console(highlight=False)
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
        demo.start(mail.url)
        stack.callback(demo.stop)
        store = open_store(Config(data_dir=demo.folder))
        stack.callback(store.close)
        _prepare(demo, store, hook.url)
        figures = demo.show(store, READ_SECONDS)
        stage.say("[bold]now one of the sites edits an article[/bold]: names come in that were not there before")
        before = len(demo.alerts)
        apply_edit(site, now, dt.datetime.now(dt.UTC))
        figures = demo.show(store, EDIT_SECONDS, alerts=before + 1)
        stage.__exit__()
        stage.summary(figures, len(demo.alerts), len(demo.mails), delays(site.requests(), demo.alerts))
        _what_next(demo, mail.url, keep=keep)
        if keep:
            _wait_for_ctrl_c()


def _prepare(demo: Demo, store: Store, hook_url: str) -> None:
    """Watches and sources, as `copytaster watch add` and `copytaster source add` save them."""
    from desk.sources import Wishes, add

    with store.write() as tx:
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


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _what_next(demo: Demo, mail_url: str, *, keep: bool) -> None:
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
    shell = " ".join(f"{name}={shlex.quote(value)}" for name, value in demo.settings(mail_url).items())
    demo.stage.next_steps(
        [
            (f"http://127.0.0.1:{demo.web_port}/", "its page"),
            (f"export {shell}", "then every command works on it:"),
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
