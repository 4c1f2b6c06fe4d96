"""Room for a benchmark on the services that the configuration names: a database, an index and a Redis of its own.

It owns that nothing of anybody else's is read, changed or thrown away; it must not know what is measured.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import psutil

from copytaster.config import Config
from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from desk.bench.listening import server_of

NAMED = {"store.url": "PostgreSQL", "redis.url": "Redis", "search.url": "Elasticsearch"}
BROKERS_KEYS = ("ingest", "deliver", "index", "_kombu.*", "unacked*")


@dataclass(frozen=True, slots=True)
class Outside:
    """``variables``: the environment that leads copytaster there. ``servers``: the process of each service on this machine,
    None where it runs elsewhere.
    """

    variables: Mapping[str, str]
    servers: Mapping[str, psutil.Process | None]
    versions: Mapping[str, str]


@contextlib.contextmanager
def borrowed(config: Config) -> Iterator[Outside]:
    """Until the block ends; then what was made here goes."""
    _refuse_unnamed(config)
    name = f"bench-{secrets.token_hex(4)}"
    with (
        _database(config, name.replace("-", "_")) as (store_url, postgresql),
        _index(config, name) as elasticsearch,
        _empty_redis(config) as redis,
    ):
        variables = {**_variables(config, "store"), **_variables(config, "search"), "COPYTASTER_REDIS__URL": config.redis.url}
        yield Outside(
            variables | {"COPYTASTER_STORE__URL": store_url, "COPYTASTER_SEARCH__INDEX": name},
            {
                "postgresql": server_of(config.store.url),
                "redis": server_of(config.redis.url),
                "elasticsearch": server_of(config.search.url.partition(",")[0]),
            },
            {"postgresql": postgresql, "redis": redis, "elasticsearch": elasticsearch},
        )


def _refuse_unnamed(config: Config) -> None:
    lacking = [setting for setting in NAMED if not getattr(config, setting.split(".")[0]).url]
    if lacking or not config.store.url.startswith("postgresql"):
        wanted = ", ".join(f"{setting} ({NAMED[setting]})" for setting in lacking or ["store.url"])
        raise Rejected(
            "bad_config",
            f"--services measures on PostgreSQL, Redis and Elasticsearch, and {wanted} is not named: set it in copytaster.toml.",
        )


def _variables(config: Config, section: str) -> dict[str, str]:
    settings = getattr(config, section).model_dump()
    return {f"COPYTASTER_{section}__{name}".upper(): str(value) for name, value in settings.items()}


@contextlib.contextmanager
def _database(config: Config, name: str) -> Iterator[tuple[str, str]]:
    """URL and version of a fresh database on the same server; the one that is named is only connected to."""
    from sqlalchemy import make_url, text
    from sqlalchemy.exc import DBAPIError

    from copytaster.store import Store

    server = Store(config.store.url, pool_size=1)

    def execute(statement: str) -> str:
        with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text(statement))
            return str(conn.execute(text("SHOW server_version")).scalar_one()).partition(" ")[0]

    try:
        try:
            version = execute(f"CREATE DATABASE {name}")
        except DBAPIError as error:
            sentence = (
                f"The PostgreSQL of store.url makes no database for the benchmark ({error.orig}): mend the URL or the role."
            )
            raise Permanent(sentence) from error
        try:
            yield make_url(config.store.url).set(database=name).render_as_string(hide_password=False), version
        finally:
            execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        server.close()


@contextlib.contextmanager
def _index(config: Config, name: str) -> Iterator[str]:
    """Its version. The indices of articles and facts that are named after ours, and their template, go at the end."""
    from search.elastic import ElasticSearch
    from search.facts import patterns

    search = config.search
    engine = ElasticSearch(
        search.url,
        index=name,
        api_key=search.api_key,
        ca=search.ca,
        timeout_seconds=search.timeout_seconds,
        replicas=search.replicas,
    )
    try:
        engine.prepare()
        with engine.cluster.client() as client:
            version = str(client.info()["version"]["number"])
        yield version
    finally:
        with contextlib.suppress(CopytasterError), engine.cluster.client() as client:  # the first error says more
            for index in client.indices.get(index=[f"{name}-*", *patterns(name)], expand_wildcards="all"):
                client.indices.delete(index=index)
            client.options(ignore_status=404).indices.delete_index_template(name=name)
        engine.close()


@contextlib.contextmanager
def _empty_redis(config: Config) -> Iterator[str]:
    """Its version. Only one that has no key is taken, and only keys that the broker makes are deleted after."""
    from redis import Redis
    from redis.exceptions import RedisError

    with contextlib.closing(Redis.from_url(config.redis.url.replace("redis+socket://", "unix://"))) as redis:
        try:
            keys, version = redis.dbsize(), str(redis.info("server")["redis_version"])
        except RedisError as error:
            raise Transient(f"The Redis of redis.url can't be reached ({error}): start it, or mend the setting.") from error
        if keys:
            sentence = f"The Redis of redis.url holds {keys} keys, which may be somebody's work: name an empty database, as …/9."
            raise Rejected("not_empty", sentence)
        try:
            yield version
        finally:
            made = [key for pattern in BROKERS_KEYS for key in redis.scan_iter(pattern)]
            if made:
                redis.delete(*made)
