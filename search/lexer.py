"""The tokens of the watch language: operators, fields, quoted phrases and bare words, each with its position.

It owns which characters mean what, and the error that names a position; it must not know how tokens combine.
"""

import re
from dataclasses import dataclass
from typing import NoReturn, cast, get_args

from copytaster.errors import Rejected
from search.tree import Field

MOST_CHARACTERS = 50_000
FIELDS: tuple[str, ...] = get_args(Field)
_CLOSING = {'"': '"', "“": "”“", "„": "”“‟", "‟": "”“", "«": "»"}
_OPERATORS = {"AND": "and", "OR": "or", "NOT": "not", "&&": "and", "||": "or", "|": "or", "!": "not"}
_BLANKS = re.compile(r"\s*")
# A straight quote between two Hebrew letters is the gershayim of an acronym (צה"ל), not the start of a phrase.
_WORD = re.compile(r'(?:[^\s()"“”„‟«»]|(?<=[\u05d0-\u05ea])"(?=[\u05d0-\u05ea]))+')
_FIELD = re.compile(r"([A-Za-z_]+):\s*")
_AFTER_QUOTE = re.compile(r"(\*?)(?:~(\w*))?")


class QueryError(Rejected):
    """A query that can't be read; ``position`` counts characters from 1 and the message says how to mend it."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__("query", f"At character {position}: {message}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is one of open, close, and, or, not, field, exact, quoted, word."""

    kind: str
    text: str
    position: int
    prefix: bool = False
    slop: str | None = None  # what stood after ~
    hint: str = ""

    @property
    def field(self) -> Field:
        return cast("Field", self.text[:-1])


def short(text: str, longest: int = 60) -> str:
    """Quoted for a message, on one line, cut where it is long."""
    text = " ".join(text.split())
    return f"“{text}”" if len(text) <= longest else f"“{text[: longest - 1]}…”"


def tokens(query: str) -> list[Token]:
    """All tokens of a query. Raises QueryError."""
    if len(query) > MOST_CHARACTERS:
        raise QueryError(MOST_CHARACTERS, f"a query has at most {MOST_CHARACTERS:,} characters. Split it in two watches.")
    found: list[Token] = []
    at = _skip(query, 0)
    while at < len(query):
        token, end = _token(query, at)
        if token is not None:
            found.append(token)
        at = _skip(query, end)
    return found


def _skip(query: str, at: int) -> int:
    blanks = _BLANKS.match(query, at)
    return blanks.end() if blanks else at


def _token(query: str, at: int) -> tuple[Token | None, int]:
    char = query[at]
    if char in "()":
        return Token("open" if char == "(" else "close", char, at + 1), at + 1
    if char in _CLOSING:
        return _quoted(query, at)
    word = _WORD.match(query, at)
    if word is None:
        raise QueryError(at + 1, f"{char} closes a phrase that was never opened. Remove it, or put a quote before.")
    return _sign(query, at, word[0]) or _field(query, at) or _word(word[0], at)


def _quoted(query: str, at: int) -> tuple[Token, int]:
    closing = _CLOSING[query[at]]
    ends = [end for mark in closing if (end := query.find(mark, at + 1)) != -1]
    if not ends:
        raise QueryError(at + 1, f"the quote is never closed. Add a {closing[0]} at the end of the phrase.")
    end = min(ends)
    text, inner_prefix = _cut_star(query[at + 1 : end])
    if "*" in text:
        raise QueryError(at + 2 + text.index("*"), "* can only stand at the end of the last word. Remove it.")
    after = _AFTER_QUOTE.match(query, end + 1)
    star, slop, past = (after[1], after[2], after.end()) if after else ("", None, end + 1)
    return Token("quoted", text, at + 1, prefix=inner_prefix or bool(star), slop=slop), past


def _cut_star(text: str) -> tuple[str, bool]:
    stripped = text.rstrip()
    return (stripped[:-1], True) if stripped.endswith("*") else (text, False)


def _sign(query: str, at: int, word: str) -> tuple[Token | None, int] | None:
    """Operators, whole or stuck to the word after them: ``-word``, ``!word``, ``+word``, ``=word``."""
    if kind := _OPERATORS.get(word):
        return Token(kind, word, at + 1, hint=_foreign(word)), at + len(word)
    follows = at + 1 < len(query) and not query[at + 1].isspace() and query[at + 1] != ")"
    if word[0] == "=" and follows:
        return Token("exact", "=", at + 1), at + 1
    if word[0] in "-!+" and follows and _stands_free(query, at):
        if word[0] == "+":
            return None, at + 1  # joined by AND anyway
        return Token("not", word[0], at + 1, hint=_foreign(word[0])), at + 1
    return None


def _stands_free(query: str, at: int) -> bool:
    return at == 0 or query[at - 1].isspace() or query[at - 1] == "("


def _foreign(sign: str) -> str:
    if sign.isalpha():
        return ""
    meant = {"-": "NOT"}.get(sign) or _OPERATORS[sign].upper()
    return f"{sign} is read as {meant}."


def _field(query: str, at: int) -> tuple[Token | None, int] | None:
    name = _FIELD.match(query, at)
    if name is None:
        return None
    if name[1].lower() in FIELDS:
        return Token("field", f"{name[1].lower()}:", at + 1), name.end()
    known = ", ".join(f"{field}:" for field in FIELDS)
    raise QueryError(at + 1, f'there is no field {name[1]}:. Use {known} or put the words in "quotes".')


def _word(word: str, at: int) -> tuple[Token, int]:
    text, prefix = _cut_star(word)
    for char, repair in _NO_MEANING.items():
        if (inside := text.find(char)) != -1 and (char != "?" or text[inside:].strip("?!.,")):
            _refuse(at + inside + 1, char, repair)
    return Token("word", text, at + 1, prefix=prefix, hint=_word_hint(word)), at + len(word)


_NO_MEANING = {
    "*": "It can only stand at the end of a word: write the beginning and one *.",
    "~": 'It only stands after a phrase: "a b"~5. Spellings of a name are found without it.',
    "^": "Remove it: every match counts the same.",
    "?": "Write each form and put OR between them.",
}


def _refuse(position: int, char: str, repair: str) -> NoReturn:
    raise QueryError(position, f"{char} has no meaning here. {repair}")


def _word_hint(word: str) -> str:
    if word in {"and", "or", "not"}:
        return f"{short(word)} in small letters is searched as a word. Write {word.upper()} for the operator."
    if word[0] in "'‘" and len(word) > 1:
        return 'Single quotes mean nothing here. For a phrase write "double quotes".'
    return ""
