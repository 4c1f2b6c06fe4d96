"""Whether a word is the acronym of a name: its letters are the initials of the name's words, small words left out or not.

It owns what an acronym is, in any alphabet; it must not know watches, articles or where an acronym is looked for.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from search import names
from search.name_words import PARTICLES
from search.sounds import script_of, sounds

SHORTEST, LONGEST = 2, 10  # letters
_SHORTEST_CASELESS = 3  # where no capitals tell it from a word, and no full stops
# What begins a word of these scripts without being of it: the article, "and", "in".
_ARABIC = re.compile("^(?:[وفبکل]?ال|لل|و)(?=..)")
_HEBREW = re.compile("^[והבלמכש](?=..)")
_APOSTROPHE = re.compile(r"(?<=\w)['’‘ʼʻ`´](?=\w)")
# First sounds that alphabets write for one another.
_GROUPS = ("hxHGkqg", "sSzZcCHT", "tTdDc", "bpfvw", "jyigZH", "aeiouyw")


def is_acronym(printed: str) -> bool:
    """Whether it is printed as one: one word with capitals in it, or single letters with full stops or blanks between."""
    words = names.normal(printed).split()
    letters = "".join(words)
    if not SHORTEST <= len(letters) <= LONGEST:
        return False
    parted = len(words) > 1 and all(len(word) == 1 for word in words)
    if not parted and (len(printed.split()) > 1 or "-" in printed):
        return False
    capitals, small, digits = (sum(map(kind, printed)) for kind in (str.isupper, str.islower, str.isdecimal))
    if small or capitals:
        return capitals + bool(digits) >= SHORTEST and (printed[0].isupper() or printed[0].isdecimal()) and capitals > small
    return parted or len(letters) >= _SHORTEST_CASELESS


def ways(name: str) -> list[list[str]]:
    """The words of a name in normal form, as an apostrophe parts or joins them: "Kata'ib" is one word, "l'État" two."""
    return [names.normal(form).split() for form in dict.fromkeys((name, _APOSTROPHE.sub("", name)))]


def fits(printed: str, words: Sequence[str], small: Iterable[str] = ()) -> bool:
    """Whether this is an acronym of the name with these words, which are in normal form; ``small``: may be left out, too."""
    if len(words) < SHORTEST or not is_acronym(printed):
        return False
    letters = "".join(names.normal(printed).split())
    reached = {0}
    for word in words:
        after = {end for at in reached for end in _ends(letters, at, word)}
        reached = after | reached if word in PARTICLES or word in small else after
    return len(letters) in reached


def _ends(letters: str, at: int, word: str) -> Iterator[int]:
    """Where the acronym goes on after this word: a number stands in it as a whole ("17N")."""
    if word.isdecimal():
        if letters.startswith(word, at):
            yield at + len(word)
    elif at < len(letters) and _begins(letters[at], word):
        yield at + 1


def _begins(letter: str, word: str) -> bool:
    if any(form.startswith(letter) for form in _bare(word)):
        return True
    if script_of(letter) == script_of(word):
        return False
    one = sounds(letter)[:1]
    return bool(one) and any(_sound_alike(one, sounds(form)[:1]) for form in _bare(word))


def _bare(word: str) -> Iterator[str]:
    """The word, and without what only begins it."""
    yield word
    beginning = {"arabic": _ARABIC, "hebrew": _HEBREW}.get(script_of(word))
    if beginning and (found := beginning.match(word)):
        yield word[found.end() :]


def _sound_alike(one: str, two: str) -> bool:
    return bool(two) and (one == two or any(one in group and two in group for group in _GROUPS))
