"""Where terms stand in an article: whether one holds, every place of it, and why it counts, in a sentence.

It owns occurrences and hits; it must not know how watches are held, chosen or stored.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple, cast

from copytaster.text import Placed
from copytaster.watches import Hit, HitField
from search import names
from search.document import Page
from search.name_why import why
from search.tree import Phrase
from search.variants import Variant

MOST_HITS = 50  # of one watch in one article
_ORDER = {"title": 0, "text": 1, "source": 2, "author": 3}


class _Place(NamedTuple):
    field: str
    start: int
    end: int


def holds(page: Page, phrase: Phrase) -> bool:
    """Whether the term stands anywhere in the fields that it looks into."""
    if phrase.slop:
        return any(_runs(page.placed(field).joined, phrase) for field in _fields(phrase))
    if phrase.field is None:
        return phrase.needle in page.body
    return phrase.needle in f" {page.placed(phrase.field).joined} "


def fires(page: Page, phrase: Phrase, vetoes: frozenset[str]) -> bool:
    """Whether it stands anywhere as something that is not vetoed; ``vetoes`` are in normal form."""
    if not vetoes or phrase.field == "lang":
        return holds(page, phrase)
    return any(True for place in _places(page, phrase) if not _is_vetoed(page, place, vetoes))


def fires_as(page: Page, phrase: Phrase, variant: Variant, vetoes: frozenset[str]) -> bool:
    """Whether a form of a term stands in a field that the term looks into, and is not vetoed."""
    return variant.field in _fields(phrase) and not _is_vetoed(page, _place_of(page, variant), vetoes)


def find(
    page: Page,
    phrases: Iterable[Phrase],
    vetoes: frozenset[str] = frozenset(),
    variants: Iterable[tuple[Phrase, Variant]] = (),
) -> tuple[Hit, ...]:
    """The hits of these terms, by field and start, at most ``MOST_HITS``; one for each place, the exact one if any. A form
    of a term is one where the term itself does not stand.
    """
    found: dict[_Place, Hit] = {}
    for phrase in phrases:
        places = (place for place in _places(page, phrase) if not _is_vetoed(page, place, vetoes))
        for place in islice(places, MOST_HITS):
            if place not in found or found[place].kind != "exact":
                found[place] = _hit(page, place, phrase)
    for phrase, variant in variants:
        place = _place_of(page, variant)
        if fires_as(page, phrase, variant, vetoes) and not any(overlap(place, other) for other in found):
            found[place] = _hit_as(page, place, phrase, variant)
    ordered = sorted(found.values(), key=lambda hit: (_ORDER[hit.field], hit.start, hit.end))
    return tuple(ordered[:MOST_HITS])


def _fields(phrase: Phrase) -> Sequence[str]:
    return (phrase.field,) if phrase.field else ("title", "text")


def _places(page: Page, phrase: Phrase) -> Iterator[_Place]:
    """A language is not printed anywhere, so ``lang:`` decides but has no place."""
    for field in _fields(phrase):
        if field == "lang":
            continue
        placed = page.placed(field)
        for first, last in _runs(placed.joined, phrase):
            yield _place(placed, field, first, last)


def _place(placed: Placed, field: str, first: int, last: int) -> _Place:
    return _Place(field, placed.place(first)[0], placed.place(last)[1])


def _place_of(page: Page, variant: Variant) -> _Place:
    return _place(page.placed(variant.field), variant.field, variant.first, variant.last)


def overlap(one: _Place | Hit, two: _Place | Hit) -> bool:
    return one.field == two.field and one.start < two.end and two.start < one.end


def _runs(joined: str, phrase: Phrase) -> list[tuple[int, int]]:
    """Numbers of the first and last word of each occurrence."""
    if phrase.slop:
        return list(near(joined.split(), phrase))
    return list(_in_a_row(f" {joined} ", phrase))


def _in_a_row(padded: str, phrase: Phrase) -> Iterator[tuple[int, int]]:
    first, counted, at = 0, 0, padded.find(phrase.needle)
    while at != -1:
        first, counted = first + padded.count(" ", counted, at), at  # from the last one: a text may be one word 60,000 times
        yield first, first + len(phrase.words) - 1
        at = padded.find(phrase.needle, at + 1)


def near(words: Sequence[str], phrase: Phrase) -> Iterator[tuple[int, int]]:
    """The tightest stretches that hold all the words, in any order, with at most ``slop`` others between; from left
    to right, none overlapping the one before.
    """
    wanted = Counter(phrase.words[:-1] if phrase.prefix else phrase.words)
    beginning = phrase.words[-1] if phrase.prefix else None
    numbers = [n for n, word in enumerate(words) if _counts(word, wanted, beginning)]
    longest = len(phrase.words) + phrase.slop
    left, held = 0, _Held(wanted, beginning)
    for right, last in enumerate(numbers):
        held.take(words[last])
        while last - numbers[left] >= longest:
            held.leave(words[numbers[left]])
            left += 1
        if not held.is_complete():
            continue
        while held.is_complete():
            held.leave(words[numbers[left]])
            left += 1
        yield numbers[left - 1], last
        held.clear()
        left = right + 1


def _counts(word: str, wanted: Counter[str], beginning: str | None) -> bool:
    return word in wanted or (beginning is not None and word.startswith(beginning))


class _Held:
    """The words of a stretch, counted as they come and go: asking anew for each stretch cost the square of the nearness."""

    def __init__(self, wanted: Counter[str], beginning: str | None) -> None:
        self.wanted, self.beginning = wanted, beginning
        self.clear()

    def clear(self) -> None:
        self.counts: Counter[str] = Counter()
        self.missing = self.wanted.total()
        self.spare = 0  # words with the beginning that none of the wanted needs

    def take(self, word: str) -> None:
        self.counts[word] += 1
        if self.counts[word] <= self.wanted[word]:
            self.missing -= 1
        elif self.beginning is not None and word.startswith(self.beginning):
            self.spare += 1

    def leave(self, word: str) -> None:
        if self.counts[word] <= self.wanted[word]:
            self.missing += 1
        elif self.beginning is not None and word.startswith(self.beginning):
            self.spare -= 1
        self.counts[word] -= 1

    def is_complete(self) -> bool:
        return not self.missing and (self.beginning is None or self.spare > 0)


def _is_vetoed(page: Page, place: _Place, vetoes: frozenset[str]) -> bool:
    return bool(vetoes) and names.normal(_printed(page, place)) in vetoes


def _printed(page: Page, place: _Place) -> str:
    return page.placed(place.field).text[place.start : place.end]


def _hit(page: Page, place: _Place, phrase: Phrase) -> Hit:
    printed = _printed(page, place)
    kind = _kind(printed, phrase)
    field = cast("HitField", place.field)
    return Hit(field, place.start, place.end, printed, phrase.term, kind, why=_why(printed, phrase, kind))


def _hit_as(page: Page, place: _Place, phrase: Phrase, variant: Variant) -> Hit:
    printed = _printed(page, place)
    reason = why(printed, phrase.typed, variant.name, variant.reading)
    return Hit(
        cast("HitField", place.field), place.start, place.end, printed, phrase.term, "variant", round(variant.score, 3), reason
    )


def _kind(printed: str, phrase: Phrase) -> Literal["exact", "folded"]:
    """Exact: letter for letter as typed, but for punctuation around ("H.T.S." ends at its last letter)."""
    if phrase.slop:
        same = set(phrase.typed.split()) <= set(printed.split())
    elif phrase.prefix:
        same = printed.startswith(phrase.typed)
    else:
        same = printed in phrase.typed and not any(map(str.isalnum, phrase.typed.replace(printed, "", 1)))
    return "exact" if same else "folded"


def _why(printed: str, phrase: Phrase, kind: str) -> str:
    if phrase.slop:
        return f"“{printed}” has all the words of “{phrase.typed}” with at most {phrase.slop} others between."
    if phrase.prefix:
        return f"“{printed}” begins with “{phrase.typed}”."
    if kind == "exact":
        return f"“{printed}” is printed just as you wrote it."
    return f"“{printed}” is “{phrase.typed}” but for capitals, accents, letter forms or punctuation."
