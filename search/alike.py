"""How far apart two words sound: the cheapest way from one to the other, each step weighed by how often spellings take it.

It owns these weights; it must not know names, watches or articles. Words come as sounds (``search.sounds``). A vowel costs
little, less where one side is of a script that leaves vowels out; one of the sounds that romanisations confuse costs little.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

VOWELS = frozenset("aeiou")
SOUNDS = "aeiouywh'bcdfgjklmnpqrstvxzCDGHSTZ"
INFINITE = float("inf")
_LOST = 1.0  # a move may still save what two steps cost
_WEAK = {**dict.fromkeys("aeiou", 0.3), "y": 0.3, "w": 0.45, "h": 0.35, "'": 0.0}
_UNWRITTEN = {**dict.fromkeys("aeiou", 0.08), "y": 0.2, "w": 0.35, "h": 0.25, "'": 0.0}
_NEAR = {
    0.0: "CH",
    0.1: "kq vw iy ei ou DT",
    0.15: "ae oa wu sc SH jZ xH Gg gq Tt Dd Dz xh ya",
    0.25: "sS zZ CS jy jC kg kx kH kG Ts sz kc bv fv fw bw pf cC Cc xk qx qG dj ZS jg cz iw yw yu yo ye oy ao au ai eo eu io iu"
    " wo ji",
    0.4: "td bp bf pv zs tc kC mn lr Zj Gx Gh jx gh CT ck cs HS Hh xS SC sT zD",
}  # fmt: skip
_OTHER_VOWEL = 0.3
_MOVED = 0.5
_HARD_FROM = 0.32  # more than a vowel costs
_STEP_FROM = 0.5
_PAIRS = {pair: weight for weight, pairs in reversed(_NEAR.items()) for each in pairs.split() for pair in (each, each[::-1])}
# A way is one number: its cost, the hard part of that below, its steps below that. A float, for Python adds those faster.
_COSTS, _HARDS = 24, 10  # bits below each
_UNIT = 100  # of a cost: all weights are whole hundredths


def _weighed(weight: float) -> float:
    hundredths = round(weight * _UNIT)
    return float(hundredths << _COSTS | (hundredths << _HARDS if weight > _HARD_FROM else 0) | (weight > _STEP_FROM))


_WHOLE = _weighed(1.0)
_AS_MOVED = _weighed(_MOVED)
_STEPS_FROM = {
    a: {b: 0.0 if a == b else _weighed(_PAIRS.get(a + b, _OTHER_VOWEL if a in VOWELS and b in VOWELS else 1.0)) for b in SOUNDS}
    for a in SOUNDS
}
_ALONE = [{sound: _weighed(weight) for sound, weight in weak.items()} for weak in (_WEAK, _UNWRITTEN)]
# For a first look, in C: three characters for a sound that weighs three times as much as a vowel; those that are confused
# share two of them. A third of the distance of two outlines is about the cost of the way.
_CLASSES = ("kqgGx", "sSzZCcjH", "tdTD", "pbfv", "l", "r", "m", "n")
_OUTLINE = {ord(sound): 2 * sounds[0] + sound for sounds in _CLASSES for sound in sounds}
_OUTLINE[ord("x")] = "hk"  # nearer to h than to k
_BONES = {**_OUTLINE, **dict.fromkeys(map(ord, "aeiouy"))}
OUTLINE_UNIT = 3


class Apart(NamedTuple):
    """``cost`` of the way, ``hard`` the part of it that fell on consonants, ``steps`` those that cost more than half, ``most``
    what the greatest cost.
    """

    cost: float
    hard: float
    steps: int
    most: float = 0.0


def outline(reading: str, *, unwritten: bool = False) -> str:
    """``unwritten``: without what a script leaves out."""
    return reading.translate(_BONES if unwritten else _OUTLINE)


def cost(first: str, second: str, most: float, *, unwritten: bool = False) -> float:
    """Of the cheapest way; infinite where it is more than ``most``, which ends the search for it early."""
    rows = _ways(first, second, most, unwritten)
    return INFINITE if rows is None or (found := (int(rows[-1][-1]) >> _COSTS) / _UNIT) > most else found


@lru_cache(maxsize=100_000)
def apart(first: str, second: str, unwritten: bool = False) -> Apart:
    """The same way, with what it is made of. ``unwritten``: vowels that one alone has cost next to nothing."""
    rows = _ways(first, second, INFINITE, unwritten)
    assert rows is not None
    whole = int(rows[-1][-1])
    hard = whole >> _HARDS & (1 << _COSTS - _HARDS) - 1
    return Apart((whole >> _COSTS) / _UNIT, hard / _UNIT, whole & (1 << _HARDS) - 1, _greatest(first, second, rows, unwritten))


def _ways(first: str, second: str, most: float, unwritten: bool) -> list[list[float]] | None:
    """The cheapest ways to each beginning of the one from each of the other; of those that cost as much, the one with the least
    hard part. None where all cost more than ``most``, or nearly.

    The hottest loop of all: three of four steps to a new word of an article. So it is written out, without calls.
    """
    weak = _ALONE[unwritten]
    theirs = [weak.get(sound, _WHOLE) for sound in second]
    above = [0.0, *accumulate(theirs)]
    rows = [above]
    before: list[float] = []
    last = ""
    farthest = (most + _LOST) * _UNIT * (1 << _COSTS)
    for a in first:
        steps = _steps_from(a)
        mine = weak.get(a, _WHOLE)
        at = least = above[0] + mine
        row = [at]
        previous = ""
        for j, b in enumerate(second):
            at += theirs[j]
            if (down := above[j + 1] + mine) < at:
                at = down
            if (step := above[j] + steps.get(b, _WHOLE)) < at:
                at = step
            if a == previous and b == last and a != b and (moved := before[j - 1] + _AS_MOVED) < at:
                at = moved
            row.append(at)
            if at < least:  # noqa: PLR1730  min() is a call
                least = at
            previous = b
        if least > farthest:
            return None
        rows.append(row)
        before, above, last = above, row, a
    return rows


def _steps_from(sound: str) -> Mapping[str, float]:
    return _STEPS_FROM.get(sound) or {sound: 0.0}


def _greatest(first: str, second: str, rows: Sequence[Sequence[float]], unwritten: bool) -> float:
    """The cost of the greatest step of the way, gone back from its end."""
    weak = _ALONE[unwritten]
    i, j, greatest = len(first), len(second), 0.0
    while i or j:
        whole, stepped = rows[i][j], 0.0
        if i and j and whole == rows[i - 1][j - 1] + (stepped := _steps_from(first[i - 1]).get(second[j - 1], _WHOLE)):
            i, j = i - 1, j - 1
        elif i and whole == rows[i - 1][j] + (stepped := weak.get(first[i - 1], _WHOLE)):
            i -= 1
        elif j and whole == rows[i][j - 1] + (stepped := weak.get(second[j - 1], _WHOLE)):
            j -= 1
        else:
            i, j, stepped = i - 2, j - 2, _AS_MOVED
        greatest = max(greatest, stepped)
    return (int(greatest) >> _COSTS) / _UNIT
