"""Watched words by how they sound: which of them a printed word may be near.

It owns the keys that are held, and what is remembered of printed words; it must not know names.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from search.name_keys import asked_under, kept_under, keys_as_one
from search.name_near import Group, glance
from search.name_words import Word, word_of

_MANY = 6  # words that are rather glanced at together
_FEW = 64  # new watched words that are looked at one by one
_MOST_REMEMBERED = 100_000  # printed words


class Heard:
    """A printed word, and the texts of the watched words that it may be near, each with how far it is at a glance
    (``search.name_near.glance``). ``parts``: as how many words it is printed. ``come`` counts the watched words that had
    come by then; ``noted`` is its user's.
    """

    __slots__ = ("alike", "come", "noted", "parts", "word")

    def __init__(self, word: Word, parts: int = 1) -> None:
        self.word = word
        self.parts = parts
        self.alike: dict[str, int] = {}
        self.come = 0
        self.noted: Any = None


class Sounding:
    """Watched words, each as often as it was added; they come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}
        self._added: list[Word] = []  # in the order in which they came
        self._under: dict[str, list[Word]] = {}  # by all that their keys are kept under
        self._many: dict[str, Group] = {}  # the same, of long lists that were asked for
        self._meaning: dict[str, set[str]] = {}
        self._heard: dict[str, Heard] = {}
        self._heard_as_one: dict[str, Heard | None] = {}

    def add(self, word: Word) -> None:
        self._uses[word.text] = uses = self._uses.get(word.text, 0) + 1
        if uses > 1:
            return
        self._added.append(word)
        self._heard_as_one.clear()
        if word.meaning:
            self._meaning.setdefault(word.meaning, set()).add(word.text)
        for key in kept_under(word):
            self._under.setdefault(key, []).append(word)
            if key in self._many:
                self._many[key].add(word)

    def remove(self, word: Word) -> None:
        """What was heard still names it, which does no harm: no name waits under it."""
        self._uses[word.text] -= 1
        if not self._uses[word.text]:
            del self._uses[word.text]
            if word.meaning:
                self._meaning[word.meaning].remove(word.text)
            for key in kept_under(word):
                self._under[key].remove(word)
                self._many.pop(key, None)
                if not self._under[key]:
                    del self._under[key]

    def forget_notes(self) -> None:
        """What was noted of printed words; how they sound is kept."""
        for heard in (*self._heard.values(), *filter(None, self._heard_as_one.values())):
            heard.noted = None

    def heard(self, word: Word) -> Heard:
        heard = self._heard.get(word.text)
        if heard is None:
            if len(self._heard) >= _MOST_REMEMBERED:
                self._heard.clear()
            self._heard[word.text] = heard = Heard(word)
        if heard.come != len(self._added):
            self._hear(heard)
        return heard

    def _hear(self, heard: Heard) -> None:
        word = heard.word
        under = asked_under(word)
        if not heard.come or len(self._added) - heard.come > _FEW:
            for key in under & self._under.keys():
                self._glance(key, word, heard.alike)
        else:
            _glance_at((each for each in self._added[heard.come :] if not under.isdisjoint(kept_under(each))), word, heard.alike)
        if word.meaning:
            heard.alike.update((text, 0) for text in self._meaning.get(word.meaning, ()))
        heard.come = len(self._added)

    def heard_as_one(self, parts: Sequence[Word]) -> Heard | None:
        """Words written as one. Only the watched words of the same key are near it; None where there are none."""
        text = " ".join(part.text for part in parts)
        if text not in self._heard_as_one:
            if len(self._heard_as_one) >= _MOST_REMEMBERED:
                self._heard_as_one.clear()
            self._heard_as_one[text] = self._hear_as_one(parts)
        return self._heard_as_one[text]

    def _hear_as_one(self, parts: Sequence[Word]) -> Heard | None:
        keys = keys_as_one(parts) & self._under.keys()
        if not keys:
            return None
        heard = Heard(word_of("".join(part.text for part in parts)), len(parts))
        for key in keys:
            self._glance(key, heard.word, heard.alike)
        return heard if heard.alike else None

    def _glance(self, key: str, word: Word, found: dict[str, int]) -> None:
        words = self._under.get(key, ())
        if len(words) < _MANY:
            _glance_at(words, word, found)
            return
        if key not in self._many:
            self._many[key] = Group(words)
        self._many[key].glance(word, found)


def _glance_at(others: Iterable[Word], word: Word, found: dict[str, int]) -> None:
    for other in others:
        if other.text not in found and (how := glance(other, word)) is not None:
            found[other.text] = how
