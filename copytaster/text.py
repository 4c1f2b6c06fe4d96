"""The one tokenizer: the words of a text in any script, folded to one form, with their places in the text as given.

It owns what a word is and which letters count as the same; it must not know languages, names, queries or engines.

A word is a run of letters, digits and marks. Apostrophes, hyphens, underscores and the zero width non-joiner part words
("Iran's" is ``iran`` and ``s``). Scripts without spaces (Han, kana, Thai, Lao, Khmer, Myanmar ...) are parted by
character. What is folded away inside a word: case, diacritics (but not the vowel signs of Indic scripts nor the voicing
of kana, which are letters in their own right), soft hyphens and joiners, tashkeel and tatweel, the modifier letters that
transliteration prints for hamza and ayn ("Katāʾib" is ``kataib``). U+02BC before a Cyrillic letter is Ukrainian's
apostrophe, so it parts words as the other apostrophes do.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, count
from typing import NamedTuple


class Span(NamedTuple):
    """One folded word and where it stands: code points into the text as given, ``end`` exclusive."""

    word: str
    start: int
    end: int


# Where Unicode 16 has marks; looking through these alone takes 4 ms at import, through all of Unicode 260 ms.
_MARK_BLOCKS = (
    (0x300, 0x1E00), (0x20D0, 0x2100), (0x2CEF, 0x2E00), (0x302A, 0x30A0), (0xA66F, 0xAC00), (0xFB1E, 0xFB1F),
    (0xFE00, 0xFE30), (0x101FD, 0x11FF0), (0x16100, 0x17000), (0x1BC9D, 0x1BCA0), (0x1CF00, 0x1D250),
    (0x1DA00, 0x1E960), (0xE0100, 0xE01F0),
)  # fmt: skip
# By character: Han, kana, bopomofo, Thai, Lao, Myanmar, Khmer, Tai, Balinese, Javanese, Yi. Their digits stay together.
_UNSPACED = (
    "\u0e01-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u103f\u104a-\u108f\u109a-\u109f\u1780-\u17dd\u1950-\u1974"
    "\u1980-\u19c9\u1a20-\u1a7c\u1b05-\u1b4c\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c"
    "\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48c\ua980-\ua9cf"
    "\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_JOINERS = "\u00ad\u200d\u2060\ufeff"  # soft hyphen, ZWJ, word joiner, BOM: printed inside words, never seen
_FOLLOWERS = "\u0e33\u0eb3\uff9e\uff9f"  # letters that decompose to a mark, so they stay with the one before


def _ranges(codes: list[int]) -> str:
    """Code points as the inside of a character class; gaps that a word may hold anyway are closed to keep it short."""
    closed: list[list[int]] = []
    for code in codes:
        if closed and all(chr(c).isalnum() for c in range(closed[-1][1] + 1, code)):
            closed[-1][1] = code
        else:
            closed.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in closed)


def _is_mark(code: int) -> bool:
    return unicodedata.category(chr(code))[0] == "M"


_MARK_CODES = [code for first, end in _MARK_BLOCKS for code in range(first, end) if _is_mark(code)]
_MARKS = "".join(map(chr, _MARK_CODES))
_RUN = re.compile(rf"[\w{_JOINERS}{_ranges(_MARK_CODES)}]+")
_PIECE = re.compile(rf"[{_UNSPACED}][{_MARKS}{_FOLLOWERS}{_JOINERS}]*|[^{_UNSPACED}\s]+")
_CHUNK = re.compile(r"\S+")

_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_MODIFIERS = "".join(map(chr, (*range(0x2B9, 0x2C2), *range(0x2C6, 0x2D2), 0x2EC, 0x2EE)))
_CYRILLIC_APOSTROPHE = re.compile("[\u02bb\u02bc](?=[\u0400-\u052f])")

_SAME_LETTER = {
    "ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ŋ": "n",
    "ƀ": "b", "ɨ": "i", "ɖ": "d", "ĸ": "k", "ſ": "s",
    "\u0671": "ا", "\u0672": "ا", "\u0673": "ا", "\u0675": "ا",  # alef wasla and with wavy hamza
    "\u0649": "ی", "\u064a": "ی", "\u06cd": "ی", "\u06d0": "ی", "\u0678": "ی", "\u0777": "ی",  # yeh
    "\u0643": "ک", "\u06aa": "ک", "\u06ab": "ک", "\u06ac": "ک", "\u063b": "ک", "\u063c": "ک",  # kaf
    "\u0629": "ه", "\u06be": "ه", "\u06c1": "ه", "\u06c3": "ه", "\u06d5": "ه", "\u06ff": "ه",  # heh, teh marbuta
}  # fmt: skip
_EDGES = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»‘’“”„–—…،؛؟"  # what stands around words, and parts them in any case
_RARE = "\u0700"  # letters before it are settled by one pass of the fold, and none is of a script without spaces
_DROPPED = frozenset(_JOINERS + _MODIFIERS + "\u0640")  # U+0640 is tatweel


class _Letters(dict[int, str]):
    """For str.translate: each code point of an already decomposed word to what stands for it. One entry a letter."""

    def __missing__(self, code: int) -> str:
        self[code] = kept = _letter(chr(code))
        return kept


def _letter(char: str) -> str:
    if char in _DROPPED or _is_diacritic(char):
        return ""
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.decimal(char))
    return _SAME_LETTER.get(char, char)


def _is_diacritic(char: str) -> bool:
    """Accents, and the points of Hebrew, Arabic and Syriac. Classes 0 (vowel signs), 7 to 9 (nukta, kana voicing,
    virama) and 84 to 132 (Telugu, Thai, Lao, Tibetan) are parts of letters there: without them words collide.
    """
    order = unicodedata.combining(char)
    return order >= 200 or 10 <= order <= 36 or "\ufe00" <= char <= "\ufe0f"


_LETTERS = _Letters()


def _normal(run: str) -> str:
    """One pass of the fold. Case is folded between two decompositions, since each of the two makes work for the other."""
    cased = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", run).casefold())
    return unicodedata.normalize("NFC", cased.translate(_LETTERS))


def _settled(run: str) -> str:
    """The fold run until nothing changes; one pass is enough but for a few hundred letters of rare scripts."""
    while (folded := _normal(run)) != run and folded and max(folded) >= _RARE:
        run = folded
    return folded


def _runs(chunk: str) -> Iterator[tuple[int, str, re.Pattern[str]]]:
    """Where each run of what stands between two blanks begins, the run, and what it falls into, each folded on its own:
    characters of unspaced scripts, the rest together. "_" is in ``\\w``, so it becomes a blank: offsets hold.
    """
    for found in _RUN.finditer(chunk.replace("_", " ")):
        run = _CYRILLIC_APOSTROPHE.sub(" ", found[0])
        yield found.start(), run, _PIECE if _HAS_UNSPACED.search(run) else _CHUNK


def _fold_piece(piece: str) -> str:
    """The words of one piece: usually one; none for a lone mark; several for "½" or an Arabic ligature of a phrase."""
    if piece.isascii():
        return piece.lower()
    folded = _settled(piece)
    if folded.isalnum() and max(folded) < _RARE:
        return folded
    found = (part for run in _RUN.findall(folded) for part in _PIECE.findall(run))
    return " ".join(word for word in found if word.isalnum() or word.strip(_MARKS))


def _is_plain(core: str) -> bool:
    return "\u02bc" not in core and "\u02bb" not in core and max(core) < _RARE


def _fold_chunk(chunk: str) -> str:
    core = chunk.strip(_EDGES)
    if core.isalnum() and (core.isascii() or _is_plain(core)):
        return _fold_piece(core)  # the way of nearly every word in a Latin, Greek, Cyrillic, Hebrew or Arabic text
    pieces = chain.from_iterable(parts.findall(run) for _, run, parts in _runs(chunk))
    return " ".join(filter(None, map(_PIECES.__getitem__, pieces)))


class _Folded(dict[str, str]):
    """Printed strings to their folded words, joined by blanks: bounded, and what is used stays.

    The regular expression costs 330 µs for an article of 400 words; splitting at blanks and looking up here, 100 µs.
    """

    entries = 80_000  # of each of two generations, 30 MB at the most in both
    longest = 40
    most_long = 500_000  # characters

    def __init__(self, folding: Callable[[str], str]) -> None:
        super().__init__()
        self.folding = folding
        self.older: dict[str, str] = {}
        self.long: dict[str, str] = {}  # the last ones that are too long to be kept: a text without blanks may be one
        self.room = self.most_long

    def __missing__(self, printed: str) -> str:
        if len(printed) > self.longest:
            return self.long[printed] if printed in self.long else self._fold_long(printed)
        folded = self.older.get(printed)
        if folded is None:
            folded = self.folding(printed)
            if folded == printed:
                folded = printed  # one string in memory, not two
        if len(self) >= self.entries:
            self.older = dict(self)
            self.clear()
        self[printed] = folded
        return folded

    def _fold_long(self, printed: str) -> str:
        folded = self.folding(printed)
        if self.room < len(printed):
            self.long.clear()
            self.room = self.most_long
        self.room -= len(printed)
        self.long[printed] = folded
        return folded


_PIECES = _Folded(_fold_piece)
_CHUNKS = _Folded(_fold_chunk)


def analyzed(text: str) -> str:
    """The folded words joined by one blank each: what an engine indexes with whitespace analysis.

    Any string is fit for it, lone surrogates and NUL included.
    """
    return Placed(text).joined


def words(text: str) -> list[str]:
    """The folded words of a text, in order."""
    return analyzed(text).split()


def fold(word: str) -> str:
    """The folded form of one word; where the tokenizer parts it, of its words joined by blanks."""
    return _CHUNKS[word] if " " not in word else analyzed(word)


def by_character(char: str) -> bool:
    """Whether this character is of a script without spaces, where each character is a word of its own."""
    return _HAS_UNSPACED.match(char) is not None


def spans(text: str) -> Iterator[Span]:
    """The same words as ``words`` gives, each with its place. Words of one character ("½") share its place."""
    for chunk in _CHUNK.finditer(text):
        for word, start, end in chunk_spans(chunk[0]):
            yield Span(word, chunk.start() + start, chunk.start() + end)


def chunk_spans(chunk: str) -> list[Span]:
    """The words of what stands between two blanks, with their places in it."""
    folded = _CHUNKS[chunk]
    if not folded:
        return []
    if chunk.isalnum() and " " not in folded:
        return [Span(folded, 0, len(chunk))]
    return [*chain.from_iterable(_run_spans(first, run, parts) for first, run, parts in _runs(chunk))]


def _run_spans(first: int, run: str, parts: re.Pattern[str]) -> Iterable[Span]:
    pieces = parts.findall(run)
    if len(pieces) == len(run):  # of one letter each, as in a Chinese article
        folded = [*map(_PIECES.__getitem__, pieces)]
        if "" not in folded and " " not in "".join(folded):
            return map(Span, folded, count(first), count(first + 1))
    return (_trimmed(word, piece, first) for piece in parts.finditer(run) for word in _PIECES[piece[0]].split())


def _trimmed(word: str, piece: re.Match[str], first: int) -> Span:
    """Without the joiners at its ends: a page's BOM or soft hyphen is no part of what was printed."""
    printed, start = piece[0], first + piece.start()
    lead = len(printed) - len(printed.lstrip(_JOINERS))
    return Span(word, start + lead, start + len(printed.rstrip(_JOINERS)))


class Placed:
    """One text with its folded words (``joined``) made at once, and the place of any of them found when asked for.

    The matcher asks for places only where something matched; ``spans`` of all words costs five times the words alone.
    """

    __slots__ = ("_firsts", "_folded", "_last", "_starts", "chunks", "joined", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.chunks = text.split()
        self._folded = [*map(_CHUNKS.__getitem__, self.chunks)]
        self.joined = " ".join(filter(None, self._folded))
        self._starts: list[int] = []
        self._last: tuple[int, list[Span]] = (-1, [])  # a Chinese article may be one chunk: its spans are not made for each place
        self._firsts: Sequence[int] = ()

    def place(self, index: int) -> tuple[int, int]:
        """Where word number ``index`` (from 0) stands: start and end, in code points."""
        if not self._starts:
            self._starts = _chunk_starts(self.text, self.chunks)
            self._firsts = _first_numbers(self._folded, self.joined.count(" ") + 1)
        chunk = bisect_right(self._firsts, index) - 1
        if self._last[0] != chunk:
            self._last = (chunk, chunk_spans(self.chunks[chunk]))
        _, start, end = self._last[1][index - self._firsts[chunk]]
        return self._starts[chunk] + start, self._starts[chunk] + end


def _first_numbers(folded: list[str], words: int) -> Sequence[int]:
    """The number of the first word of each chunk; an empty chunk has that of the next, which bisect_right prefers."""
    if len(folded) == words and "" not in folded:  # one word each, as nearly always
        return range(words)
    return [0, *accumulate(word.count(" ") + 1 if word else 0 for word in folded)][:-1]


def _chunk_starts(text: str, chunks: list[str]) -> list[int]:
    ends = [0, *accumulate(map(len, chunks))]
    if ends[-1] + len(chunks) - 1 == len(text):  # single blanks throughout, as extraction leaves them: 3 times as fast
        return [end + blanks for blanks, end in enumerate(ends[:-1])]
    return [chunk.start() for chunk in _CHUNK.finditer(text)]
