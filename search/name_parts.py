"""A name ready to be compared: its words, and the units that they may be printed as.

It owns what a name is made of; it must not know watches, levels or where in an article a name is looked for.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from search.name_words import Word, legal_at, word_of


class Unit(NamedTuple):
    """``word`` stands for words ``first`` to ``first + taken - 1`` of those that must be found; ``joined``: written as one."""

    word: Word
    first: int
    taken: int
    joined: bool

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + self.taken)


class Name:
    """What a watch asks for by one phrase, ready to be compared. A slotted class, for 100,000 of them are held."""

    __slots__ = ("keys", "legal", "texts", "units", "wanted")

    def __init__(self, words: Sequence[str]) -> None:
        parts = list(legal_parts(words))
        self.legal = frozenset(part for part in parts if isinstance(part, str))
        held = [part for part in parts if isinstance(part, Word)]
        self.wanted = tuple(word for word in held if word.kind != "particle") or tuple(held)
        self.units = tuple(_units(held, self.wanted))
        self.keys = tuple({key for unit in self.units for key in unit.word.keys})
        self.texts = tuple(dict.fromkeys(unit.word.text for unit in self.units))


def legal_parts(words: Iterable[str]) -> Iterator[Word | str]:
    """The words in order; legal forms as the name of their kind."""
    texts = list(words)
    at = 0
    while at < len(texts):
        legal = legal_at(texts, at)
        yield legal[0] if legal else word_of(texts[at])
        at += legal[1] if legal else 1


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
