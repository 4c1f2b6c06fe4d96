"""The composition root: Config to services, and nothing else makes any. What is made here belongs to one process."""

import gc
import logging
import os
import pathlib
import secrets
import threading
import time
from collections.abc import Callable

from copytaster import outbound
from copytaster.config import Config
from copytaster.errors import Transient
from copytaster.guard import Guard
from copytaster.store import Store, channels, processes
from copytaster.store.messages import Senders
from copytaster.store.processes import Progress
from search.generations import FullEngine
from workers import heart, refilling, source_watch, websub
from workers.app import Hints
from workers.auditing import Auditing
from workers.facts import Background, Projection
from workers.forgetting import Forgetting
from workers.notifiers import Notifiers, Outbox
from workers.reconciler import Reconciler
from workers.services import Services
from workers.watchlist import Watchlist

WAIT_SECONDS = 2.0  # between two looks for a store that is away
log = logging.getLogger("copytaster.start")


def open_store(config: Config) -> Store:
    """The truth, brought to the newest schema."""
    from copytaster.store.migrate import migrate

    store = _store(config)
    migrate(store)
    return store


def open_store_at_once(config: Config) -> Store:
    """The same for what has to answer though the database is away: that is brought up to date once it is back."""
    try:
        return open_store(config)
    except Transient:
        threading.Thread(target=await_store, args=(config,), daemon=True, name="store").start()
        return _store(config)


def _store(config: Config) -> Store:
    return Store(config.store_url, pool_size=config.store.pool_size, pool_overflow=config.store.pool_overflow)


def await_store(config: Config) -> None:
    """Until the store answers and has the newest schema: whichever service comes up last, all others wait for it."""
    said = False
    while True:
        try:
            open_store(config).close()
        except Transient as error:
            if not said:
                log.warning("waiting for the store: %s", error)
                said = True
            time.sleep(WAIT_SECONDS)
        else:
            return


def open_engine(config: Config, store: Store) -> FullEngine:
    """The search engine. A cluster that is away stops nothing here: the index stage prepares it once it is back."""
    search = config.search
    if search.url:
        from search.elastic import ElasticSearch

        return ElasticSearch(
            search.url,
            index=search.index,
            api_key=search.api_key,
            ca=search.ca,
            timeout_seconds=search.timeout_seconds,
            replicas=search.replicas,
        )
    from search.sqlite import SqliteSearch

    engine = SqliteSearch(index_path(config, store))
    if engine.prepare():
        refilling.put_all_again(store)
    return engine


def index_path(config: Config, store: Store) -> pathlib.Path:
    """The file of the embedded index: the store's own where that is a file."""
    return store.path() or config.data_dir.resolve() / "search.db"


def open_projection(config: Config, store: Store) -> Projection | None:
    """What brings the facts that Kibana shows to the cluster; None where search is embedded, so that there is no Kibana."""
    if not config.search.url:
        return None
    from search.elastic_client import Cluster
    from search.elastic_facts import ElasticFacts

    search = config.search
    cluster = Cluster(search.url, api_key=search.api_key, ca=search.ca, timeout_seconds=search.timeout_seconds)
    return Projection(store, ElasticFacts(cluster, index=search.index, replicas=search.replicas), config.retention)


def open_probe(config: Config) -> Callable[[], bool]:
    """Whether the search engine answers; the embedded one is a file of ours, and does."""
    search = config.search
    if not search.url:
        return lambda: True
    from search.elastic_probe import probe

    return probe(search.url, index=search.index, api_key=search.api_key, ca=search.ca)


def open_notifiers(config: Config, secret: str) -> Notifiers:
    return Notifiers(
        Outbox(
            guard=Guard(config.guard.allow),
            secret=secret,
            smtp_url=config.mail.url,
            mail_from=config.mail.sender,
            heartbeat_url=config.heartbeat_url,
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
    fresh.touch(0o600)  # before it holds anything
    fresh.write_text(secrets.token_urlsafe(32), "ascii")
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


def collect_rarely() -> None:
    """Parsing makes 700 objects, after which Python looks for garbage by default, a few times a page."""
    gc.set_threshold(20_000, 20, 20)


def make_services(
    config: Config,
    kind: str,
    hint: Callable[[str], None] | None = None,
    *,
    watchlist: Watchlist | None = None,
    senders: Senders | None = None,
) -> Services:
    """All that the stages need, in this process; without ``hint`` one over the broker is made."""
    store, secret = open_store(config), server_secret(config)
    progress = Progress(store, kind)
    return Services(
        config=config,
        store=store,
        watchlist=Watchlist() if watchlist is None else watchlist,
        engine=open_engine(config, store),
        notifiers=open_notifiers(config, secret),
        hint=hint or Hints(config),
        progress=progress,
        token=progress.name,
        secret=secret,
        senders=senders or Senders(),
    )


def make_reconciler(config: Config) -> Reconciler:
    store, hints = open_store(config), Hints(config)
    progress = Progress(store, "beat")
    projection = open_projection(config, store)
    facts = Background(projection) if projection else None
    engine = open_engine(config, store)
    forgetting, auditing = Forgetting(store, engine, config.retention), Auditing(store, engine, config)
    return Reconciler(
        store=store,
        hints=hints,
        every_seconds=config.workers.reconcile_seconds,
        chores=lambda: _chores(config, store, forgetting, auditing, facts),
        note=progress.note,
    )


def _chores(config: Config, store: Store, forgetting: Forgetting, auditing: Auditing, facts: Background | None = None) -> None:
    """What the reconciler does once a minute."""
    forgetting.nudge()
    auditing.nudge()
    if facts:
        facts.nudge()
    source_watch.report(store, config.operator.to)
    heart.keep(store, config)
    with store.write() as tx:
        processes.forget(tx)
        channels.forget_old_keys(tx)
    if config.web.public_url:
        with outbound.client(Guard(config.guard.allow)) as client:
            websub.subscribe_due(store, client, config.web.public_url)
