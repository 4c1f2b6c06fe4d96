"""Under which keys a watched word is kept, and under which a printed one asks for those that may sound like it; and the other
way round, for an index of printed words that a watched one asks.

It owns how many letters two keys may differ in; it must not know names, watches or articles.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from search.name_words import CLASSES, Word

# Of the words and keys that an index holds. To be raised with whatever changes the key of any word, here, in search.name_words
# or in search.sounds, or which words and pairs are held (search.name_tokens): an index made before would not be found under the
# new ones (tests/search/test_name_index.py tells).
VERSION = 2
AS_ONE = "+"  # before the key of words that may be read as one

SHORTEST_EDITED = 3  # letters of a key; shorter ones must be equal, or be a longer one with a letter left out


def kept_under(word: Word) -> set[str]:
    """The keys of a watched word, and those with a letter left out as ``-key``."""
    return {*word.keys, *(f"-{each}" for key in word.keys if len(key) >= SHORTEST_EDITED for each in _shorter(key))}


def asked_under(word: Word) -> frozenset[str]:
    """Where the watched words are that differ in no letter of the key, or in one. Of three letters none may be another: half
    of all candidates would be so, and 3 % of those that are near.
    """
    return _asked_under(word.keys)


@lru_cache(maxsize=50_000)
def _asked_under(keys: tuple[str, ...]) -> frozenset[str]:
    found = {*keys, *(f"-{key}" for key in keys)}
    for key in keys:
        if len(key) >= SHORTEST_EDITED:
            found.update(_shorter(key))
        if len(key) > SHORTEST_EDITED:
            found.update(f"-{each}" for each in _shorter(key))
    return frozenset(found)


def _shorter(key: str) -> list[str]:
    return [key[:at] + key[at + 1 :] for at in range(len(key))]


# -- an index of printed words -----------------------------------------------------------------------------------------

_LETTERS = "".join(sorted({letter for letters in CLASSES.values() for letter in letters if letter}))
_DIGITS = "0123456789"


def indexed_under(word: Word) -> set[str]:
    """The keys under which an index holds a printed word: few, for there are very many of them."""
    return {*word.keys, *_meanings(word)}


def looked_for_under(word: Word) -> set[str]:
    """The keys of all printed words that ask for this one (``asked_under``, ``kept_under``), written out."""
    return {near for key in word.keys for near in _neighbours(key)} | _meanings(word)


def _meanings(word: Word) -> set[str]:
    return {word.meaning} if word.meaning else set()


def keys_as_one(parts: Iterable[Word]) -> set[str]:
    """The keys that words have when they are written as one."""
    found = [""]
    for part in parts:
        found = [whole + (key[1:] if key[:1] == whole[-1:] else key) for whole in found for key in part.keys]
    return set(found)


def _neighbours(key: str) -> Iterator[str]:
    yield key
    if len(key) >= SHORTEST_EDITED - 1:
        yield from _longer(key)
    if len(key) >= SHORTEST_EDITED:
        yield from _shorter(key)
    if len(key) > SHORTEST_EDITED:
        for shorter in dict.fromkeys(_shorter(key)):
            yield from _longer(shorter)


def _longer(key: str) -> Iterator[str]:
    letters = _DIGITS if key.isdecimal() else _LETTERS
    return (key[:at] + letter + key[at:] for at in range(len(key) + 1) for letter in letters)
