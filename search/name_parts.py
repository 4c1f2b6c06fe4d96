"""A name ready to be compared: its words, the units that they may be printed as, and how near two words are.

It owns names and nearness; it must not know watches, levels or where in an article a name is looked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rapidfuzz.distance.Levenshtein import distance

from search.alike import OUTLINE_UNIT, Apart, apart, cost
from search.name_words import CONCEPTS, LEGAL, LONGEST_LEGAL, Word, word_of

FARTHEST = 0.27  # cost a sound; what is further apart is another word
_DECLINED = 0.06  # more, where one of them must be declined first
_SLACK = 0.5  # of outlines
SAME = Apart(0.0, 0.0, 0)


class Near(NamedTuple):
    """How far one word is from another: ``share`` is the cost for each sound, ``one`` and ``two`` the closest readings."""

    share: float
    one: str
    two: str
    unwritten: bool = False

    @property
    def apart(self) -> Apart:
        return apart(self.one, self.two, self.unwritten) if self.share else SAME


def near(one: Word, two: Word) -> Near | None:
    """None where they are further apart than ``FARTHEST``."""
    if one.text == two.text:
        return Near(0.0, one.readings[0], two.readings[0])
    concept = CONCEPTS.get(one.text)
    if concept is not None and CONCEPTS.get(two.text) == concept:
        return Near(0.02, one.readings[0], one.readings[0])
    if one.text.isdecimal() or two.text.isdecimal():
        return None
    best = FARTHEST
    closest: tuple[str, str] | None = None
    unwritten = one.unwritten or two.unwritten
    mine, theirs = (one.bones, two.bones) if unwritten else (one.outlines, two.outlines)
    for number, first in enumerate(one.readings):
        for other, second in enumerate(two.readings if not number else two.readings[:1]):
            size = _size(first, second, one.unwritten, two.unwritten)
            more = _DECLINED if number or other else 0.0
            most = (best - more) * size
            far = most * OUTLINE_UNIT + _SLACK
            if far < 0 or distance(mine[number], theirs[other], score_cutoff=int(far)) > far:
                continue
            share = cost(first, second, most, unwritten=unwritten) / size + more
            if share < best:
                best, closest = share, (first, second)
    if closest is None:
        return None
    return Near(best, *closest, unwritten)


def _size(first: str, second: str, one_unwritten: bool, two_unwritten: bool) -> float:
    """The sounds that could differ: where vowels are left out, the others and one."""
    if one_unwritten or two_unwritten:
        kept = first if two_unwritten else second
        return sum(sound not in "aeiou" for sound in kept) + 1
    return max(1.0, (len(first) + len(second)) / 2)


class Unit(NamedTuple):
    """``word`` stands for words ``first`` to ``first + taken - 1`` of those that must be found; ``joined``: written as one."""

    word: Word
    first: int
    taken: int
    joined: bool


class Name:
    """What a watch asks for by one phrase, ready to be compared. A slotted class, for 100,000 of them are held."""

    __slots__ = ("legal", "units", "wanted")

    def __init__(self, words: Sequence[str]) -> None:
        parts = list(legal_parts(words))
        self.legal = frozenset(part for part in parts if isinstance(part, str))
        held = [part for part in parts if isinstance(part, Word)]
        self.wanted = tuple(word for word in held if word.kind != "particle") or tuple(held)
        self.units = tuple(_units(held, self.wanted))


def legal_parts(words: Iterable[str]) -> Iterator[Word | str]:
    """The words in order; legal forms as the name of their kind."""
    left = list(words)
    at = 0
    while at < len(left):
        for size in range(min(LONGEST_LEGAL, len(left) - at), 0, -1):
            kind = LEGAL.get(tuple(left[at : at + size]))
            if kind is not None:
                yield kind
                at += size
                break
        else:
            yield word_of(left[at])
            at += 1


def _units(held: Sequence[Word], wanted: Sequence[Word]) -> Iterator[Unit]:
    """Each word; each pair, which may be printed as one; a word together with the particle before it."""
    places = [number for number, word in enumerate(held) if word.kind != "particle"] or list(range(len(held)))
    for number, place in enumerate(places):
        yield Unit(wanted[number], number, 1, joined=False)
        if place and held[place - 1].kind == "particle" and len(held[place - 1].text) > 1:
            yield Unit(_one([held[place - 1], held[place]]), number, 1, joined=True)
        if number + 1 < len(places) and places[number + 1] - place <= 2:
            yield Unit(_one(held[place : places[number + 1] + 1]), number, 2, joined=True)
            if places[number + 1] - place == 2:
                yield Unit(_one([held[place], held[places[number + 1]]]), number, 2, joined=True)


def _one(words: Iterable[Word]) -> Word:
    return word_of("".join(word.text for word in words))
