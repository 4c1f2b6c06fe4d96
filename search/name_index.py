"""The words of an article that may be of a name, as an index keeps them: each under its keys, so that a name finds them.

It owns which words of an article these are; it must not know how an engine holds them, nor what is looked for.
"""

from collections.abc import Iterator, Mapping, Sequence

from search.document import Document
from search.name_keys import AS_ONE, indexed_under
from search.name_sounding import keys_as_one
from search.name_table import joined
from search.name_tokens import Tokens
from search.name_words import LONGEST, Word, word_of
from search.names import placed


def spellings(document: Document) -> Mapping[str, frozenset[str]]:
    """The words of title and text at which a name may stand, and those in a row that may be read as one, which have a blank
    between; with the keys of each.
    """
    found: dict[str, set[str]] = {}
    for text in (document.title, document.text):
        for spelled, keys in _spellings(Tokens(placed(text))):
            found.setdefault(spelled, set()).update(keys)
    return {spelled: frozenset(keys) for spelled, keys in found.items() if keys}


def _spellings(tokens: Tokens) -> Iterator[tuple[str, set[str]]]:
    words = tokens.all
    for place, token in enumerate(words):
        if token.named:
            yield token.word.text, indexed_under(token.word)
            for end, parts in joined(tokens, place):
                if not _can_be_one(parts):
                    continue
                text = " ".join(word.word.text for word in words[place:end])
                yield text, {f"{AS_ONE}{key}" for key in keys_as_one(parts)}


def _can_be_one(parts: Sequence[Word]) -> bool:
    """Whether any word can have a key of theirs: it is of letters or of digits, and no word is that long."""
    decimal = [part.text.isdecimal() for part in parts]
    return (all(decimal) or not any(decimal)) and sum(len(part.text) for part in parts) <= LONGEST


def keys_of(spelled: str) -> set[str]:
    """The keys of one that ``spellings`` gave."""
    if " " not in spelled:
        return indexed_under(word_of(spelled))
    return {f"{AS_ONE}{key}" for parts in ways(spelled) for key in keys_as_one(parts)}


def ways(spelled: str) -> Iterator[Sequence[Word]]:
    """The words that are read in it as one: all, or all but a particle in the middle."""
    words = [word_of(text) for text in spelled.split(" ")]
    yield words
    if len(words) == 3:
        yield words[0], words[2]
