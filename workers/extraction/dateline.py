"""Dates in visible words near the headline: ``Erschienen am 26. Jan 2022``, ``2024年5月3日``, ``3 мая 2024, 12:30``.

It owns reading dates written for people; it must not know of structured data, nor which of several dates is right.
"""

import datetime as dt
import itertools
import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from copytaster.news import Printed
from workers.extraction.document import Document
from workers.extraction.metadata import words

_AHEAD = 40  # elements after the headline that may still belong to the article's head
_BEHIND = 12  # and before it: a dateline often stands over the headline
_LONGEST = 120  # characters: a longer run of text is a paragraph, which may tell of any day
_STEMS = (
    "jan janv ene gen янв січ ocak oca sty stycz led يناير ianuarie",
    "feb febr fév févr лют фев şubat şub lut úno فبراير",
    "mar mär märz maerz mart марта март берез mars marzo março maart mrt بوز مارس",
    "apr avr abr апр квіт nisan nis kwie dub أبريل ابريل",
    "may mai mag maj mei мая май трав mayıs kvě مايو",
    "jun juin giu июн черв haziran haz czerw يونيو",
    "jul juil lug июл лип temmuz tem lip يوليو",
    "aug août aou ago авг серп ağustos ağu sie srp أغسطس اغسطس",
    "sep sept set сен вер eylül eyl wrz zář سبتمبر",
    "oct okt ott out окт жовт ekim eki paź říj أكتوبر اكتوبر",
    "nov ноя лист kasım kas lis noviembre نوفمبر",
    "dec dez déc dic дек груд aralık ara gru pro ديسمبر",
)
_MONTHS = {stem: number for number, stems in enumerate(_STEMS, 1) for stem in stems.split()}
_ANY_MONTH = "|".join(sorted(map(re.escape, _MONTHS), key=len, reverse=True))
_MONTH = rf"(?P<name>{_ANY_MONTH})\w{{0,8}}\.?"
_TIME = r"(?:\D{1,12}?(?P<H>[01]?\d|2[0-3])[:.h](?P<M>[0-5]\d)(?!\d))?"
_FORMS = tuple(
    re.compile(form + _TIME, re.IGNORECASE)
    for form in (
        r"(?<!\d)(?P<y>[12]\d{3})-(?P<m>\d\d)-(?P<d>\d\d)(?!\d)",
        r"(?<!\d)(?P<d>\d\d?)\.\s?(?P<m>\d\d?)\.\s?(?P<y>[12]\d{3})(?!\d)",
        rf"(?<!\d)(?P<d>\d\d?)(?:st|nd|rd|th|er|\.|º|ª)?\s*(?:de\s+|of\s+|d')?{_MONTH},?\s+(?:de\s+|del\s+)?(?P<y>[12]\d{{3}})(?!\d)",
        rf"(?<!\w){_MONTH}\s+(?P<d>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<y>[12]\d{{3}})(?!\d)",
        r"(?<!\d)(?P<y>[12]\d{3})\s?[年년]\s?(?P<m>\d\d?)\s?[月월]\s?(?P<d>\d\d?)\s?[日일]",
        r"(?<!\d)(?P<y>[12]\d{3})[/.](?P<m>\d\d?)[/.](?P<d>\d\d?)(?!\d)",
    )
)
_SLASHED = re.compile(r"(?<!\d)(\d\d?)/(\d\d?)/([12]\d{3})(?!\d)")
_CHANGED = re.compile(
    r"updat|aktualis|geändert|änderung|modif|mis à jour|обновл|оновлен|güncelle|actualiz|aggiorn|edited|stand\b", re.IGNORECASE
)


def read_words(text: str, language: str | None = None) -> Printed | None:
    """The first date that a short text prints; ``None`` where day and month could change places."""
    for form in _FORMS:
        if (match := form.search(text)) and (found := _of(match.groupdict())):
            return found
    return _of_slashes(text, language)


def _of(part: dict[str, str | None]) -> Printed | None:
    month = int(part["m"] or 0) if "m" in part else _MONTHS[(part["name"] or "").lower()]
    try:
        day = dt.datetime(int(part["y"] or 0), month, int(part["d"] or 0), tzinfo=dt.UTC)
    except ValueError:
        return None
    if part["H"] is None:
        return Printed(day, None, "day")
    return Printed(day.replace(hour=int(part["H"]), minute=int(part["M"] or 0)))


def _of_slashes(text: str, language: str | None) -> Printed | None:
    if not (match := _SLASHED.search(text)):
        return None
    first, second, year = (int(group) for group in match.groups())
    american = (language or "").lower().replace("_", "-") in {"en-us", "en-ph"}
    if first <= 12 and second <= 12 and not american and (language or "en")[:2].lower() == "en":
        return None if first != second else _of({"y": str(year), "m": str(first), "d": str(second), "H": None})
    month, day = (first, second) if (american or second > 12) and first <= 12 else (second, first)
    return _of({"y": str(year), "m": str(month), "d": str(day), "H": None})


def dateline(document: Document) -> Iterator[Printed]:
    """Dates beside the headline, those that do not speak of a change first."""
    late: list[Printed] = []
    language = document.languages[0] if document.languages else None
    for text in _near_headline(document):
        if found := read_words(text, language):
            if _CHANGED.search(text):
                late.append(found)
            else:
                yield found
    yield from late


def _near_headline(document: Document) -> Iterator[str]:
    heading = _headline(document)
    if heading is None:
        return
    yield from _texts(heading.xpath(f"following::*[position() <= {_AHEAD}]"))
    yield from _texts(heading.xpath(f"preceding::*[position() <= {_BEHIND}]"))


def _headline(document: Document) -> HtmlElement | None:
    """The heading that says what the page is titled: the first one is often the site's logo."""
    stated = next(document.all_metas("og:title", "twitter:title"), "") or next(iter(document.titles), "")
    wanted = set(words(stated))
    headings = list(itertools.islice(document.root.iter("h1", "h2"), 40))

    def likeness(heading: HtmlElement) -> float:
        said = set(words(heading.text_content()[:500]))
        return len(wanted & said) / len(wanted | said) if wanted and said else 0.0

    best = max(headings, key=likeness, default=None)
    if best is not None and likeness(best) > 0.5:
        return best
    return next((heading for heading in headings if heading.tag == "h1"), None)


def _texts(elements: list[HtmlElement]) -> Iterator[str]:
    for element in elements:
        if element.tag in {"script", "style", "noscript"}:
            continue
        if element.tag == "time" and element.get("datetime"):
            yield str(element.get("datetime"))
        own = " ".join(" ".join([element.text or "", *(child.tail or "" for child in element)]).split())
        if 6 <= len(own) <= _LONGEST:
            yield own
