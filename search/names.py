"""The normal form of words and names, in which matcher and engines compare what was asked for with what was printed.

It owns that form and its version; it must not know queries, watches, articles or engines.

Version 1 is the tokenizer's fold: case, diacritics and letter variants of one script. An index or a match made with
another version is not comparable, so the version is stored with both.
"""

from copytaster.text import Placed, analyzed

VERSION = 1


def normal(text: str) -> str:
    """The words of a text or term in normal form, in order, joined by one blank each; empty where it has none."""
    return analyzed(text)


def placed(text: str) -> Placed:
    """The same words (``.joined``), each of which can be asked for its place in the text as given."""
    return Placed(text)
