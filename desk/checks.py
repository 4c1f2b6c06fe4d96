"""``copytaster check``: each part that copytaster needs, reached for real, with how to mend what is wrong.

One function is one check: a sentence about what is good; what is wrong is raised. It changes nothing but by ``setup``.
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
from desk import checks_services
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
    "store": checks_services.store,
    "redis": checks_services.redis,
    "search": checks_services.search,
    "together": checks_services.together,
    "mail": mail,
    "web": web,
    "crawler": crawler,
    "browser": browser,
    "guard": guard,
}
