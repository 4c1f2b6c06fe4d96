"""A name at one place of a text, and what makes words beside it likely to be another name of the same thing.

It owns that judgement, and what gaps between words mean; it must not know where beside the name the words stand.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from copytaster.text import Span, spans
from search.acronyms import fits, ways
from search.beside_words import SMALL, Strength, is_capital, looks_like_name, script, without_article

Kind = Literal["acronym", "script", "known as"]
REACH = 160
OPEN = re.compile(r"[(（\[﴾]")
CLOSE = re.compile(r"[)）\]﴿]")
DASH = re.compile(r"\s[–—-]+\s")
_ENDS = re.compile(r"[.!?;:…؟؛۔।\n]")
_LONGEST_ABBREVIATION = 4  # letters before a full stop that ends no sentence


class Form(NamedTuple):
    """``text[start:end]`` is another name."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Named:
    """The name as printed there and as it is watched, both in words of normal form."""

    text: str
    start: int
    end: int
    watched: Sequence[str]
    typed: str

    def form(self, words: Sequence[Span], strength: Strength, *, enclosed: bool) -> Form | None:
        """These words as another name, if they are likely to be one."""
        words = without_article(words, self.text)
        if not words:
            return None
        kind = self._kind(words, strength, enclosed=enclosed)
        return Form(words[0].start, words[-1].end, kind) if kind else None

    def _kind(self, words: Sequence[Span], strength: Strength, *, enclosed: bool) -> Kind | None:
        text = self.text[words[0].start : words[-1].end]
        if self.has_acronym(text):
            return "acronym"
        if self.is_acronym_of(words):
            return "known as"
        if not (enclosed or strength == "known as") or not looks_like_name(words, self.text):
            return None
        other = script(words)
        foreign = other != script_in(self.printed)
        if not foreign and strength != "known as":
            return None
        return "script" if other != script_in(" ".join(self.watched)) else "known as"

    @property
    def printed(self) -> str:
        return self.text[self.start : self.end]

    def has_acronym(self, printed: str) -> bool:
        return any(fits(printed, words, SMALL) for words in (*ways(self.printed), *ways(self.typed), self.watched))

    def is_acronym_of(self, words: Sequence[Span]) -> bool:
        said = [span.word for span in words]
        return is_capital(self.text, words[0]) and any(fits(short, said, SMALL) for short in (self.printed, self.typed))


def script_in(text: str) -> str:
    return script(list(spans(text)))


def ends(gap: str) -> bool:
    """Whether a gap between words ends a part of a sentence."""
    return _ENDS.search(gap) is not None


def is_end(word: Span, gap: str) -> bool:
    """Whether a sentence ends there; not by a colon, nor by the full stop of "a.k.a." or "сокр."."""
    said = gap.replace(":", "")
    return _ENDS.search(said.removeprefix(".") if len(word.word) <= _LONGEST_ABBREVIATION else said) is not None


def words_in(text: str, start: int, end: int) -> list[Span]:
    return [Span(word, start + first, start + last) for word, first, last in spans(text[start:end])]


def whole(words: list[Span], text: str, last: int) -> list[Span]:
    """Without a word that the end of the reach cuts."""
    cut = words and words[-1].end == last and last < len(text) and text[last].isalnum()
    return words[:-1] if cut else words
