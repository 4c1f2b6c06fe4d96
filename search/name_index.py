"""The words of an article that may be of a name, as an index keeps them: each under its keys, so that a name finds them.

It owns which words of an article these are; it must not know how an engine holds them, nor what is looked for.
"""

from collections.abc import Iterator, Mapping, Sequence

from copytaster.text import Placed
from search.document import Document
from search.name_keys import AS_ONE, indexed_under, keys_as_one
from search.name_tokens import Tokens, as_one
from search.name_words import LONGEST, Word, word_of
from search.names import placed

_PLAIN = "/"  # is never in a word


def spellings(document: Document) -> Mapping[str, frozenset[str]]:
    """The words of title and text at which a name may stand, and those in a row that may be read as one, which have a blank
    between; with the keys of each. One that is not spelled as it is in normal form has that behind it, "chorum/corum".
    """
    found: dict[str, set[str]] = {}
    for text in (document.title, document.text):
        for spelled, keys in _spellings(placed(text)):
            found.setdefault(spelled, set()).update(keys)
    return {spelled: frozenset(keys) for spelled, keys in found.items() if keys}


def _spellings(text: Placed) -> Iterator[tuple[str, set[str]]]:
    tokens = Tokens(text)
    words = tokens.all
    plain = text.joined.split()
    told = [
        word.word.text if word.word.text == normal else f"{word.word.text}{_PLAIN}{normal}"
        for word, normal in zip(words, plain, strict=True)
    ]
    for place, token in enumerate(words):
        if token.named:
            yield told[place], indexed_under(token.word)
            for end, parts in as_one(tokens, place):
                if _can_be_one(parts):
                    yield " ".join(told[place:end]), {f"{AS_ONE}{key}" for key in keys_as_one(parts)}


def _can_be_one(parts: Sequence[Word]) -> bool:
    """Whether any word can have a key of theirs: it is of letters or of digits, and no word is that long."""
    decimal = [part.text.isdecimal() for part in parts]
    return (all(decimal) or not any(decimal)) and sum(len(part.text) for part in parts) <= LONGEST


def keys_of(told: str) -> set[str]:
    """The keys of one that ``spellings`` gave."""
    if " " not in told:
        return indexed_under(_word(told))
    return {f"{AS_ONE}{key}" for parts in ways(told) for key in keys_as_one(parts)}


def ways(told: str) -> Iterator[Sequence[Word]]:
    """The words that are read in it as one: all, or all but a particle in the middle."""
    words = [_word(text) for text in told.split(" ")]
    yield words
    if len(words) == 3:
        yield words[0], words[2]


def _word(told: str) -> Word:
    return word_of(told.partition(_PLAIN)[0])


def in_normal_form(told: str) -> tuple[str, ...]:
    """The words of it, as they stand in an article's words."""
    return tuple(text.rpartition(_PLAIN)[2] for text in told.split(" "))
