"""The heartbeat: who the source, watch and channel of our own are, what their page says, and when a heartbeat is late; pure.

It owns these names and words; it must not know how a page is served, fetched or told. Decision 0022.
"""

import datetime as dt
import hashlib
import re
from urllib.parse import urlsplit

from copytaster.news import EndpointId, SourceId, SourceState
from copytaster.watches import ChannelId, Owner, OwnerId, WatchId

OWN = "own.heartbeat"  # no id of a user's: those of sources and channels are hexadecimal, and a watch of this id is not taken
SOURCE, ENDPOINT, CHANNEL, WATCH = SourceId(OWN), EndpointId(OWN), ChannelId(OWN), WatchId(OWN)
OWNER = Owner(id=OwnerId(OWN), name="heartbeat")
STATE: SourceState = "internal"  # of the source: it is read like an active one, and listed nowhere
READ: tuple[SourceState, ...] = ("active", STATE)  # sources in these states are read
MARK = "heartbeat"  # the instant of the newest page that came all the way
WORD = "copytasterxheartbeatqz"  # no news has it
QUERY = f"={WORD} source:heartbeat"
FEED, HOOK = "/heartbeat/feed.xml", "/heartbeat/hook"
MISSED, SPARE_SECONDS = 3, 120  # so many that did not come, and how long the last may take: then it is late
KEPT_SECONDS = 3_600  # rows of a heartbeat; one that took longer has been told of as late
_PAGE = re.compile(r"/heartbeat/(\d{9,11})\.html")
_WORDS = 60


def instant_of(now: dt.datetime, every_seconds: int) -> int:
    """The beat that ``now`` is in, in seconds of the epoch: all that ask within it see the same page."""
    return int(now.timestamp()) // every_seconds * every_seconds


def path_of(instant: int) -> str:
    return f"/heartbeat/{instant}.html"


def beat_of(url: str) -> int | None:
    """The instant of the page at this address; None where it is none of ours."""
    found = _PAGE.fullmatch(urlsplit(url).path)
    return int(found[1]) if found else None


def feed(base: str, instant: int) -> str:
    """One item and no date: what bears none is neither late nor measured."""
    url = f"{base}{path_of(instant)}"
    item = f"<item><title>Heartbeat {instant}</title><link>{url}</link><guid>{url}</guid></item>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>heartbeat</title>{item}</channel></rss>'


def page(instant: int) -> str:
    """The word among others that no two pages share: one like the last would be a copy of its story, and alert nobody."""
    said = f"{WORD} {_words(instant)}"
    head = f"<head><title>Heartbeat {instant}</title></head>"
    return (
        f'<!doctype html><html lang="en">{head}<body><article><h1>Heartbeat {instant}</h1><p>{said}.</p></article></body></html>'
    )


def _words(instant: int) -> str:
    digits = hashlib.shake_256(str(instant).encode()).hexdigest(4 * _WORDS)
    letters = digits.translate(str.maketrans("0123456789abcdef", "bcdfghklmnprstae"))
    return " ".join(letters[start : start + 8] for start in range(0, len(letters), 8))


def is_late(age_seconds: float, every_seconds: int) -> bool:
    """As the rule HeartbeatLate says it to Prometheus."""
    return age_seconds > MISSED * every_seconds + SPARE_SECONDS
