"""Under which keys a watched word is kept, and under which a printed one asks for those that may sound like it.

It owns how many letters two keys may differ in; it must not know names, watches or articles.
"""

from search.name_words import CONCEPTS, Word

SHORTEST_EDITED = 3  # letters of a key; shorter ones must be equal, or be a longer one with a letter left out


def kept_under(word: Word) -> set[str]:
    """The keys of a watched word, those with a letter left out as ``-key``, and what it means where that is general."""
    shorter = {f"-{each}" for key in word.keys if len(key) >= SHORTEST_EDITED for each in _shorter(key)}
    return {*word.keys, *shorter, *_meaning(word)}


def asked_under(word: Word) -> set[str]:
    """Where the watched words are that differ in no letter of the key, or in one. Of three letters none may be another: half
    of all candidates would be so, and 3 % of those that are near.
    """
    asked = {*word.keys, *_meaning(word), *(f"-{key}" for key in word.keys)}
    for key in word.keys:
        if len(key) >= SHORTEST_EDITED:
            asked.update(_shorter(key))
        if len(key) > SHORTEST_EDITED:
            asked.update(f"-{each}" for each in _shorter(key))
    return asked


def _meaning(word: Word) -> tuple[str, ...]:
    concept = CONCEPTS.get(word.text)
    return () if concept is None else (f"={concept}",)


def _shorter(key: str) -> list[str]:
    return [key[:at] + key[at + 1 :] for at in range(len(key))]
