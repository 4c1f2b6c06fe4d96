"""Addresses of which there is no end: paths that repeat themselves, calendars, one page under ever new sessions; pure.

It owns how a trap looks; it must not fetch, nor know what becomes of the links that it names.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from copytaster.news import Link, LinkId

Trap = Literal["repeated_path", "calendar"]
DETAILS: Mapping[Trap, str] = {
    "repeated_path": "its path repeats itself, as addresses do that a site makes of its own wrong links.",
    "calendar": "it is a day of a calendar, which has no last one, and no article.",
}
REPEATS = 3
LONGEST_ROUND = 3  # parts of a path that come again together
AHEAD = dt.timedelta(days=366)
SHARED = 5  # links of a reading that carry one session
_SHORT_NUMBER = re.compile(r"\d{1,2}\Z")  # /11/11/11/ is a day
_CALENDAR = re.compile(
    r"/(?:calendars?|calend[aá]rio|calendrier|kalender|kalendar|events?|veranstaltungen|termine|[eé]v[eé]nements|eventos)"
    r"(?:/[^/]{1,30})?(?=/|\Z)",
    re.IGNORECASE,
)
_DAY_LAST = re.compile(r"/((?:19|20|21)\d\d)(?:[/-](\d{1,2}))?(?:[/-]\d{1,2})?/?\Z")
_DAY_ASKED = re.compile(
    r"(?:^|&)(?:date|day|month|year|week|tribe-bar-date|cal[a-z_]{0,10})=((?:19|20|21)\d\d|\d{1,2})?", re.IGNORECASE
)
_TOKEN = re.compile(r"(?<=[=/(])(?=[0-9a-zA-Z]{0,40}\d)(?=[0-9a-zA-Z]{0,40}[a-zA-Z])[0-9a-zA-Z]{16,64}(?=[)/&]|\Z)")


def trap_of(link: Link, now: dt.datetime) -> Trap | None:
    """What kind of trap an address is, if it is one. A date of this year or the last that no calendar stands before is none:
    daily letters have such addresses.
    """
    parts = urlsplit(link.url)
    if repeats(parts.path):
        return "repeated_path"
    day = _DAY_LAST.search(parts.path)
    if day and int(day[1]) > (now + AHEAD).year:
        return "calendar"
    if _CALENDAR.search(parts.path[: day.start()] if day else parts.path) and (day or _DAY_ASKED.search(parts.query)):
        return "calendar"
    return None


def repeats(path: str) -> bool:
    """Whether one part, or up to three together, come three times in a row: ``/a/a/a``, ``/a/b/a/b/a/b``."""
    parts = [part for part in path.split("/") if part]
    for length in range(1, LONGEST_ROUND + 1):
        run = 0
        for one, other in zip(parts, parts[length:], strict=False):
            run = run + 1 if one == other and not _SHORT_NUMBER.match(one) else 0
            if run >= length * (REPEATS - 1):
                return True
    return False


def session_of(urls: Sequence[str]) -> str | None:
    """The token that all addresses of a reading carry, if they do: it tells of the visit, not of an article."""
    if len(urls) < SHARED:
        return None
    for token in _TOKEN.findall(urls[0]):
        if all(token in url for url in urls):
            return str(token)
    return None


def as_first_found(links: Sequence[Link], token: str, before: Mapping[LinkId, str]) -> list[Link]:
    """The links, under their addresses of the reading ``before`` where these differ in the session alone."""
    known = {url.replace(other, "*"): (link_id, url) for link_id, url in before.items() for other in _TOKEN.findall(url)}
    return [_as_known(link, known.get(link.url.replace(token, "*"))) for link in links]


def _as_known(link: Link, found: tuple[LinkId, str] | None) -> Link:
    return replace(link, id=found[0], url=found[1]) if found else link
