"""The demo's five invented outlets: language, zone, encoding, how their articles are found, and what is wrong with them.

It owns these declarations; it must not know what the outlets write or how pages are printed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """One site. ``finding`` is how its articles can be found; ``broken`` are feeds that it names and that don't parse."""

    host: str
    name: str
    language: str
    zone: str
    template: str
    about: str
    finding: Literal["rss", "atom", "json", "news sitemap", "sections"]
    feeds: Sequence[str] = ()
    broken: Sequence[str] = ()
    charset: str = "utf-8"

    @property
    def url(self) -> str:
        return f"http://{self.host}/"

    @property
    def direction(self) -> str:
        return direction(self.language)


def direction(language: str) -> Literal["ltr", "rtl"]:
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


OUTLETS: Sequence[Outlet] = (
    Outlet(
        host="herald.example",
        name="The Harbour Herald",
        language="en",
        zone="+00:00",
        template="herald.html",
        about="About us",
        finding="rss",
        feeds=("feed.xml", "politics/feed.xml"),
        broken=("politics/feed.xml",),
    ),
    Outlet(
        host="al-mashriq.example",
        name="المشرق",
        language="ar",
        zone="+03:00",
        template="mashriq.html",
        about="من نحن",
        finding="atom",
        feeds=("atom.xml",),
    ),
    Outlet(
        host="vestnik.example",
        name="Речной вестник",
        language="ru",
        zone="+03:00",
        template="vestnik.html",
        about="О газете",
        finding="json",
        feeds=("feed.json",),
        charset="windows-1251",
    ),
    Outlet(
        host="le-courrier.example",
        name="Le Courrier des vallées",
        language="fr",
        zone="+01:00",
        template="courrier.html",
        about="Qui sommes-nous",
        finding="sections",
    ),
    Outlet(
        host="bogaz.example",
        name="Boğaz Postası",
        language="tr",
        zone="+03:00",
        template="bogaz.html",
        about="Künye",
        finding="news sitemap",
    ),
)
