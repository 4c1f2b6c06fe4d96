"""Which words a watch can be found by: for each watch the rarest set of keys of which a matching article has one.

It owns keys, their cost and what articles teach about it; it must not know watches, hits or how a match is reported.

A key is a word of title or text, ``sha*`` for the beginning of one, ``source:bbc`` for a word of another field, or
``author:*`` for any word there. lucene-monitor chooses its terms in the same way.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from copytaster.text import by_character
from search import names
from search.document import Page
from search.tree import And, Node, Not, Or, Phrase

LONGEST_BEGINNING = 6  # letters of a prefix key; more would cost more slices of each word of an article than it saves
LEARNED_FROM = 256  # articles in one lesson
COMMON = 0.02  # a key in more than this share of articles is worth being replaced
# The share of articles that have some word of so many letters, before any was read; the last is for all longer ones.
_BY_LENGTH = (1.0, 0.3, 0.2, 0.08, 0.03, 0.012, 0.006, 0.004, 0.003)
_BY_FIELD = {"lang": 0.3, "source": 0.02, "author": 0.002}
_FREQUENT = frozenset(
    names.normal(
        "about after also and are but can for from government have his into its minister more new news not one other over"
        " people police president said says state that the their they this two was were which will with would year"
        " как его для что это или они так было президент года на не из по от за"
        " من في على الى عن ان التی از به که در این را است با برای رئیس الرئیس"
        " les des une dans pour par que qui sur est avec der die das und den von mit los las del para con una bir ve bu"
    ).split()
)


class Anchor(NamedTuple):
    """``cost`` is about the share of articles that have one of the keys."""

    cost: float
    keys: tuple[str, ...]


class Rarity:
    """How common words are: guessed at first, then learned from the articles that pass."""

    def __init__(self) -> None:
        self.shares: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._passed = 0
        self._learned = 0

    def learn(self, words: Iterable[str]) -> bool:
        """Count an article's distinct words; True when a lesson is complete, so that ``shares`` are new.

        After the first lesson one article of 16 is counted: 20 µs each, and 256 articles hold the words in memory.
        """
        self._passed += 1
        if self.shares and self._passed % 16:
            return False
        self._counts.update(words)
        self._learned += 1
        if self._learned < LEARNED_FROM:
            return False
        self.shares = {word: count / self._learned for word, count in self._counts.items() if count > 2}
        self._counts.clear()
        self._learned = 0
        return True

    def of(self, word: str) -> float:
        if (share := self.shares.get(word)) is not None:
            return share
        guess = 0.4 if word in _FREQUENT else _BY_LENGTH[min(len(word), len(_BY_LENGTH) - 1)]
        if by_character(word[0]):
            guess = 0.05
        return min(guess, COMMON / 2) if self.shares else guess


def anchor(node: Node, rarity: Rarity) -> Anchor | None:
    """The cheapest keys for a plain tree (``search.tree.plain``); None where nothing is required, as for a Not."""
    if isinstance(node, Phrase):
        return _of_phrase(node, rarity)
    if isinstance(node, Not):
        return None
    found = [anchor(part, rarity) for part in node.parts]
    possible = [part for part in found if part is not None]
    if isinstance(node, And):
        return min(possible, default=None)
    if isinstance(node, Or) and len(possible) < len(found):
        return None
    keys = dict.fromkeys(key for part in possible for key in part.keys)
    return Anchor(sum(part.cost for part in possible), tuple(keys))


def _of_phrase(phrase: Phrase, rarity: Rarity) -> Anchor:
    whole = phrase.words[:-1] if phrase.prefix else phrase.words
    if phrase.field in _BY_FIELD:
        return Anchor(_BY_FIELD[phrase.field], (f"{phrase.field}:{max(whole, key=len, default='*')}",))
    if not whole:
        return Anchor(0.05, (f"{phrase.words[0][:LONGEST_BEGINNING]}*",))
    return min(Anchor(rarity.of(word), (word,)) for word in whole)


def field_keys(page: Page) -> Iterator[str]:
    """The keys that an article has by its other fields."""
    for field in _BY_FIELD:
        words = page.placed(field).joined.split()
        yield from (f"{field}:{word}" for word in words)
        if words:
            yield f"{field}:*"


def beginning_keys(words: Iterable[str], lengths: Iterable[int]) -> Iterator[str]:
    """The prefix keys of these lengths that an article has."""
    sizes = tuple(lengths)
    for word in words:
        for size in sizes:
            if len(word) >= size:
                yield f"{word[:size]}*"
