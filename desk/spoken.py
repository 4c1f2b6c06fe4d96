"""Numbers and spans as a page says them. It must not know what they count."""

import datetime as dt

LENGTHS = (("d", 86_400), ("h", 3_600), ("min", 60))


def span(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h``, ``5 d``: one unit, rounded down."""
    for unit, length in LENGTHS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"


def ago(then: dt.datetime | None, now: dt.datetime) -> str:
    return f"{span((now - then).total_seconds())} ago" if then else "never"


def number(value: float) -> str:
    """With thin spaces between thousands."""
    return f"{int(value):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
