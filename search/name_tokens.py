"""The words of an article as names are read in it: how each sounds, whether it has a capital, where a clause ends.

It owns these tokens, one for each word of a text and in the same order; it must not know which names are watched.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from copytaster.text import Placed, by_character, chunk_spans
from search.name_spelling import spelled
from search.name_words import ABBREVIATED, COMMON, LEGAL, Word, form_of, legal_at, word_of

_STOPS = frozenset(".!?;:…؟؛۔।|")
_PAUSES = frozenset(',،、()[]–—/«»“”„"')
_BRACKETS = frozenset("([")
_APOSTROPHES = frozenset("'’‘ʼʻ`´")
_GLUE = _APOSTROPHES | frozenset("-‐‑\u200c")
_LEGAL_FIRST = frozenset(form[0] for form in LEGAL)
LONGEST_AS_ONE = 3  # words, but for those that apostrophes part
_SHORTEST_AS_ONE = 3  # letters of keys
_MOST_REMEMBERED = 100_000
_LONGEST_REMEMBERED = 40  # characters: of texts without blanks each paragraph is new, and as long as it is
_MOST_SHOWN = 300  # characters of one word, more than any reading of it looks at: those of a ligature may share thousands
_UNREAD = Word("", "bare", "other", (form_of(""),), ())


class Token(NamedTuple):
    """``capital`` is also true of scripts without capitals, but for their most common words. ``pause``: a comma or the like
    follows; ``stop``: a clause ends.
    """

    word: Word
    capital: bool
    cased: bool
    pause: bool
    stop: bool
    legal: bool  # a legal form may begin here
    glued: bool  # an apostrophe stands before it: "Slov'jansk"
    bracketed: bool  # a bracket opens before it: "Kataib Hezbollah (KH)"
    named: bool  # printed as words of short names are: with a capital, glued to what is before, a particle
    heard: bool  # it has keys or a meaning: without, no watched word is near it, alone or as one with others
    sound: int  # letters of its longest key

    @property
    def hyphened(self) -> bool:
        """Without a capital, but a bare word of a name even so: "Sers el-liyaneh"."""
        return self.named and not self.capital and self.word.kind == "bare"


class _Chunks(dict[str, tuple[Token, ...]]):
    def __missing__(self, chunk: str) -> tuple[Token, ...]:
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        made = tuple(_tokens(chunk))
        if len(chunk) <= _LONGEST_REMEMBERED:
            self[chunk] = made
        return made


def _tokens(chunk: str) -> Sequence[Token]:
    spans = chunk_spans(chunk)
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    gaps = [_gap(chunk[end:start]) for end, start in zip([0, *ends], [*starts, len(chunk)], strict=True)]
    return [
        _token(span.word, chunk[span.start : min(span.end, span.start + _MOST_SHOWN)], before, after)
        for span, before, after in zip(spans, gaps, gaps[1:], strict=False)
    ]


def _gap(between: str) -> str:
    """As short as it says the same: it may be a line of dashes, and is remembered with the words."""
    return between if len(between) < _LONGEST_REMEMBERED else "".join(dict.fromkeys(between)) * 2


@lru_cache(maxsize=20_000)
def _token(word: str, printed: str, before: str, after: str) -> Token:
    letter = next(filter(str.isalpha, printed), "")
    cased = letter.lower() != letter.upper()
    capital = letter.isupper() or letter.istitle() if cased else not _is_common(word) and (bool(letter) or word.isdecimal())
    unread = by_character(word[0]) or "\uac00" <= word[0] <= "\ud7a3"  # Hangul is parted at other places than names are
    read = _UNREAD if unread else word_of(spelled(word, printed))
    return Token(
        word=read,
        capital=capital and not unread,
        cased=cased,
        pause=not _PAUSES.isdisjoint(after),
        stop=not _STOPS.isdisjoint(after) and not (after == "." and (len(printed) == 1 or word in ABBREVIATED)),
        legal=word in _LEGAL_FIRST,
        glued=before in _APOSTROPHES,
        bracketed=not _BRACKETS.isdisjoint(before),
        named=capital or before in _GLUE or word[0].isdecimal() or read.kind in {"particle", "general"},
        heard=bool(read.keys or read.meaning),
        sound=max(map(len, read.keys), default=0),
    )


def _is_common(word: str) -> bool:
    """Also after the Arabic or Hebrew "and"."""
    return word in COMMON or (word[0] in "وו" and word[1:] in COMMON)


_CHUNKS = _Chunks()


class Tokens:
    """Those of one text. ``legal`` has for each the kind of the legal form that it is part of; ``ends``: nothing that is one
    name goes on after it.
    """

    __slots__ = ("all", "ends", "legal")

    def __init__(self, placed: Placed) -> None:
        self.all: list[Token] = []
        self.ends: list[bool] = []
        remembered = _CHUNKS
        lasts = []
        chunks = iter(placed.chunks)
        for line in placed.text.split("\n"):
            for _ in range(len(line.split())):
                self.all += remembered[next(chunks)]
            lasts.append(len(self.all) - 1)
        self.legal = _legal(self.all)
        self.ends = [token.stop or token.pause for token in self.all]
        for place, kind in enumerate(self.legal):
            if kind is not None and place and not self.all[place - 1].stop:
                self.ends[place - 1] = False  # "Plant, JSC"
        for last in lasts:
            if last >= 0:
                self.ends[last] = True

    def legal_length(self, place: int) -> int:
        """Of the legal form that begins there; 0 where none does."""
        kind = self.legal[place]
        if kind is None or (place and self.legal[place - 1] == kind):
            return 0
        end = place + 1
        while end < len(self.legal) and self.legal[end] == kind:
            end += 1
        return end - place


def _legal(tokens: Sequence[Token]) -> list[str | None]:
    found: list[str | None] = [None] * len(tokens)
    places = [place for place, token in enumerate(tokens) if token.legal]
    texts = [token.word.text for token in tokens] if places else []
    for place in places:
        legal = legal_at(texts, place) if found[place] is None else None
        if legal:
            kind, size = legal
            found[place : place + size] = [kind] * size
    return found


def as_one(tokens: Tokens, place: int) -> Iterator[tuple[int, Sequence[Word]]]:
    """What may be read as one word from there: with the next one, a particle between them read or not; and where it ends."""
    words, ends = tokens.all, tokens.ends
    if place + 1 >= len(words) or ends[place]:
        return
    one, two = words[place], words[place + 1]
    if not one.named or not two.named or not one.heard:
        return
    if (one.capital or two.capital or two.glued) and _may_be_one(one, two):
        yield place + 2, (one.word, two.word)
    end = place + 2
    while two.glued and end < len(words) and words[end].glued:
        end += 1
    if end > place + 2:
        yield end, tuple(words[at].word for at in range(place, end))
    if two.word.kind == "particle" and place + 2 < len(words) and not ends[place + 1]:
        three = words[place + 2]
        if three.named and (one.capital or three.capital):
            if _may_be_one(one, two, three):
                yield place + 3, (one.word, two.word, three.word)
            if _may_be_one(one, three):
                yield place + 3, (one.word, three.word)


def _may_be_one(*parts: Token) -> bool:
    """Whether it sounds like more than any two words do, is parted by an apostrophe alone, or is letters in a row."""
    sounds, single = 0, True
    for part in parts:
        sounds += part.sound
        single = single and len(part.word.text) == 1
    return sounds >= _SHORTEST_AS_ONE or single or parts[1].glued
