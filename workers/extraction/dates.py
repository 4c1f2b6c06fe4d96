"""When a page was published and changed, as it printed it: zone and precision kept, nothing made up.

It owns reading and choosing among printed dates; it must not know where the tree came from or what the article says.
"""

import datetime as dt
import email.utils
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from copytaster.news import Printed
from workers.extraction import jsonld
from workers.extraction.dateline import dateline
from workers.extraction.document import Document

EARLIEST = dt.datetime(1995, 1, 1, tzinfo=dt.UTC)
_PUBLISHED_METAS = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time",
    "cxenseparse:recs:publishtime", "parsely-pub-date", "sailthru.date", "article.published", "published_time",
    "publication_date", "publish-date", "publishdate", "pubdate", "article_date_original", "originalpublicationdate",
    "vr:published_time", "rnews:datepublished",
)  # fmt: skip
# Metas that a template may well fill with the day of its last build: believed only where nothing else speaks.
_WEAK_METAS = (
    "dcterms.created", "dc.date.issued", "dcterms.issued", "dc.date.created", "dcterms.date", "dc.date",
    "date.created", "datecreated", "date", "cre-date",
)  # fmt: skip
_MODIFIED_METAS = (
    "article:modified_time", "datemodified", "og:updated_time", "article:modified", "article:updated_time",
    "dcterms.modified", "dc.date.modified", "last-modified", "revised", "lastmod", "vr:updated_time",
)  # fmt: skip
# Only names that stand for one offset the world over; CST or IST would be a guess.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "CET": 60, "MEZ": 60, "CEST": 120, "MESZ": 120, "EET": 120, "EEST": 180, "MSK": 180,
    "BST": 60, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
    "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "SAST": 120, "HKT": 480,
}  # fmt: skip
_ISO = re.compile(
    r"(?P<y>\d{4})(?P<s>[-/.]?)(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)(?:(?:T|\s|,|-)+(?P<H>\d\d?):?(?P<M>\d\d)(?::?(?P<S>\d\d)(?:[.,:]\d+)?)?"
    r"\s*(?P<p>[ap]\.?m\b\.?)?\s*(?:\(?(?P<z>Z\b|[A-Z]{2,4}\b)?\)?\s*(?P<o>[+-]\d\d?:?\d{0,2})?))?",
    re.IGNORECASE,
)
_DOTTED = re.compile(
    r"(?<!\d)(?P<d>\d\d?)\.\s?(?P<m>\d\d?)\.\s?(?P<y>\d{4})(?:\D{1,6}(?P<H>\d\d?)[:.](?P<M>\d\d)(?::(?P<S>\d\d))?)?(?!\d)"
)
_WALL_CLOCK = re.compile(r"(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_ZONE_BEHIND = re.compile(r"[+-]\d\d:?\d\d|Z|\.\d")
_JAVASCRIPT = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d?) (\d{4}) (\d\d:\d\d:\d\d) GMT([+-]\d{4})")


def read_moment(text: str | float | None) -> Printed | None:
    """One printed date: ISO 8601 and its usual misspellings, RFC 5322, JavaScript's, epochs, ``31.12.2024 18:00``."""
    if text is None or isinstance(text, bool):
        return None
    raw = str(text).strip()[:100]
    if re.fullmatch(r"\d{10}(?:\.\d+)?|\d{13}", raw):
        seconds = float(raw) / (1000 if len(raw) == 13 else 1)
        return Printed(dt.datetime.fromtimestamp(int(seconds), dt.UTC), 0)
    for reader in (_read_iso, _read_javascript, _read_mail, _read_dotted):
        if (found := reader(raw)) is not None:
            return found
    return None


def _read_iso(raw: str) -> Printed | None:
    match = _ISO.match(raw)
    return _printed(match) if match and (match["s"] or len(match["m"] + match["d"]) == 4) else None


def _read_dotted(raw: str) -> Printed | None:
    match = _DOTTED.search(raw)
    return _printed(match) if match else None


def _read_javascript(raw: str) -> Printed | None:
    match = _JAVASCRIPT.match(raw)
    return _read_mail("{1} {0} {2} {3} {4}".format(*match.groups())) if match else None


def _read_mail(raw: str) -> Printed | None:
    try:
        moment = email.utils.parsedate_to_datetime(raw)
    except (ValueError, IndexError, TypeError):
        return None
    named = raw.rstrip(") ").endswith(("GMT", "UTC", "Z", "+0000"))
    return Printed.of(moment.replace(tzinfo=dt.UTC) if named and moment.tzinfo is None else moment)


def _printed(match: re.Match[str]) -> Printed | None:
    """From the named groups of a pattern; impossible days and hours are no date."""
    part = match.groupdict()
    try:
        day = dt.datetime(int(part["y"]), int(part["m"]), int(part["d"]), tzinfo=dt.UTC)
        if part["H"] is None:
            return Printed(day, None, "day")
        wall = day.replace(hour=_hour(part), minute=int(part["M"]), second=min(int(part["S"] or 0), 59))
    except (ValueError, OverflowError):
        return None
    offset = _offset(part)
    return Printed(wall - dt.timedelta(minutes=offset or 0), offset)


def _hour(part: dict[str, str | None]) -> int:
    hour = int(part["H"] or 0)
    half = (part.get("p") or "").lower()[:1]
    return hour % 12 + (12 if half == "p" else 0) if half else hour


def _offset(part: dict[str, str | None]) -> int | None:
    if part.get("o"):
        digits = re.sub(r"\D", "", part["o"] or "")
        minutes = int(digits[:2]) * 60 + int(digits[2:4] or 0)
        return None if minutes > 15 * 60 else minutes * (-1 if (part["o"] or "").startswith("-") else 1)
    return _ZONES.get((part.get("z") or "").upper())


def published(document: Document, now: dt.datetime | None = None) -> Printed | None:
    """When the article was published: by its structured data, else by what htmldate finds in the page (a day)."""
    latest = (now or dt.datetime.now(dt.UTC)) + dt.timedelta(days=2)
    stated = _plausible(_stated_published(document), latest)
    if not stated:
        beside = [moment for moment in dateline(document) if EARLIEST <= moment.at <= latest][:1]
        stated = beside + _plausible(_weakly_stated(document), latest)
    if not stated:
        return _found_day(document, latest)
    best = _most_exact(stated)
    return _in_local_zone(document, best) if best.offset_minutes == 0 else best


def modified(document: Document, now: dt.datetime | None = None) -> Printed | None:
    """When the article says it was last changed; never guessed from the text."""
    latest = (now or dt.datetime.now(dt.UTC)) + dt.timedelta(days=2)
    stated = _plausible(_stated_modified(document), latest)
    return _most_exact(stated) if stated else None


def _stated_published(document: Document) -> Iterator[object]:
    node = document.article
    yield from jsonld.values(node.get("datePublished"))
    yield from document.all_metas(*_PUBLISHED_METAS)
    yield from jsonld.values(node.get("dateCreated"))
    for page in document.graph.pages():
        yield from jsonld.values(page.get("datePublished") or page.get("uploadDate"))


def _weakly_stated(document: Document) -> Iterator[object]:
    """Microdata, which comments carry as well, and the metas that templates fill."""
    yield from (_time_text(one) for one in document.times if one.get("pubdate") is not None)
    yield from (_time_text(one) for one in document.times if "datepublished" in (one.get("itemprop") or "").lower())
    yield from document.all_metas("datepublished", *_WEAK_METAS)


def _stated_modified(document: Document) -> Iterator[object]:
    yield from jsonld.values(document.article.get("dateModified"))
    yield from document.all_metas(*_MODIFIED_METAS)
    yield from (_time_text(one) for one in document.times if "datemodified" in (one.get("itemprop") or "").lower())


def _time_text(element: object) -> str | None:
    return element.get("datetime") or element.get("content") or element.text  # type: ignore[attr-defined, no-any-return]


def _plausible(texts: Iterable[object], latest: dt.datetime) -> list[Printed]:
    found = [moment for text in texts if isinstance(text, str | int | float) and (moment := read_moment(text))]
    return [moment for moment in found if EARLIEST <= moment.at <= latest]


def _most_exact(stated: list[Printed]) -> Printed:
    """The first stated moment, or a later one that tells the same moment more exactly (time of day, then zone)."""
    first = stated[0]
    near = [one for one in stated if abs((one.at - first.at).total_seconds()) < 26 * 3600]
    return max(near, key=lambda one: (one.precision == "second", one.offset_minutes is not None))


def _in_local_zone(document: Document, moment: Printed) -> Printed:
    """The same instant with the page's own offset, where the page prints it as a wall clock beside the UTC instant.

    Without it a story of Tuesday evening in Denver is dated Wednesday.
    """
    # Minutes and seconds first, as plain text: a pattern that begins with digits takes 4 ms for a page.
    for found in re.finditer(f":{moment.at:%M:%S}", document.source):
        printed = _WALL_CLOCK.fullmatch(document.source, max(found.start() - 13, 0), found.end())
        zone = _ZONE_BEHIND.match(document.source, found.end())
        local = read_moment(printed[0] + (zone[0] if zone else "")) if printed else None
        if local is not None and (offset := _offset_between(local, moment)):
            return replace(moment, offset_minutes=offset)
    return moment


def _offset_between(local: Printed, moment: Printed) -> int | None:
    """Minutes that ``local`` runs before UTC, if it tells the same instant; a full quarter hour may be chance."""
    if local.offset_minutes is not None:
        return local.offset_minutes if local.at == moment.at else None
    apart = int((local.at - moment.at).total_seconds())
    by_chance = moment.at.second == 0 and moment.at.minute % 15 == 0
    return apart // 60 if apart % 900 == 0 and abs(apart) <= 14 * 3600 and not by_chance else None


def _found_day(document: Document, latest: dt.datetime) -> Printed | None:
    from htmldate import find_date

    day = find_date(document.root, original_date=True, url=document.url, max_date=latest.replace(tzinfo=None))
    return read_moment(day)
