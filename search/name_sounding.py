"""Watched words by how they sound: which of them a printed word may be near.

It owns the keys that are held, and what is remembered of printed words; it must not know names.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import attrgetter
from typing import Any

from search.name_keys import asked_under, kept_under, keys_as_one
from search.name_near import Group, glance
from search.name_words import Word, form_of, word_of

_MANY = 6  # words that are rather glanced at together
_FEW = 64  # new watched words that are looked at one by one
_MOST_REMEMBERED = 100_000  # printed words
_FARTHEST_AS_ONE = 21  # hundredths of a share; what is read as one word must be nearer than a word as it stands


class Heard:
    """A printed word, and the texts of the watched words that it may be near, each with how far it is at least, as
    ``search.name_near.glance`` tells it. ``parts``: as how many words it is printed. ``come`` counts the watched words that had
    come by then; ``noted`` is its user's.
    """

    __slots__ = ("alike", "come", "noted", "parts", "word")

    def __init__(self, word: Word, parts: int = 1) -> None:
        self.word = word
        self.parts = parts
        self.alike: dict[str, int] = {}
        self.come = 0
        self.noted: Any = None


class _Kept:
    """Words by their keys, each as often as it was added."""

    def __init__(self, keys: Callable[[Word], Iterable[str]]) -> None:
        self._keys = keys
        self._uses: dict[str, int] = {}
        self.under: dict[str, list[Word]] = {}
        self._many: dict[str, Group] = {}  # the same, of long lists that were asked for

    def add(self, word: Word) -> bool:
        """Whether it is new."""
        self._uses[word.text] = uses = self._uses.get(word.text, 0) + 1
        if uses > 1:
            return False
        for key in self._keys(word):
            self.under.setdefault(key, []).append(word)
            if key in self._many:
                self._many[key].add(word)
        return True

    def remove(self, word: Word) -> bool:
        """Whether it was the last."""
        self._uses[word.text] -= 1
        if self._uses[word.text]:
            return False
        del self._uses[word.text]
        for key in self._keys(word):
            self.under[key].remove(word)
            self._many.pop(key, None)
            if not self.under[key]:
                del self.under[key]
        return True

    def glance(self, key: str, word: Word, found: dict[str, int]) -> None:
        words = self.under.get(key, ())
        if len(words) < _MANY:
            _glance_at(words, word, found)
            return
        if key not in self._many:
            self._many[key] = Group(words)
        self._many[key].glance(word, found)


class Sounding:
    """Watched words, each as often as it was added; they come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._kept = _Kept(kept_under)
        self._whole = _Kept(attrgetter("keys"))  # but for what stands for several words of a name
        self._added: list[Word] = []  # in the order in which they came
        self._meaning: dict[str, set[str]] = {}
        self._heard: dict[str, Heard] = {}
        self._heard_as_one: dict[str, Heard | None] = {}

    def add(self, word: Word, *, whole: bool = True) -> None:
        if whole and self._whole.add(word):
            self._heard_as_one.clear()
        if self._kept.add(word):
            self._added.append(word)
            if word.meaning:
                self._meaning.setdefault(word.meaning, set()).add(word.text)

    def remove(self, word: Word, *, whole: bool = True) -> None:
        """What was heard still names it, which does no harm."""
        if whole:
            self._whole.remove(word)
        if self._kept.remove(word) and word.meaning:
            self._meaning[word.meaning].remove(word.text)

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
            for key in under & self._kept.under.keys():
                self._kept.glance(key, word, heard.alike)
        else:
            _glance_at((each for each in self._added[heard.come :] if not under.isdisjoint(kept_under(each))), word, heard.alike)
        if word.meaning:
            heard.alike.update((text, 0) for text in self._meaning.get(word.meaning, ()))
        heard.come = len(self._added)

    def heard_as_one(self, parts: Sequence[Word]) -> Heard | None:
        """Words written as one. Near it are whole watched words of the same key alone; None where there are none."""
        text = " ".join(part.text for part in parts)
        if text not in self._heard_as_one:
            if len(self._heard_as_one) >= _MOST_REMEMBERED:
                self._heard_as_one.clear()
            self._heard_as_one[text] = self._hear_as_one(parts)
        return self._heard_as_one[text]

    def _hear_as_one(self, parts: Sequence[Word]) -> Heard | None:
        keys = keys_as_one(parts) & self._whole.under.keys()
        if not keys:
            return None
        if not self._alike_as_one(keys, _roughly(parts)):
            return None
        heard = Heard(word_of("".join(part.text for part in parts)), len(parts))
        heard.alike = self._alike_as_one(keys, heard.word)
        return heard if heard.alike else None

    def _alike_as_one(self, keys: Iterable[str], word: Word) -> dict[str, int]:
        found: dict[str, int] = {}
        for key in keys:
            self._whole.glance(key, word, found)
        return {text: hundredths for text, hundredths in found.items() if hundredths < _FARTHEST_AS_ONE}


def _roughly(parts: Sequence[Word]) -> Word:
    """The parts as one word by their own sounds; what the word really sounds like takes twenty times as long to find."""
    *before, last = parts
    forms = tuple(form_of(reduce(_once, [*(part.sounds for part in before), form.sounds])) for form in last.forms)
    return Word("", "bare", parts[0].script, forms, (), parts[0].unwritten)


def _once(one: str, two: str) -> str:
    """A sound that is doubled where they meet is one."""
    return one + two[1:] if one[-1:] == two[:1] else one + two


def _glance_at(others: Iterable[Word], word: Word, found: dict[str, int]) -> None:
    for other in others:
        if other.text not in found and (how := glance(other, word)) is not None:
            found[other.text] = how
