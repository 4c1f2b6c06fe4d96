"""Where an article has a watched name in another spelling, script or case: how well each fits, and why, in a sentence.

It owns levels and guards; it must not know watches, the tree of a query or how an article is stored. Stream and search read
by it alike: it looks at nothing but the name and the article.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from copytaster.text import Placed, by_character
from copytaster.watches import Level
from search.name_align import Reading
from search.name_held import may_be_sure
from search.name_measures import Context, context, measures
from search.name_parts import Name
from search.name_scorer import SCORER
from search.name_spelling import spelled_words
from search.name_table import Names
from search.name_tokens import Tokens
from search.tree import Phrase

FIELDS = ("title", "text")
_MOST_REMEMBERED = 200_000  # scores
_UNSURE = 0.01  # below the border of strict is a reading that must not count there
_LEAST_SOUNDS = 3  # of a name that has only one word of its own
Words = tuple[str, ...]


class Watched(NamedTuple):
    """A name by its words, as ``words_of`` gives them, at the level it is watched at."""

    words: Words
    level: Level


class Variant(NamedTuple):
    """Words ``first`` to ``last`` of a field are a form of a name; ``score`` is 0 to 1."""

    field: str
    first: int
    last: int
    score: float
    name: Name
    reading: Reading


def can_vary(phrase: Phrase, level: Level) -> bool:
    """Whether other spellings of this term are looked for: it is a word or words in a row, of a script that is spelled."""
    if level == "exact" or not is_name(phrase):
        return False
    if any(by_character(word[0]) for word in phrase.words):
        return False
    wanted = [word for word in name_of(words_of(phrase)).wanted if not word.text.isdecimal()]
    bare = any(word.kind in {"bare", "patronymic"} and len(word.sounds) >= _LEAST_SOUNDS for word in wanted)
    return bare or (len(wanted) > 1 and sum(len(word.sounds) for word in wanted) >= 2 * _LEAST_SOUNDS)


def is_name(phrase: Phrase) -> bool:
    """Whether it may be a name: words in a row, not held to one spelling, nor of a field that is no text."""
    return not (phrase.exact or phrase.slop or phrase.prefix or phrase.field not in (None, "title"))


def words_of(phrase: Phrase) -> Words:
    """Its words, by how they were typed."""
    spelled = spelled_words(phrase.typed)
    return spelled if len(spelled) == len(phrase.words) else phrase.words


@lru_cache(maxsize=1_000)
def name_of(words: Words) -> Name:
    return Name(words)


class Variants:
    """Names that are watched; they come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._names: Names[Watched] = Names(self._may_count)
        self._uses: dict[Watched, int] = {}
        self._scores: dict[Hashable, float] = {}

    def add(self, watched: Watched) -> None:
        self._uses[watched] = uses = self._uses.get(watched, 0) + 1
        if uses == 1:
            self._names.add(watched, name_of(watched.words))

    def remove(self, watched: Watched) -> None:
        self._uses[watched] -= 1
        if not self._uses[watched]:
            del self._uses[watched]
            self._names.remove(watched)

    def find(self, title: Placed, text: Placed) -> dict[Watched, list[Variant]]:
        """What counts at its level: the best of those that overlap, by field and place."""
        found: dict[Watched, list[Variant]] = {}
        if not self._uses:
            return found
        for field, placed in zip(FIELDS, (title, text), strict=True):
            for watched, variant in self._in(field, Tokens(placed)):
                found.setdefault(watched, []).append(variant)
        return {watched: best(variants) for watched, variants in found.items()}

    def _in(self, field: str, tokens: Tokens) -> Iterator[tuple[Watched, Variant]]:
        for watched, name, reading in self._names.find(tokens):
            score = self._score(watched, name, reading, context(reading, tokens))
            if score >= SCORER.least(watched.level):
                yield watched, Variant(field, reading.start, reading.end - 1, score, name, reading)

    def _may_count(self, watched: Watched, name: Name, reading: Reading) -> bool:
        """Whether it counts in a sentence where nothing speaks against it; hardly ever do other surroundings make it better."""
        return self._score(watched, name, reading, neutral(name)) >= SCORER.least(watched.level)

    def _score(self, watched: Watched, name: Name, reading: Reading, around: Context) -> float:
        """Remembered: of the same words in the same surroundings it is the same."""
        pairs = tuple((pair.unit.word.text, pair.word.text, pair.end - pair.start) for pair in reading.pairs)
        key = (watched, pairs, reading.left, len(reading.between), reading.cost, around)
        score = self._scores.get(key)
        if score is None:
            if len(self._scores) >= _MOST_REMEMBERED:
                self._scores.clear()
            self._scores[key] = score = scored(watched.level, name, reading, around)
        return score


def neutral(name: Name) -> Context:
    """A sentence in which nothing speaks against a name."""
    return Context(begins=False, name_before=False, name_after=False, small=0, legal=name.legal, patronymics_between=0)


def scored(level: Level, name: Name, reading: Reading, around: Context) -> float:
    """0 where it does not count at this level."""
    sure = may_be_sure(name, reading)
    if level == "strict" and not sure:
        return 0.0
    score = SCORER.score(measures(name, reading, around), of_use=level)
    return score if sure else min(score, SCORER.least("strict") - _UNSURE)


def best(variants: Sequence[Variant]) -> list[Variant]:
    kept: list[Variant] = []
    for variant in sorted(variants, key=lambda each: (-each.score, each.first)):
        if all(each.field != variant.field or each.last < variant.first or variant.last < each.first for each in kept):
            kept.append(variant)
    return sorted(kept, key=lambda each: (FIELDS.index(each.field), each.first))
