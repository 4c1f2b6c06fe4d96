"""Where an article has a watched name in another spelling, script or case: how well each fits, and why, in a sentence.

It owns levels and guards; it must not know watches, the tree of a query or how an article is stored. Stream and search read
by it alike: it looks at nothing but the name and the article.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from copytaster.text import Placed, by_character
from copytaster.watches import Level
from search.name_align import Reading
from search.name_measures import measures
from search.name_parts import Name
from search.name_scorer import SCORER
from search.name_table import Names
from search.name_tokens import Tokens
from search.tree import Phrase

FIELDS = ("title", "text")
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
    if level == "exact" or phrase.exact or phrase.slop or phrase.prefix or phrase.field not in (None, "title"):
        return False
    return not any(by_character(word[0]) for word in phrase.words) and any(
        word.kind in {"bare", "patronymic"} and len(word.readings[0]) > 2 and not word.text.isdecimal()
        for word in Name(phrase.words).wanted
    )


class Variants:
    """Names by their words, as ``search.tree.Phrase`` has them; they come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._names: Names[Words] = Names()
        self._uses: dict[Words, int] = {}

    def add(self, words: Words) -> None:
        self._uses[words] = uses = self._uses.get(words, 0) + 1
        if uses == 1:
            self._names.add(words, Name(words))

    def remove(self, words: Words) -> None:
        self._uses[words] -= 1
        if not self._uses[words]:
            del self._uses[words]
            self._names.remove(words)

    def find(self, title: Placed, text: Placed) -> dict[Words, list[Variant]]:
        """What may count at any level, by name: the best of those that overlap, by field and place."""
        found: dict[Words, list[Variant]] = {}
        if not self._uses:
            return found
        for field, placed in zip(FIELDS, (title, text), strict=True):
            for words, variant in self._in(field, Tokens(placed)):
                found.setdefault(words, []).append(variant)
        return {words: _best(variants) for words, variants in found.items()}

    def _in(self, field: str, tokens: Tokens) -> Iterator[tuple[Words, Variant]]:
        for words, name, reading in self._names.find(tokens):
            score = SCORER.score(measures(name, reading, tokens), of_use=SCORER.least("wide"))
            if score >= SCORER.least("wide"):
                yield words, Variant(field, reading.start, reading.end - 1, score, name, reading)


def _best(variants: Sequence[Variant]) -> list[Variant]:
    kept: list[Variant] = []
    for variant in sorted(variants, key=lambda each: (-each.score, each.first)):
        if all(each.field != variant.field or each.last < variant.first or variant.last < each.first for each in kept):
            kept.append(variant)
    return sorted(kept, key=lambda each: (FIELDS.index(each.field), each.first))
