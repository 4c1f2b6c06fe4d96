"""How a person writes spans, hours, zones, instants and pairs, to values; pure. Every error says what to write instead."""

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

_SPAN = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*(s|sec|m|min|h|hour|hours|d|day|days|w|week|weeks)\s*", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_HOURS = re.compile(r"\s*(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})\s*")
LONGEST_SECONDS = 100 * 366 * 86_400.0


def span_seconds(text: str) -> float:
    """``90s``, ``1m``, ``24h``, ``7d``, ``2w``. Raises ValueError with a sentence."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no span of time; write 30s, 5m, 24h, 7d or 2w.")
    seconds = float(found[1]) * _SECONDS[found[2][0].lower()]
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(f"{text!r} must be more than nothing and less than a century.")
    return seconds


def since_or_all(text: str) -> float:
    """A span, or ``all``."""
    return math.inf if text.strip().lower() == "all" else span_seconds(text)


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``start`` to ``end``, over midnight where it is the earlier one."""

    start: dt.time
    end: dt.time


def hours(text: str) -> Hours:
    """``22:00-07:00``."""
    found = _HOURS.fullmatch(text)
    parts = [_time(part) for part in found.groups()] if found else []
    if len(parts) != 2 or parts[0] is None or parts[1] is None or parts[0] == parts[1]:
        raise ValueError(f"{text!r} names no hours; write 22:00-07:00.")
    return Hours(parts[0], parts[1])


def _time(text: str) -> dt.time | None:
    hour, _, minute = text.partition(":")
    return dt.time(int(hour), int(minute)) if int(hour) < 24 and int(minute) < 60 else None


def zone(text: str) -> str:
    """An IANA name of a time zone."""
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(text).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no time zone; write one as in Europe/London.") from None


def instant(text: str) -> dt.datetime:
    """A day or an instant, in UTC where it names no zone."""
    try:
        moment = dt.datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no date; write 2026-01-31 or 2026-01-31T09:00.") from None


def span_or_instant(text: str) -> float | dt.datetime:
    """How long ago, or since when."""
    try:
        return span_seconds(text)
    except ValueError:
        pass
    try:
        return instant(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a span nor a date; write 24h, 7d, 2026-01-31 or 2026-01-31T09:00.") from None


def pair(separator: str, example: str) -> Callable[[str], tuple[str, str]]:
    """``name<separator>value``."""

    def parse(text: str) -> tuple[str, str]:
        name, found, value = text.partition(separator)
        if not found or not name.strip() or not f"{name}{value}".isprintable():
            raise ValueError(f"{text!r} can't be read; write {example}.")
        return name.strip(), value.strip()

    return parse
