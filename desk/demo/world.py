"""The demo's news world: all sites at one instant, the edit that happens while they run, the watches and what they find.

It owns which watch must find which article; it must not know who crawls the sites or how alerts travel.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from desk.demo.outlets import OUTLETS
from desk.demo.press import items_of, print_outlet
from desk.demo.wire import read_all
from desk.site import Resource, Site

FATEMIYOUN = (
    "Fatemiyoun",
    "Fatimiyun",
    "Fatemiyon",
    "Fatimiyoun",
    "Fatımiyyun",
    "فاطميون",
    "فاطمیون",
    "Фатимиюн",
    "Фатеміюн",
    "פאטמיון",
)
KATAIB = (
    "Kataib Hezbollah",
    "Kata'ib Hizballah",
    "Katāʾib Ḥizb Allāh",
    "Kataeb Hezbollah",
    "Ketaib Hizbullah",
    "كتائب حزب الله",
    "کتائب حزب\u200cالله",
    "Катаиб Хезболла",
    "Катаїб Хезболла",
    "Κατάιμπ Χεζμπολάχ",
    "כתאיב חזבאללה",
)


@dataclass(frozen=True, slots=True)
class DemoWatch:
    """``slug`` is what the articles' ``watches`` name."""

    slug: str
    name: str
    query: str


def any_of(spellings: Sequence[str]) -> str:
    return " OR ".join(f'"{spelling}"' for spelling in spellings)


WATCHES: Sequence[DemoWatch] = (
    DemoWatch("fatemiyoun", "Fatemiyoun", any_of(FATEMIYOUN)),
    DemoWatch("kataib", "Kataib Hezbollah", any_of(KATAIB)),
    DemoWatch("sanctioned-shipping", "Sanctions on shipping", "sanction* (tanker* OR shipping) NOT football"),
    DemoWatch("port-strike", "Strikes in ports", '"port strike"~4 NOT lightning'),
)

SOURCES: Sequence[str] = tuple(outlet.url for outlet in OUTLETS)


class Changing(Protocol):
    """A running server, in this process or another."""

    def put(self, host: str, path: str, resource: Resource) -> None: ...


def build(now: dt.datetime, *, edited_at: dt.datetime | None = None) -> list[Site]:
    """All sites as they are at ``now``, each article as many minutes old as it says; with ``edited_at`` after the edit."""
    copies = read_all()
    return [print_outlet(outlet, items_of(outlet, copies, now, edited_at)) for outlet in OUTLETS]


def apply_edit(server: Changing, now: dt.datetime, edited_at: dt.datetime) -> list[str]:
    """Change what the edit changes (the page, its feed, the listings) in a running server; the edited articles' URLs.

    ``now`` is the instant that the running sites were built with.
    """
    before = {site.host: site.resources for site in build(now)}
    for site in build(now, edited_at=edited_at):
        for path, resource in site.resources.items():
            if before[site.host][path] != resource:
                server.put(site.host, path, resource)
    return [copy.url for copy in read_all() if copy.edited]


def expected(*, edited: bool) -> dict[str, set[str]]:
    """The slugs of the articles that each watch must find, by the watch's slug, as the articles state it by hand."""
    found: dict[str, set[str]] = {watch.slug: set() for watch in WATCHES}
    for copy in read_all():
        for slug in [*copy.watches, *(copy.edit_watches if edited else ())]:
            found[slug].add(copy.slug)
    return found
