"""Plain values out of feeds and sitemaps: text without markup, and instants as they were printed.

It owns how a string of a feed is read; it must not know which kind of document it came from.
"""

import datetime as dt
import re
import time
from functools import lru_cache

from lxml import etree

from copytaster.news import Printed

_SPACE = re.compile(r"[ \t\r\f\v\xa0\u2028\u2029]+")
_LINES = re.compile(r" ?\n[ \n]*")
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SILENT = ("script", "style", "applet", "template")  # not iframe or object: unclosed ones would swallow the text
_BLOCKS = frozenset(
    """
    address article blockquote br dd div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre
    section table td th tr ul
    """.split()  # noqa: SIM905 - one name a line would be forty lines
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?(?:\s*\([^)]*\))?\Z")
_CLOCK = re.compile(r"\d\d?:\d\d|T\d\d")
_W3C = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?\Z",
    re.IGNORECASE,
)
_ZONES = {  # minutes; the names of RFC 822 and those that feeds use beside them
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420, "BST": 60, "CET": 60, "CEST": 120, "MSK": 180,
}  # fmt: skip


def squeeze(text: str) -> str:
    """Text with its white space made single; paragraphs stay parted by one line end."""
    return _LINES.sub("\n", _SPACE.sub(" ", _UNREADABLE.sub("", text))).strip()


def one_line(text: str) -> str:
    """A title: white space of every kind made a single space."""
    return " ".join(_UNREADABLE.sub("", text).split())


def text_of(markup: str) -> str:
    """The words of an HTML fragment, blocks parted by line ends; what a browser would not show is left out."""
    if "<" not in markup and "&" not in markup:
        return squeeze(markup)
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    clean = _UNREADABLE.sub("", markup)
    try:
        tree = etree.fromstring(f"<html><body>{clean}</body></html>".encode(), parser=parser)
    except etree.XMLSyntaxError:
        return squeeze(re.sub(r"<[^>]*>", " ", clean))
    if tree is None:
        return ""
    etree.strip_elements(tree, *_SILENT, with_tail=False)
    return squeeze("".join(_words(tree)))


def printed_w3c(raw: str) -> Printed | None:
    """A date of sitemaps, JSON Feed and Atom (W3C-DTF), with the offset that it carries; ``None`` if it is not one."""
    if not raw or not (found := _W3C.match(raw.strip())):
        return None
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        if hour is None:
            return Printed(dt.datetime(int(year), int(month), int(day), tzinfo=dt.UTC), None, "day")
        naive = dt.datetime(int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59))  # noqa: DTZ001
        return _at(naive, offset_of(zone)) if zone else Printed.of(naive)
    except (ValueError, OverflowError):
        return None


def printed_struct(raw: str, parsed: time.struct_time | None) -> Printed | None:
    """A date that a feed parser has brought to UTC, with the offset and the precision that its raw form shows."""
    if exact := printed_w3c(raw):
        return exact
    if parsed is None:
        return None
    try:
        at = dt.datetime(*parsed[:5], min(parsed[5], 59), tzinfo=dt.UTC)
    except (ValueError, OverflowError):
        return None
    if not _CLOCK.search(raw):
        return Printed(at.replace(hour=0, minute=0, second=0), None, "day")
    return Printed(at, offset_of(raw))


@lru_cache(maxsize=1024)
def offset_of(raw: str) -> int | None:
    """The minutes of a zone at the end of a date, or ``None`` where it names none."""
    raw = raw.strip().upper()
    if found := _OFFSET.search(raw):
        minutes = int(found[2]) * 60 + int(found[3] or 0)
        if minutes >= 24 * 60 or (found[3] is None and not _CLOCK.search(raw)):
            return None
        return -minutes if found[1] == "-" else minutes
    return _ZONES.get(re.split(r"[\s\d]", raw)[-1])


def _at(naive: dt.datetime, offset_minutes: int | None) -> Printed:
    if offset_minutes:
        naive -= dt.timedelta(minutes=offset_minutes)
    return Printed(naive.replace(tzinfo=dt.UTC), offset_minutes)


def _words(tree: etree._Element) -> list[str]:
    """Text in document order with a line end before and after each block; iterative, for nests may be deep."""
    words: list[str] = []
    for event, node in etree.iterwalk(tree, events=("start", "end")):
        is_block = node.tag in _BLOCKS
        if event == "start":
            words += ["\n"] if is_block else []
            words += [node.text.replace("\n", " ")] if node.text else []
        else:
            words += ["\n"] if is_block else []
            words += [node.tail.replace("\n", " ")] if node.tail else []
    return words
