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


class Variant(NamedTuple):
    """Words ``first`` to ``last`` of a field are a form of a name; ``score`` is 0 to 1."""

    field: str
    first: int
    last: int
    score: float
    name: Name
    reading: Reading

    def counts(self, level: Level) -> bool:
        return self.score >= SCORER.least(level)


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
    """Names by their words, as ``words_of`` gives them, each at the levels it is watched at; they come and go at any time. Not
    for many threads.
    """

    def __init__(self) -> None:
        self._names: Names[_Key] = Names(_may_count)
        self._uses: dict[_Key, int] = {}
        self._scores: dict[Hashable, float] = {}

    def add(self, words: Words, level: Level) -> None:
        key = words, level
        self._uses[key] = uses = self._uses.get(key, 0) + 1
        if uses == 1:
            self._names.add(key, name_of(words))

    def remove(self, words: Words, level: Level) -> None:
        key = words, level
        self._uses[key] -= 1
        if not self._uses[key]:
            del self._uses[key]
            self._names.remove(key)

    def find(self, title: Placed, text: Placed) -> dict[Words, list[Variant]]:
        """What counts at a level at which its name is watched: the best of those that overlap, by field and place."""
        found: dict[Words, list[Variant]] = {}
        if not self._uses:
            return found
        for field, placed in zip(FIELDS, (title, text), strict=True):
            for words, variant in self._in(field, Tokens(placed)):
                found.setdefault(words, []).append(variant)
        return {words: _best(variants) for words, variants in found.items()}

    def _in(self, field: str, tokens: Tokens) -> Iterator[tuple[Words, Variant]]:
        for key, name, reading in self._names.find(tokens):
            words, level = key
            score = self._score(key, name, reading, context(reading, tokens))
            if score >= SCORER.least(level):
                yield words, Variant(field, reading.start, reading.end - 1, score, name, reading)

    def _score(self, key: "_Key", name: Name, reading: Reading, around: Context) -> float:
        """Remembered: of the same words in the same surroundings it is the same."""
        pairs = tuple((pair.unit.word.text, pair.word.text, pair.end - pair.start) for pair in reading.pairs)
        remembered = (key, pairs, reading.left, len(reading.between), reading.cost, around)
        score = self._scores.get(remembered)
        if score is None:
            if len(self._scores) >= _MOST_REMEMBERED:
                self._scores.clear()
            self._scores[remembered] = score = _scored(key[1], name, reading, around)
        return score


_Key = tuple[Words, Level]


def _scored(level: Level, name: Name, reading: Reading, around: Context) -> float:
    """0 where it does not count at this level."""
    if level == "strict" and not may_be_sure(name, reading):
        return 0.0
    score = SCORER.score(measures(name, reading, around), of_use=level)
    return score if may_be_sure(name, reading) else min(score, SCORER.least("strict") - _UNSURE)


def _may_count(key: _Key, name: Name, reading: Reading) -> bool:
    """Whether it would count in a sentence where nothing speaks against it; no surroundings make it better."""
    around = Context(begins=False, name_before=False, name_after=False, small=0, legal=name.legal, patronymics=0)
    return _scored(key[1], name, reading, around) >= SCORER.least(key[1])


def _best(variants: Sequence[Variant]) -> list[Variant]:
    kept: list[Variant] = []
    for variant in sorted(variants, key=lambda each: (-each.score, each.first)):
        if all(each.field != variant.field or each.last < variant.first or variant.last < each.first for each in kept):
            kept.append(variant)
    return sorted(kept, key=lambda each: (FIELDS.index(each.field), each.first))
