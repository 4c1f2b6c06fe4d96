"""How near two words are: a first look at their outlines, in C and at many at once, then the cheapest way between them.

It owns how far apart two words may be; it must not know names, watches or articles.
"""

from collections.abc import Iterable
from typing import NamedTuple

from rapidfuzz.distance.Levenshtein import distance
from rapidfuzz.process import extract

from search.alike import OUTLINE_UNIT, Apart, apart, cost
from search.name_words import Form, Word

FARTHEST = 0.24  # cost a sound; what is further apart is another word
_FARTHEST_UNWRITTEN = 0.18  # where one of them is without vowels, which cost next to nothing then
_DECLINED = 0.06  # more, where one of them must be declined first
_SLACK = 0.5  # of outlines
_SAME_MEANING = 0.02
_SAME = Apart(0.0, 0.0, 0)


class Near(NamedTuple):
    """How far one word is from another: ``share`` is the cost for each sound, ``one`` and ``two`` the closest readings."""

    share: float
    one: str
    two: str
    unwritten: bool = False

    @property
    def apart(self) -> Apart:
        return apart(self.one, self.two, self.unwritten) if self.share else _SAME


def near(one: Word, two: Word) -> Near | None:
    """None where they are further apart than ``FARTHEST``."""
    if one.text == two.text:
        return Near(0.0, one.forms[0].sounds, two.forms[0].sounds)
    if one.meaning and one.meaning == two.meaning:
        return Near(_SAME_MEANING, one.forms[0].sounds, one.forms[0].sounds)
    if one.text.isdecimal() or two.text.isdecimal():
        return None
    closest: tuple[str, str] | None = None
    unwritten = one.unwritten != two.unwritten
    best = _FARTHEST_UNWRITTEN if unwritten else FARTHEST
    for number, first in enumerate(one.forms):
        for other, second in enumerate(two.forms if not number else two.forms[:1]):
            size = (first.bare + second.bare if unwritten else first.size + second.size) / 2
            more = _DECLINED if number or other else 0.0
            most = (best - more) * size
            far = int(most * OUTLINE_UNIT + _SLACK)
            mine, theirs = (first.bones, second.bones) if unwritten else (first.outline, second.outline)
            if most <= 0 or distance(mine, theirs, score_cutoff=far) > far:
                continue
            share = cost(first.sounds, second.sounds, most, unwritten=unwritten) / size + more
            if share < best:
                best, closest = share, (first.sounds, second.sounds)
    return None if closest is None else Near(best, *closest, unwritten)


def glance(asked: Word, printed: Word) -> int | None:
    """About how far two words are: hundredths of a share as in ``Near``, None where that is more than ``FARTHEST``. Mostly less
    than that share, but y is far from j here, and kh from ch. Small whole numbers, for millions of them are remembered.
    """
    unwritten = asked.unwritten != printed.unwritten
    best = 100
    for number, first in enumerate(printed.forms):
        for other, second in enumerate(asked.forms if not number else asked.forms[:1]):
            size = first.bare + second.bare if unwritten else first.size + second.size
            more = _DECLINED if number or other else 0.0
            far = _farthest(more, size, unwritten)
            mine, theirs = (first.bones, second.bones) if unwritten else (first.outline, second.outline)
            steps = distance(mine, theirs, score_cutoff=far)
            if steps <= far:
                best = min(best, _hundredths(more, steps, size))
    return best if best < 100 else None


def _farthest(more: float, size: int, unwritten: bool) -> int:
    """Steps between two outlines, of as many sounds together."""
    share = _FARTHEST_UNWRITTEN if unwritten else FARTHEST
    return int((share - more) * size / 2 * OUTLINE_UNIT + _SLACK)


def _hundredths(more: float, steps: int, size: int) -> int:
    return int((more + max(0.0, steps - _SLACK) / OUTLINE_UNIT * 2 / size) * 100)


class Group:
    """Many words that are glanced at together."""

    __slots__ = ("_parts",)

    def __init__(self, words: Iterable[Word]) -> None:
        self._parts: dict[tuple[bool, bool], _Part] = {}
        for word in words:
            self.add(word)

    def add(self, word: Word) -> None:
        for number, form in enumerate(word.forms):
            kind = (word.unwritten, number > 0)
            part = self._parts.get(kind)
            if part is None:
                self._parts[kind] = part = _Part()
            part.add(word.text, form)

    def glance(self, word: Word, found: dict[str, int]) -> None:
        """What ``glance`` tells of each that is near enough, by its text."""
        for (unwritten, declined), part in self._parts.items():
            one_alone = unwritten != word.unwritten
            theirs, sizes, texts = (part.bones, part.bare, part.texts) if one_alone else (part.outlines, part.sizes, part.texts)
            for number, form in enumerate(word.forms[:1] if declined else word.forms):
                more = _DECLINED if declined or number else 0.0
                look, size = (form.bones, form.bare) if one_alone else (form.outline, form.size)
                far = _farthest(more, size + part.longest, one_alone)
                for _, steps, at in extract(look, theirs, scorer=distance, score_cutoff=far, limit=None):
                    both = size + sizes[at]
                    if steps <= _farthest(more, both, one_alone) and (how := _hundredths(more, steps, both)) < found.get(
                        texts[at], 100
                    ):
                        found[texts[at]] = how


class _Part:
    """Readings of words that are compared in one way, in lists side by side as rapidfuzz wants them."""

    __slots__ = ("bare", "bones", "longest", "outlines", "sizes", "texts")

    def __init__(self) -> None:
        self.outlines: list[str] = []
        self.bones: list[str] = []
        self.sizes: list[int] = []
        self.bare: list[int] = []
        self.texts: list[str] = []
        self.longest = 0

    def add(self, text: str, form: Form) -> None:
        self.outlines.append(form.outline)
        self.bones.append(form.bones)
        self.sizes.append(form.size)
        self.bare.append(form.bare)
        self.texts.append(text)
        if form.size >= self.longest:
            self.longest = form.size + 1  # that of a bare one is greater by one at most
