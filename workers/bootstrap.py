"""The composition root: Config to services, and nothing else makes any. What is made here belongs to one process."""

import os
import secrets
from collections.abc import Callable

from copytaster import outbound
from copytaster.config import Config
from copytaster.crashpoints import arm
from copytaster.errors import Rejected
from copytaster.guard import Guard
from copytaster.store import Store, articles, processes
from copytaster.store.processes import Progress
from search.engine import SearchEngine
from workers import silence, websub
from workers.app import Hints
from workers.notifiers import Notifiers, Outbox
from workers.reconciler import Reconciler
from workers.services import Services
from workers.watchlist import Watchlist


def open_store(config: Config) -> Store:
    """The truth, brought to the newest schema."""
    from copytaster.store.migrate import migrate

    store = Store(config.store_url, pool_size=config.store.pool_size, pool_overflow=config.store.pool_overflow)
    migrate(store)
    return store


def open_engine(config: Config, store: Store) -> SearchEngine:
    if config.search.url:
        raise Rejected("bad_config", "search.url: this release searches with SQLite only; leave it empty.")
    from search.sqlite import SqliteSearch

    engine = SqliteSearch(store.path() or config.data_dir.resolve() / "search.db")
    if engine.prepare():
        with store.write() as tx:
            articles.index_all(tx)
    return engine


def open_notifiers(config: Config, secret: str) -> Notifiers:
    return Notifiers(
        Outbox(
            guard=Guard(config.guard.allow),
            secret=secret,
            smtp_url=config.mail.url,
            mail_from=config.mail.sender,
            public_url=config.web.public_url or None,
        )
    )


def server_secret(config: Config) -> str:
    """What signs unsubscribe links: from the configuration, or made once and kept beside the data."""
    if config.web.secret:
        return config.web.secret
    path = config.data_dir / "secret"
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        config.data_dir.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(secrets.token_urlsafe(32), "ascii")
    fresh.chmod(0o600)
    try:
        os.link(fresh, path)  # the first of several processes wins, and all read the same
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text("ascii").strip()


def warm_up() -> None:
    """Does once what is slow the first time (language model, certificate authorities), before forks or tasks need it."""
    from workers.extraction import read
    from workers.notifiers import mail, webhook  # noqa: F401  loads their libraries

    read.warm_up()
    outbound.client(Guard()).close()


def make_services(config: Config, kind: str, hint: Callable[[str], None] | None = None) -> Services:
    """All that the stages need, in this process; without ``hint`` one over the broker is made."""
    arm(config.crashpoint)
    store, secret = open_store(config), server_secret(config)
    progress = Progress(store, kind)
    return Services(
        config=config,
        store=store,
        watchlist=Watchlist(),
        engine=open_engine(config, store),
        notifiers=open_notifiers(config, secret),
        hint=hint or Hints(config),
        progress=progress,
        token=progress.name,
        secret=secret,
    )


def make_reconciler(config: Config) -> Reconciler:
    store, hints = open_store(config), Hints(config)
    progress = Progress(store, "beat")
    return Reconciler(
        store=store,
        hints=hints,
        every_seconds=config.workers.reconcile_seconds,
        chores=lambda: _chores(config, store),
        note=progress.note,
    )


def _chores(config: Config, store: Store) -> None:
    """What the reconciler does once a minute."""
    silence.report(store)
    with store.write() as tx:
        processes.forget(tx)
    if config.web.public_url:
        with outbound.client(Guard(config.guard.allow)) as client:
            websub.subscribe_due(store, client, config.web.public_url)
