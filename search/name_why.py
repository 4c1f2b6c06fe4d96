"""Why a printed name counts as a form of a watched one, in a sentence.

It owns these sentences; it must not know watches, levels or articles.
"""

from collections.abc import Iterator

from search.name_align import Reading
from search.name_parts import Name
from search.sounds import romanised


def why(printed: str, typed: str, name: Name, reading: Reading) -> str:
    """``printed`` and ``typed`` as people wrote them."""
    said = ", ".join(_differences(name, reading))
    likeness = 1 - sum(pair.near.apart.cost for pair in reading.pairs) / max(1, sum(len(pair.near.one) for pair in reading.pairs))
    return f"“{printed}”{_read_as(reading)} is a form of “{typed}”: {said}, similarity {max(0.0, likeness):.2f}."


def _read_as(reading: Reading) -> str:
    """How words of another alphabet are read."""
    words = [pair.word.text for pair in reading.pairs]
    return "" if all(map(str.isascii, words)) else f", read as “{' '.join(map(romanised, words))}”,"


def _differences(name: Name, reading: Reading) -> Iterator[str]:
    steps = sum(pair.near.apart.steps for pair in reading.pairs)
    consonants = "".join(sound for pair in reading.pairs for sound in romanised(pair.unit.word.text) if sound not in "aeiouyw'")
    if not steps:
        yield f"the same consonants {consonants.upper()}"
    else:
        yield f"{'one consonant differs' if steps == 1 else f'{steps} consonants differ'}"
    if any(pair.near.two != pair.word.sounds for pair in reading.pairs):
        yield "declined"
    if any(pair.unit.taken > 1 or pair.end > pair.start + 1 for pair in reading.pairs):
        yield "words joined or parted"
    if reading.left:
        yield f"without “{' '.join(name.wanted[number].text for number in reading.left)}”"
    if reading.between:
        yield "with another word between"
