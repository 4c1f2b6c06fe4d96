"""``copytaster check``: each part that copytaster needs, reached for real, with how to mend what is wrong.

One function is one check: nothing, or a sentence about what is good; what is wrong is raised. It changes nothing.
"""

import importlib.util
import os
import pathlib
import shutil
import smtplib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copytaster.config import FILE, Config
from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from desk.opening import config
from desk.output import explained

LEAST_FREE_BYTES = 1_000_000_000
EXAMPLE_AGENT = "example.org/bot"


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    ok: bool
    detail: str


def findings(*, setup: bool = False) -> Iterator[Finding]:
    """Each as it is known; without a configuration that can be read there is nothing else to check."""
    try:
        settings = config()
        path = os.environ.get("COPYTASTER_CONFIG", FILE)
        yield Finding("configuration", True, path if pathlib.Path(path).exists() else f"no {path}; every setting is its default")
    except (CopytasterError, OSError) as error:
        yield Finding("configuration", False, explained(error) or str(error))
        return
    for name, check in CHECKS.items():
        yield _found(name, lambda check=check: check(settings, setup))  # type: ignore[misc]


def _found(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except Exception as error:  # noqa: BLE001  one broken part must not hide the others
        return Finding(name, False, explained(error) or f"{type(error).__name__}: {error}")


def store(settings: Config, setup: bool) -> str:
    from copytaster.store import Store
    from copytaster.store.migrate import HEAD, migrate, version

    opened = Store(settings.store_url)
    try:
        if setup:
            migrate(opened)
        found = version(opened)
        with opened.write():
            pass  # that it can be written to
    finally:
        opened.close()
    if found is None:
        return "reached and empty; it is set up when first used, or now by `copytaster check --setup`"
    if found != HEAD:
        raise Permanent(f"The database is at version {found}, this release needs {HEAD}: run `copytaster check --setup`.")
    return f"{opened.engine.url.render_as_string(hide_password=True)}, version {found}"


def redis(settings: Config, setup: bool) -> str:
    del setup
    from workers.embedded import EmbeddedRedis, find_binary

    if settings.redis.url:
        return _redis_answers(settings.redis.url)
    if EmbeddedRedis(settings.redis_socket, settings.data_dir).answers():
        return f"embedded, running on {settings.redis_socket}"
    return f"embedded ({find_binary()}); `copytaster up` starts it"


def _redis_answers(url: str) -> str:
    import redis as client

    try:
        with client.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as connection:
            connection.ping()
            policy = str(connection.config_get("maxmemory-policy").get("maxmemory-policy", ""))
    except (client.RedisError, OSError, ValueError) as error:
        raise Transient(f"No Redis answers at redis.url ({error}); start it, or mend the URL.") from error
    if policy not in ("noeviction", ""):
        raise Permanent(f"Redis evicts by {policy}, which silently loses queues: set maxmemory-policy to noeviction.")
    return "answers"


def search(settings: Config, setup: bool) -> str:
    del setup
    import sqlite3

    if settings.search.url:
        raise Rejected("bad_config", "search.url: this release searches with SQLite only; leave it empty.")
    try:
        with sqlite3.connect(":memory:") as made:
            made.execute("CREATE VIRTUAL TABLE probe USING fts5(word)")
    except sqlite3.OperationalError as error:
        raise Permanent(f"This Python's SQLite has no FTS5 ({error}); use another build of Python.") from error
    return f"SQLite {sqlite3.sqlite_version} with FTS5"


def mail(settings: Config, setup: bool) -> str:
    del setup
    from workers.notifiers.relay import Relay

    if not settings.mail.url:
        return "no server is configured, so no mail can be sent; set mail.url to send some"
    relay = Relay.of(settings.mail.url)
    try:
        return _greet(relay)
    except smtplib.SMTPAuthenticationError as error:
        raise Permanent(f"The mail server {relay} refuses the login ({error.smtp_code}); mend mail.url.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Transient(f"No mail server answers at {relay} ({error}); check mail.url and that it runs.") from error
