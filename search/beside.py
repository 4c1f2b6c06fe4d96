"""What a text calls a thing beside its name: "Hayat Tahrir al-Sham (HTS)", "KH, also known as Kataib Hezbollah".

It owns where such forms stand and what makes them likely; it must not know watches, nor articles but for their text. An
acronym must fit the name. Other words count where they are of another script and look like a name, or where a known-as
phrase says so. It looks at one line, and at no more of it than ``REACH`` characters on either side.
"""

import re
from collections.abc import Iterator, Sequence

from copytaster.text import Span
from search.beside_before import before
from search.beside_named import CLOSE, DASH, OPEN, REACH, Form, Named, ends, is_end, whole, words_in
from search.beside_words import SMALL, Strength, is_capital, is_cased, phrase_at, phrase_before, without_article

_QUOTE_OPENS = re.compile("(?:^|[\\s(（\\[﴾:—–\u200e\u200f])[\"“„«‹‘'״]$")
_QUOTE = re.compile("[\"“”„«»‹›‘’'״]")
_PARTS = re.compile(r"[;,،؛/|]|\s[–—-]+\s")
_PAUSE = re.compile(r"[,،;؛)）\]﴿.!?…؟۔]|\s[–—-]+\s")
_COMMA = re.compile(r"[,،]\s*$")
_MOST_SMALL = 2  # words between a name and its acronym in parentheses
_LEAST_IN_APPOSITION = 3  # letters of an acronym between commas


def beside(text: str, start: int, end: int, watched: Sequence[str], typed: str) -> list[Form]:
    """The other names beside the one at these code points, which is watched by these words, in normal form and as typed."""
    named = Named(text, start, end, watched, typed)
    return list(dict.fromkeys([*before(named), *_after(named)]))


def _after(named: Named) -> Iterator[Form]:
    text, end = named.text, named.end
    last = min(_line_end(text, end), end + REACH)
    words = whole(words_in(text, end, last), text, last)
    if words and words[0].word in {"s", "es"} and text[end : words[0].start] in {"'", "’"}:
        end, words = words[0].end, words[1:]  # "Fatemiyoun's"
    if not words:
        return
    gap = text[end : words[0].start]
    if OPEN.search(gap) and not ends(gap):
        yield from _enclosed(named, words, CLOSE)
        yield from _beyond(named, words)
    elif _QUOTE_OPENS.search(gap) and not ends(gap):
        yield from _enclosed(named, words, _QUOTE)
    elif not ends(gap) and (beyond := _beyond_small(words, text)):
        yield from (form for form in _enclosed(named, beyond, CLOSE) if form.kind == "acronym")
    elif not ends(gap):
        yield from _running(named, words, gap)


def _beyond_small(words: Sequence[Span], text: str) -> Sequence[Span]:
    """What stands in parentheses after a small word or two: "Hayat Tahrir al-Sham group (HTS)". None where there is no such."""
    for at in range(1, min(_MOST_SMALL + 1, len(words))):
        before, gap = words[at - 1], text[words[at - 1].end : words[at].start]
        if is_capital(text, before):
            return []
        if gap.strip():
            return words[at:] if OPEN.search(gap) and not ends(gap) else []
    return []


def _enclosed(named: Named, words: Sequence[Span], closing: re.Pattern[str]) -> Iterator[Form]:
    """What stands in parentheses or quotes, part by part."""
    close = closing.search(named.text, words[0].start)
    if close is None or close.start() > named.end + REACH:
        return
    inside = [span for span in words if span.end <= close.start()]
    strength: Strength = ""
    for part in _parted(inside, named.text):
        taken, strength = _introduced(part, named.text, strength)
        rest = part[taken:]
        ending = phrase_before(rest)
        if ending.strength == "known as" and ending.taken < len(rest):
            rest, strength = rest[: -ending.taken], ending.strength
        if rest:
            if form := named.form(rest, strength, enclosed=True):
                yield form
            strength = ""


def _beyond(named: Named, words: Sequence[Span]) -> Iterator[Form]:
    """A known-as phrase that follows the parentheses: "Kataib Hezbollah (KH), also known as …"."""
    close = CLOSE.search(named.text, words[0].start)
    rest = [span for span in words if close and span.start >= close.end()]
    if close and rest and phrase_at(rest, named.text).taken and not ends(named.text[close.end() : rest[0].start]):
        yield from _running(named, rest, "")


def _introduced(words: Sequence[Span], text: str, strength: Strength) -> tuple[int, Strength]:
    """How many words at the beginning are phrases, and what they say; several may follow each other."""
    at = 0
    while (found := phrase_at(words[at:], text)).taken:
        at += found.taken
        strength = "known as" if "known as" in (strength, found.strength) else found.strength
    return at, strength


def _parted(words: Sequence[Span], text: str) -> Iterator[list[Span]]:
    part: list[Span] = []
    for span in words:
        if part and (_PARTS.search(text[part[-1].end : span.start]) or phrase_at([span], text).strength == "or"):
            yield part
            part = []
        part.append(span)
    if part:
        yield part


def _running(named: Named, words: Sequence[Span], gap: str) -> Iterator[Form]:
    """What follows without parentheses: after a known-as phrase, a dash or a comma."""
    text = named.text
    taken, strength = _introduced(words, text, "")
    rest = words[taken:]
    leading = text[words[taken - 1].end : rest[0].start] if taken and rest else ""
    if not rest or (taken and is_end(words[taken - 1], leading)):
        return
    if taken and _QUOTE_OPENS.search(leading):
        inside = _until(rest, text, _QUOTE)
        form = named.form(inside, strength, enclosed=True)
    elif taken:
        form = _named_first(named, rest, strength)
    elif DASH.search(gap):
        inside = _until(rest, text, _PAUSE)
        after = text[inside[-1].end : inside[-1].end + 6] if inside else ""
        form = named.form(inside, "", enclosed=bool(re.match(r"\s[–—-]+\s", after)))
    else:
        form = _in_apposition(named, rest) if _COMMA.search(gap) else None
    if form:
        yield form


def _in_apposition(named: Named, words: Sequence[Span]) -> Form | None:
    """Between commas: an acronym alone."""
    inside = _until(words, named.text, _PAUSE)
    printed = named.text[inside[0].start : inside[-1].end] if inside else ""
    if sum(map(str.isalpha, printed)) < _LEAST_IN_APPOSITION or not named.has_acronym(printed):
        return None
    return Form(inside[0].start, inside[-1].end, "acronym")


def _named_first(named: Named, words: Sequence[Span], strength: Strength) -> Form | None:
    """A name that nothing but its capitals ends; without capitals, a pause must end it, or it must be an acronym."""
    text = named.text
    words = without_article(words, text)
    inside = _until(words, text, _PAUSE)
    if not inside:
        return None
    if is_cased(text, inside[0]):
        size = next((at for at, span in enumerate(inside) if not is_capital(text, span) and span.word not in SMALL), len(inside))
        while size and not is_capital(text, inside[size - 1]):
            size -= 1
        inside = inside[:size]
    for some in (inside, inside[:1]):
        if some and (form := named.form(some, strength, enclosed=strength == "or")):
            return form if some is inside or form.kind == "acronym" else None
    return None


def _until(words: Sequence[Span], text: str, border: re.Pattern[str]) -> list[Span]:
    """The words before the first gap that has this in it; single letters keep their full stops. None, where none has."""
    for at, span in enumerate(words):
        following = words[at + 1] if at + 1 < len(words) else None
        gap = text[span.end : following.start if following else span.end + 3]
        if following and gap.strip() == "." and len(span.word) == 1 == len(following.word):
            continue
        if border.search(gap) or (not following and not gap.partition("\n")[0].strip()):
            return list(words[: at + 1])
    return []


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end == -1 else end
