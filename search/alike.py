"""How far apart two words sound: the cheapest way from one to the other, each step weighed by how often spellings take it.

It owns these weights; it must not know names, watches or articles. Words come as sounds (``search.sounds``). A vowel costs
little, less where one side is of a script that leaves vowels out; one of the sounds that romanisations confuse costs little.
"""

from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

VOWELS = frozenset("aeiou")
SOUNDS = "aeiouywh'bcdfgjklmnpqrstvxzCDGHSTZ"
INFINITE = float("inf")
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
_PAIRS = {pair: weight for weight, pairs in reversed(_NEAR.items()) for each in pairs.split() for pair in (each, each[::-1])}
_STEPS_FROM = {
    a: {b: 0.0 if a == b else _PAIRS.get(a + b, _OTHER_VOWEL if a in VOWELS and b in VOWELS else 1.0) for b in SOUNDS}
    for a in SOUNDS
}
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
    """Of the cheapest way; infinite where it is more than ``most``, which ends the search for it early.

    The hottest loop of all: three of four steps to a new word of an article. So it is written out, without calls.
    """
    weak = _UNWRITTEN if unwritten else _WEAK
    theirs = [weak.get(sound, 1.0) for sound in second]
    above = [0.0, *accumulate(theirs)]
    before: list[float] = []
    last = ""
    for a in first:
        steps = _STEPS_FROM.get(a, {a: 0.0})
        mine = weak.get(a, 1.0)
        at = least = above[0] + mine
        row = [at]
        previous = ""
        for j, b in enumerate(second):
            at += theirs[j]
            if (down := above[j + 1] + mine) < at:
                at = down
            if (step := above[j] + steps.get(b, 1.0)) < at:
                at = step
            if a == previous and b == last and a != b and (moved := before[j - 1] + _MOVED) < at:
                at = moved
            row.append(at)
            if at < least:  # noqa: PLR1730  min() is a call
                least = at
            previous = b
        if least > most + 1.0:  # a move may still save what two steps cost
            return INFINITE
        before, above, last = above, row, a
    return above[-1] if above[-1] <= most else INFINITE


@lru_cache(maxsize=100_000)
def apart(first: str, second: str, unwritten: bool = False) -> Apart:
    """The same way, with what it is made of. ``unwritten``: vowels that one alone has cost next to nothing."""
    weak = _UNWRITTEN if unwritten else _WEAK
    rows: list[list[Apart]] = [[Apart(0.0, 0.0, 0)]]
    for sound in second:
        rows[0].append(_add(rows[0][-1], weak.get(sound, 1.0)))
    for i, a in enumerate(first, 1):
        above = rows[-1]
        row = [_add(above[0], weak.get(a, 1.0))]
        for j, b in enumerate(second, 1):
            ways = [
                _add(above[j - 1], _STEPS_FROM.get(a, {}).get(b, float(a != b))),
                _add(above[j], weak.get(a, 1.0)),
                _add(row[-1], weak.get(b, 1.0)),
            ]
            if i > 1 and j > 1 and a == second[j - 2] != b == first[i - 2]:
                ways.append(_add(rows[-2][j - 2], _MOVED))
            row.append(min(ways))
        rows.append(row)
    return rows[-1][-1]


def _add(so_far: Apart, weight: float) -> Apart:
    hard = weight if weight > _WEAK["h"] - 0.03 else 0.0
    return Apart(so_far.cost + weight, so_far.hard + hard, so_far.steps + (weight > 0.5), max(so_far.most, weight))
