"""Other names that stand before a name: "HTS (Hayat Tahrir al-Sham)", "KH, also known as Kataib Hezbollah".

It owns where such names begin; whether they are likely is decided in ``search.beside_named``.
"""

import re
from collections.abc import Iterator, Sequence

from copytaster.text import Span
from search.acronyms import is_acronym
from search.beside_named import DASH, OPEN, REACH, Form, Named, is_end, words_in
from search.beside_words import SMALL, Strength, is_capital, is_cased, phrase_before

_CLOSING = re.compile("[\"“”»’'״\u200e\u200f]*\\s*[)）\\]﴿,،;؛]")
_STANDING_BEFORE = frozenset({"the", "al", "el", "la", "le"})


def before(named: Named) -> Iterator[Form]:
    text, start = named.text, named.start
    first = max(text.rfind("\n", 0, start) + 1, start - REACH)
    words = words_in(text, first, start)
    if words and first and text[first - 1].isalnum() and words[0].start == first:
        words = words[1:]
    words = list(words[:-1]) if words and words[-1].word in _STANDING_BEFORE else list(words)
    said = phrase_before(words)
    kept = words[: len(words) - said.taken]
    if not kept:
        return
    following = words[-said.taken].start if said.taken else start
    gap = text[kept[-1].end : following]
    if is_end(kept[-1], gap) or is_end(words[-1], text[words[-1].end : start]):
        return
    opened = bool(OPEN.search(gap)) and _closes(named)
    if opened or said.strength == "known as":
        yield from _last(named, kept, said.strength, first)
    elif DASH.search(gap):
        yield from (form for form in _last(named, kept, "", first) if form.kind == "acronym")


def _closes(named: Named) -> bool:
    """Whether the name is all of what the parenthesis holds, or its first part."""
    return _CLOSING.match(named.text, named.end) is not None


def _last(named: Named, words: Sequence[Span], strength: Strength, first: int) -> Iterator[Form]:
    """What ends with the last of these words: in quotes, an acronym, words with capitals, or all from a clause's beginning on."""
    for some, enclosed in _endings(named, words, first):
        if form := named.form(some, strength, enclosed=enclosed):
            yield form
            return


def _endings(named: Named, words: Sequence[Span], first: int) -> Iterator[tuple[Sequence[Span], bool]]:
    text = named.text
    if (quoted := _quoted_last(words, text)) is not None:
        yield quoted, True
        return
    for size in range(min(len(words), 10), 0, -1):
        some = words[-size:]
        if is_acronym(text[some[0].start : some[-1].end]) or named.is_acronym_of(some):
            yield some, False
    clause = _clause(words, text)
    if is_cased(text, words[-1]):
        yield _capitals(clause, text), True
    elif (first == 0 or len(clause) < len(words)) and len(clause) <= len(named.watched) + 1:
        yield clause, True


def _quoted_last(words: Sequence[Span], text: str) -> Sequence[Span] | None:
    if not re.match('["”“»’›״]', text[words[-1].end : words[-1].end + 1]):
        return None
    for at in range(len(words) - 1, max(-1, len(words) - 10), -1):
        if re.match('["„“«‘‹״]', text[words[at].start - 1 : words[at].start]) and words[at].start:
            return words[at:]
    return None


def _clause(words: Sequence[Span], text: str) -> Sequence[Span]:
    """The last words in a row with no punctuation between them; a line's beginning is one of a clause."""
    at = len(words) - 1
    while at and not re.search(r"[^\s'’ʼ‑-]", text[words[at - 1].end : words[at].start]):
        at -= 1
    return words[at:]


def _capitals(words: Sequence[Span], text: str) -> Sequence[Span]:
    at = len(words)
    while at and (is_capital(text, words[at - 1]) or words[at - 1].word in SMALL) and is_cased(text, words[at - 1]):
        at -= 1
    while at < len(words) and not is_capital(text, words[at]):
        at += 1
    return words[at:]
