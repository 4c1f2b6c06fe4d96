"""The words that stand around other names of a thing: known-as phrases in many languages, and what looks like a name.

It owns these lists and measures; it must not know where in an article they are looked for.
"""

import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any, Literal, NamedTuple

from copytaster.text import Span, by_character
from search import names
from search.name_words import GENERAL, PARTICLES
from search.sounds import script_of

Strength = Literal["", "or", "known as"]

_LISTS: dict[str, Any] = tomllib.loads(resources.files("search").joinpath("beside_lists.toml").read_text("utf-8"))


def _phrases(name: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(names.normal(line).split()) for line in _LISTS[name].splitlines() if line.strip())


KNOWN_AS, OR, LANGUAGES, NO_NAMES = map(_phrases, ("known_as", "or", "languages", "no_names"))
SMALL = frozenset(_LISTS["small"].split()) | PARTICLES
_LONGEST = max(map(len, KNOWN_AS | OR | LANGUAGES))
_ARTICLES = frozenset({"the", "la", "le", "el", "die", "der", "das", "los", "les", "l"})
_COLONS = frozenset(":：")
MOST_WORDS, MOST_CHARACTERS = 8, 12  # of a name: words, or characters of a script without blanks


class Phrase(NamedTuple):
    """``taken`` words say how strongly that another name follows, or came before."""

    taken: int
    strength: Strength


NOTHING = Phrase(0, "")


def phrase_at(words: Sequence[Span], text: str) -> Phrase:
    """The known-as phrase that these words begin with."""
    for size in range(min(_LONGEST, len(words)), 0, -1):
        said = tuple(span.word for span in words[:size])
        strength = _strength(said)
        if strength:
            return Phrase(size, strength)
        if said in LANGUAGES and size < len(words) and _COLONS & {*text[words[size - 1].end : words[size].start]}:
            return Phrase(size, "known as")
    return NOTHING


def phrase_before(words: Sequence[Span]) -> Phrase:
    """The known-as phrase that these words end with."""
    for size in range(min(_LONGEST, len(words)), 0, -1):
        strength = _strength(tuple(span.word for span in words[-size:]))
        if strength:
            return Phrase(size, strength)
    return NOTHING


def _strength(said: tuple[str, ...]) -> Strength:
    first = said[0]
    if len(first) > 2 and first[0] == "و" and (first[1:], *said[1:]) in KNOWN_AS:
        return "known as"
    if said in KNOWN_AS:
        return "known as"
    return "or" if said in OR else ""


def script(words: Sequence[Span]) -> str:
    """The one script of all these words; "" where they are of several, or digits alone."""
    scripts = {script_of(span.word) for span in words if not span.word.isdecimal()}
    return scripts.pop() if len(scripts) == 1 else ""


def is_capital(text: str, span: Span) -> bool:
    """Also true of scripts without capitals, and of numbers."""
    letter = next(filter(str.isalpha, text[span.start : span.end]), "")
    return letter.isupper() or letter.istitle() or letter.lower() == letter.upper()


def is_cased(text: str, span: Span) -> bool:
    return any(char.lower() != char.upper() for char in text[span.start : span.end])


def without_article(words: Sequence[Span], text: str) -> Sequence[Span]:
    if len(words) > 1 and words[0].word in _ARTICLES and (not is_capital(text, words[0]) or text[words[0].start] == "T"):
        return words[1:]
    return words


def looks_like_name(words: Sequence[Span], text: str) -> bool:
    """By its length, its one script and its capitals; that it really is one nobody can tell from that."""
    if not words or not script(words) or len(words) > (MOST_CHARACTERS if by_character(words[0].word[0]) else MOST_WORDS):
        return False
    said = tuple(span.word for span in words)
    if said in NO_NAMES or said[:1] in NO_NAMES or said[:2] in NO_NAMES:
        return False
    if sum(map(len, said)) < 2 or any(span.word.isdecimal() and len(span.word) > 3 for span in words):
        return False  # a year
    bearing = [span for span in words if span.word not in SMALL] or words
    if len(bearing) == 1 and bearing[0].word in GENERAL:
        return False  # "the Group"
    capitals = sum(is_capital(text, span) for span in bearing)
    return is_capital(text, words[0]) and 2 * capitals >= len(bearing)
