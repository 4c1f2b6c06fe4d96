"""The passage of a text that shows best what was found in it, for mails, the command line and search results.

It owns where a passage begins and ends and what is marked; it must not know HTML, terminals or engines.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from copytaster.watches import Hit, HitField

WIDTH = 240
_SENTENCE_END = re.compile(r"[.!?…؟۔।][\"”»’)]*\s+|[。！？]|\n+")
_BLANK = re.compile(r"\s")
Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Passage:
    """``text`` is one line, "…" where something was cut; ``marks`` are code points into it, in order, none overlapping."""

    text: str
    marks: Sequence[Mark] = ()

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The text in parts, each with whether it is marked: escape each part, then put the signs around."""
        at = 0
        for start, end in self.marks:
            yield self.text[at:start], False
            yield self.text[start:end], True
            at = end
        yield self.text[at:], False

    def marked(self, before: str, after: str) -> str:
        """With signs around what was found, for a text that needs no escaping."""
        return "".join(f"{before}{piece}{after}" if found else piece for piece, found in self.pieces() if piece)


def passage(text: str, hits: Iterable[Hit], *, width: int = WIDTH, field: HitField = "text") -> Passage:
    """The stretch of at most ``width`` characters with the most different terms in it, then the most hits, then the first.

    Only hits of ``field`` count. It begins at a sentence where one is near, else at a word; a hit is never cut, so one
    that is longer than ``width`` makes a longer passage. Without hits it is the beginning of the text.
    """
    inside = sorted((hit.start, hit.end, hit.term) for hit in hits if hit.field == field)
    shown = _densest(inside, width)
    first, last = (shown[0][0], max(end for _, end, _ in shown)) if shown else (0, 0)
    start = _start(text, first, last, width)
    end = _end(text, start, last, width)
    return _made(text, start, end, _merged((a, b) for a, b, _ in inside if start <= a and b <= end))


def _densest(hits: Sequence[tuple[int, int, str]], width: int) -> Sequence[tuple[int, int, str]]:
    best: Sequence[tuple[int, int, str]] = hits[:1]
    most = (1, 1)
    for number, (start, _, _) in enumerate(hits):
        within = [hit for hit in hits[number:] if hit[1] <= start + width]
        worth = (len({term for _, _, term in within}), len(within))
        if worth > most:
            best, most = within, worth
    return best


def _start(text: str, first: int, last: int, width: int) -> int:
    """As far before the first hit as leaves a third of the room after the last one, moved to a border."""
    room = max(0, width - (last - first))
    earliest = max(0, first - (room if last >= len(text) else room * 2 // 3))
    if earliest == 0:
        return 0
    if border := _SENTENCE_END.search(text, earliest, first):
        return border.end()
    blank = _BLANK.search(text, earliest, first)
    return blank.end() if blank else earliest


def _end(text: str, start: int, last: int, width: int) -> int:
    latest = max(last, start + width)
    if latest >= len(text):
        return len(text)
    blanks = [blank.start() for blank in _BLANK.finditer(text, last, latest + 1)]
    return blanks[-1] if blanks and blanks[-1] > start else latest


def _merged(marks: Iterable[Mark]) -> list[Mark]:
    merged: list[Mark] = []
    for start, end in sorted(marks):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _made(text: str, start: int, end: int, marks: Sequence[Mark]) -> Passage:
    """One line: each blank is one blank, so the marks hold but for the cut at the start and the "…" put there."""
    body = _BLANK.sub(" ", text[start:end])
    kept = body.rstrip() if not marks or marks[-1][1] - start <= len(body.rstrip()) else body
    before = "…" if text[:start].strip() else ""
    after = "…" if text[end:].strip() else ""
    shift = len(before) - start
    return Passage(f"{before}{kept}{after}", tuple((a + shift, b + shift) for a, b in marks))
