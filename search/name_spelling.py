"""Latin letters whose marks say how they sound, spelled out: "Čorum" is read as "Chorum".

It owns these letters; it must not know names, watches or articles. The normal form of words drops all marks, for most people
type none; where they are printed, they tell names apart.
"""

import re
import unicodedata

from copytaster.text import chunk_spans, words

_SOUNDS = {
    "č": "ch", "ç": "ch", "ć": "ch", "ĉ": "ch", "š": "sh", "ş": "sh", "ș": "sh", "ŝ": "sh", "ś": "sh", "ž": "zh", "ż": "zh",
    "ź": "zh", "ĵ": "zh", "ĝ": "dzh", "ĥ": "kh", "ḫ": "kh", "ẖ": "kh", "ğ": "gh", "ġ": "gh", "ḏ": "dh", "ṯ": "th", "đ": "dj",
}  # fmt: skip
_SPELLED = str.maketrans(_SOUNDS)
_LONGEST = 200  # letters and marks of one printed word; a ligature's words may share thousands
_MARKED = re.compile(f"[{''.join(_SOUNDS)}]")


def spelled(word: str, printed: str) -> str:
    """A word in normal form, by how it was printed."""
    if len(printed) > _LONGEST or printed.isascii():
        return word
    composed = unicodedata.normalize("NFC", printed.lower())
    found = words(composed.translate(_SPELLED)) if _MARKED.search(composed) else []
    return found[0] if len(found) == 1 else word


def spelled_words(text: str) -> tuple[str, ...]:
    """The words of a text, each spelled out."""
    return tuple(spelled(span.word, chunk[span.start : span.end]) for chunk in text.split() for span in chunk_spans(chunk))
