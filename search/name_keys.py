"""Under which keys a watched word is kept, and under which a printed one asks for those that may sound like it.

It owns how many letters two keys may differ in; it must not know names, watches or articles.
"""

from search.name_words import Word

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
