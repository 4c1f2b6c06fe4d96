"""Whether the pages of a source, rather than its feeds, give trouble: most are refused, or say much less than they did; pure.

It owns how many pages tell of a new layout; it must not know how a page is read, nor who is told.
"""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from copytaster.news import TroubleKind
from copytaster.store.troubles import Reported

MOST = 40  # of the newest pages are looked at, read and refused
LATELY = 3  # pages in a row that were refused
BEFORE = 5  # older ones are needed to know what was usual
USUALLY_READ = 0.7  # of those: a source of videos is refused all the time, and that is no news
SHORT = 0.25  # of the usual length: a teaser before a wall
SHORT_PAGES = 4
_WALLS = frozenset({"blocked", "login_wall", "forbidden", "rate_limited"})
_OF_THE_PAGE = _WALLS | {"no_text", "needs_javascript", "soft_404", "not_html", "client_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One page: ``reason`` where it was refused, ``size`` of its text where it was read."""

    at: dt.datetime
    url: str
    size: int = 0
    reason: str | None = None
    detail: str = ""


def trouble_of_pages(tried: Sequence[Tried]) -> Reported | None:
    """What is wrong with the newest of them; None where nothing is, or where it was always so."""
    pages = sorted(tried, key=lambda each: each.at, reverse=True)[:MOST]
    pages = [each for each in pages if each.reason is None or each.reason in _OF_THE_PAGE]
    return _refused(pages) or _shortened([each for each in pages if each.reason is None])


def _refused(pages: Sequence[Tried]) -> Reported | None:
    count = next((number for number, each in enumerate(pages) if each.reason is None), len(pages))
    older = pages[count:]
    if count < LATELY or len(older) < BEFORE:
        return None
    if sum(each.reason is None for each in older) < USUALLY_READ * len(older):
        return None
    reason, _ = Counter(each.reason or "" for each in pages[:count]).most_common(1)[0]
    last = next(each for each in pages if each.reason == reason)
    kind: TroubleKind = "blocked" if reason in _WALLS else "degraded"
    said = f"The last {count} pages were refused ({reason}): {last.detail}"
    return Reported(kind=kind, reason=said, stage="read", evidence={"url": last.url, "title": last.detail[:200]})


def _shortened(pages: Sequence[Tried]) -> Reported | None:
    new, older = pages[:SHORT_PAGES], pages[SHORT_PAGES:]
    if len(new) < SHORT_PAGES or len(older) < 2 * BEFORE:
        return None
    usual = statistics.median(each.size for each in older)
    # The shortest of ten old ones was as short: a site of short notes and long stories.
    if max(each.size for each in new) >= min(SHORT * usual, sorted(each.size for each in older)[len(older) // 10]):
        return None
    said = f"The last {SHORT_PAGES} articles are less than a quarter as long as usual: a new layout, or a wall."
    return Reported(kind="degraded", reason=said, stage="read", evidence={"url": new[0].url})
