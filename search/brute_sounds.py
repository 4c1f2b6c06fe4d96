"""Whether two words may be one by their consonants, told sound by sound: of brute force alone.

It shares with the stream which sounds are of one class; it must not share how the stream makes keys, keeps or asks for them.
"""

from collections.abc import Sequence
from functools import lru_cache

from search.name_words import CLASSES, Word

_SHORT = 3  # consonants; words of fewer must have the same
Sound = frozenset[str]  # the classes that it may be of; "" where it may be none


def may_be_one(one: Word, two: Word) -> bool:
    """Whether any of their forms differ in one consonant at most, and in none where one of them is short.

    This is a part of what a match means: names were judged, and the scorer fitted, on such pairs alone, so what it says of
    others is worth nothing ("Hoceïma" is no "Hosseina").
    """
    return any(_is_near(mine, theirs) for mine in _consonants(one) for theirs in _consonants(two))


@lru_cache(maxsize=50_000)
def _consonants(word: Word) -> frozenset[tuple[Sound, ...]]:
    return frozenset(tuple(frozenset(CLASSES[each]) for each in form.sounds if each in CLASSES) for form in word.forms)


@lru_cache(maxsize=200_000)
def _is_near(one: tuple[Sound, ...], two: tuple[Sound, ...]) -> bool:
    shortest = min(sum("" not in sound for sound in each) for each in (one, two))
    return _steps(one, two) <= (shortest >= _SHORT)


def _steps(one: Sequence[Sound], two: Sequence[Sound]) -> int:
    """How many consonants must be left out, put in or replaced. One that may be silent, or is the one before again, is free."""
    row = [0]
    for at in range(len(two)):
        row.append(row[-1] + _alone(two, at))
    for at, sound in enumerate(one):
        before, row = row, [row[0] + _alone(one, at)]
        for other, theirs in enumerate(two):
            replaced = before[other] + sound.isdisjoint(theirs - {""})
            row.append(min(replaced, before[other + 1] + _alone(one, at), row[-1] + _alone(two, other)))
    return row[-1]


def _alone(sounds: Sequence[Sound], at: int) -> bool:
    return "" not in sounds[at] and not (at and not sounds[at].isdisjoint(sounds[at - 1]))
