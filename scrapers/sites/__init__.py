"""Sites with rules of their own: one file each in this folder, found by host. It owns the registry and knows no site.

See ``docs/how-to-add-a-site.md``.
"""

import datetime as dt
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from copytaster.news import Endpoint, EndpointId, EndpointKind, Link, Source
from copytaster.urls import host_of, normalize, url_id


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """What differs at one site; everything left out goes its usual way.

    ``endpoints`` are read besides those that were found, ``keep`` says which found links are articles, ``page_url``
    turns an article's address into the one to fetch (a print view, say): the article keeps the address it ends up at.
    """

    endpoints: Sequence[tuple[EndpointKind, str]] = ()
    keep: Callable[[Link], bool] = lambda _: True
    page_url: Callable[[str], str] = lambda url: url


_PLAIN = SiteRules()
_registry: dict[str, SiteRules] = {}


def site(*names: str) -> Callable[[Callable[[], SiteRules]], Callable[[], SiteRules]]:
    """Registers the rules that the decorated function returns, for these hosts and their ``www.``."""

    def register(rules: Callable[[], SiteRules]) -> Callable[[], SiteRules]:
        made = rules()
        for name in names:
            _registry[name] = made
        return rules

    return register


def rules_for(url: str) -> SiteRules:
    """The rules of the site that a URL lies at; the usual ones where nobody wrote any."""
    _load()
    return _registry.get(host_of(url).removeprefix("www."), _PLAIN)


def names() -> list[str]:
    """The hosts that have rules of their own."""
    _load()
    return [each for name in _registry for each in (name, f"www.{name}")]


def missing_endpoints(
    sources: Iterable[Source], known: Callable[[Source], Iterable[Endpoint]], now: dt.datetime
) -> list[Endpoint]:
    """Endpoints that the rules of these sources' sites ask for and that nobody added yet, due at once."""
    missing: list[Endpoint] = []
    for source in sources:
        if wanted := rules_for(source.url).endpoints:
            have = {endpoint.id for endpoint in known(source)}
            made = (endpoint_of(source, kind, url, now) for kind, url in wanted)
            missing += [endpoint for endpoint in made if endpoint.id not in have]
    return missing


def endpoint_of(source: Source, kind: EndpointKind, url: str, now: dt.datetime) -> Endpoint:
    return Endpoint(id=EndpointId(url_id(normalize(url))), source_id=source.id, url=url, kind=kind, due_at=now)


@cache
def _load() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
