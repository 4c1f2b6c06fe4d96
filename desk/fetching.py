"""How the command line asks a site: with the source's own headers, cookies, agent and proxy, guarded, each address once.

It owns what goes out with a request; it must not know what the answers mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from copytaster import outbound
from copytaster.config import Config
from copytaster.errors import Rejected
from copytaster.guard import Guard
from copytaster.outbound import Fetched
from copytaster.urls import host_of, normalize, same_site

SECONDS = 20.0
CONNECTIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a source is asked, as the operator said when adding it."""

    proxy: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    user_agent: str | None = None


class Fetcher:
    """``with Fetcher(config, manner) as fetch: fetch(url)``; safe in threads. Answers are kept until it is left."""

    def __init__(self, config: Config, manner: Manner) -> None:
        self._guard = Guard(config.guard.allow)
        self.agent = manner.user_agent or config.crawl.user_agent
        self._manner = manner
        self._client = _client(self._guard, manner.proxy, self.agent)
        self._kept: dict[str, Fetched] = {}

    def __call__(self, url: str, *, home: str | None = None) -> Fetched:
        """The answer, redirects followed; asked once. Headers and cookies go to ``home``'s site alone.

        Raises Transient, Permanent and Rejected with a sentence.
        """
        key = normalize(url)
        if key not in self._kept:
            private = self._private() if home is None or same_site(home, key) else {}
            self._kept[key] = outbound.get(self._client, key, headers=private, max_seconds=SECONDS)
        return self._kept[key]

    def _private(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._manner.cookies.items())
        return {**self._manner.headers, **({"Cookie": cookies} if cookies else {})}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _client(guard: Guard, proxy: str | None, agent: str) -> Any:
    if proxy is None:
        return outbound.client(guard, timeout=SECONDS, user_agent=agent, connections=CONNECTIONS)
    import httpx

    def may(request: httpx.Request) -> None:
        """Only the proxy is connected to, by the operator's choice; a private literal is refused all the same, at each hop."""
        guard.check_literal(host_of(str(request.url)))

    headers = {"user-agent": agent, "accept-encoding": "gzip"}
    hooks = {"request": [may]}
    return httpx.Client(proxy=check_proxy(proxy), timeout=SECONDS, trust_env=False, headers=headers, event_hooks=hooks)


def check_proxy(url: str) -> str:
    """Raises Rejected where it is no proxy that crawler and command line can both use."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise Rejected("bad_proxy", f"{url!r} is no proxy; write http://user:password@host:3128.")
    return url


def whole(url: str) -> str:
    """As typed by a person: ``https://`` where no scheme is written; in normal form. Raises Rejected."""
    typed = url.strip()
    scheme, mark, _ = typed.partition("://")
    return normalize(typed if mark and scheme.replace("+", "").isalnum() else f"https://{typed}")
