"""Under which keys a watched word is kept, and under which a printed one asks for those that may sound like it; and the other
way round, for an index of printed words that a watched one asks.

It owns how many letters two keys may differ in; it must not know names, watches or articles.
"""

from collections.abc import Iterator

from search.name_words import CLASSES, Word

# Of the keys that an index holds. To be raised with whatever changes the key of any word, here, in search.name_words or in
# search.sounds: an index made before would not be found under the new ones (tests/search/test_name_index.py tells).
VERSION = 1
AS_ONE = "+"  # before the key of words that may be read as one

SHORTEST_EDITED = 3  # letters of a key; shorter ones must be equal, or be a longer one with a letter left out


def kept_under(word: Word) -> set[str]:
    """The keys of a watched word, and those with a letter left out as ``-key``."""
    return {each for key in word.keys for each in kept(key)}


def asked_under(word: Word) -> set[str]:
    """Where the watched words are that differ in no letter of the key, or in one."""
    return {each for key in word.keys for each in asked(key)}


def kept(key: str) -> set[str]:
    return {key, *(f"-{each}" for each in _shorter(key) if len(key) >= SHORTEST_EDITED)}


def asked(key: str) -> set[str]:
    """Of three letters none may be another: half of all candidates would be so, and 3 % of those that are near."""
    found = {key, f"-{key}"}
    if len(key) >= SHORTEST_EDITED:
        found.update(_shorter(key))
    if len(key) > SHORTEST_EDITED:
        found.update(f"-{each}" for each in _shorter(key))
    return found


def _shorter(key: str) -> list[str]:
    return [key[:at] + key[at + 1 :] for at in range(len(key))]


# -- an index of printed words -----------------------------------------------------------------------------------------

_LETTERS = "".join(sorted({letter for letters in CLASSES.values() for letter in letters if letter}))
_DIGITS = "0123456789"


def indexed_under(word: Word) -> set[str]:
    """The keys under which an index holds a printed word: few, for there are very many of them."""
    return {*word.keys, word.meaning} if word.meaning else {*word.keys}


def looked_for_under(word: Word) -> set[str]:
    """The keys of all printed words that ask for this one (``asked_under``, ``kept_under``), written out."""
    found = {near for key in word.keys for near in _neighbours(key)}
    return {*found, word.meaning} if word.meaning else found


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
