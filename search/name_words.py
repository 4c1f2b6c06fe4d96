"""What the words of names are: bare ones, particles, legal forms, general words; how each declines, and its keys.

It owns the lists and the keys; it must not know watches, articles or how alike two names are. Words come in the normal form
of ``search.names``. A key is the skeleton of a word: its consonants in seven classes, so that every way to write a sound has
the same letter. Where a letter is read in two ways (the w of Arabic, the j of Latin), a word has a key for each.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from itertools import islice, product
from typing import Any, Literal, NamedTuple

from search.alike import outline
from search.sounds import Script, script_of, sounds

Kind = Literal["bare", "particle", "general", "patronymic", "initial"]

_LISTS: dict[str, Any] = tomllib.loads(resources.files("search").joinpath("name_lists.toml").read_text("utf-8"))
PARTICLES = frozenset(_LISTS["particles"].split())
GIVEN = frozenset(_LISTS["given"].split())
ABBREVIATED = frozenset(_LISTS["abbreviated"].split())
CONCEPTS = {word: line.split()[0] for line in _LISTS["concepts"].splitlines() for word in line.split()}
GENERAL = frozenset(CONCEPTS) | frozenset(_LISTS["general"].split())
LEGAL = {tuple(form.split()): kind for kind, forms in _LISTS["legal"].items() for form in forms}
LONGEST_LEGAL = max(map(len, LEGAL))
_PATRONYMIC = re.compile(
    r".{2,}(?:[oe]vi(?:t?ch|c)|[oe]vych|avi?ch|[oei]vna|inichna|[ое]вич|[оеі]вна|[аеяо]віч|[аеёі]уна|иивна|инична)[аеуыоиімю]{0,2}м?$"
)

# How names decline. What is taken off the end, and what the name itself ends in then; "" where nothing does.
_ADJECTIVES = ("ск", "ськ", "цк", "цьк")
_ENDINGS: dict[Script, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "cyrillic": (
        *((f"{stem}{end}", (f"{stem}ии", f"{stem}ыи")) for stem in _ADJECTIVES for end in ("ого", "ому", "им", "ім", "ом")),
        *((f"{stem}{end}", (f"{stem}а", f"{stem}ая")) for stem in _ADJECTIVES for end in ("ои", "ою", "ую", "у", "ім")),
        *((end, ("ыи", "ии", "ои")) for end in ("ого", "ому", "его", "ему")),
        *((end, ("",)) for end in ("ами", "ями", "ові", "еві", "ыми")),
        *((end, ("", "а", "о")) for end in ("ом", "ем", "ым", "им", "ім", "ам", "ах", "ях")),
        *((end, ("", "а", "я")) for end in ("ои", "еи", "ою", "ею", "ів", "ов", "ев")),
        *((end, ("", "а", "я")) for end in ("а", "у", "е", "ы", "и", "і", "я", "ю")),
    ),
    "greek": (("ου", ("ος", "ης", "ας")), ("ον", ("ος", "ης", "ας")), ("ων", ("οι",))),
    "arabic": (
        *((end, ("",)) for end in ("های", "ها", "ان")),
        ("یان", ("ی",)),
        ("یون", ("ی",)),
        ("یین", ("یون", "ی")),
        ("ین", ("ون", "")),
    ),
}
_BEGINNINGS: dict[Script, re.Pattern[str]] = {
    "arabic": re.compile(r"^(?:[وفبکل]{0,2}ال|لل|[وفبکل])(?=..)"),
    "hebrew": re.compile(r"^(?:[ושהבלמכ]{1,2})(?=...)"),
}
_SHORTEST_STEM = 3

CLASSES = {
    **dict.fromkeys("kqgG", ("K",)),
    **dict.fromkeys("sSzZC", ("S",)),
    **dict.fromkeys("td", ("T",)),
    **dict.fromkeys("bpfv", ("P",)),
    **{sound: (sound.upper(),) for sound in "lrmn"},
    "x": ("K", ""),
    "c": ("S", "K"),
    "H": ("S", "K"),
    "T": ("T", "S"),
    "D": ("T", "S"),
    "j": ("S", "", "K"),
    "w": ("", "P"),
}
_TWICE = re.compile(r"(.)\1+")
_MOST_KEYS = 6
_MOST_TRIED = 64  # ways to read the letters of one reading
LONGEST = 40  # letters; what is longer is no word of a name


class Word(NamedTuple):
    """``readings`` are the sounds of the word as it stands, then of each form that it may be declined from."""

    text: str
    kind: Kind
    script: Script
    readings: tuple[str, ...]
    keys: tuple[str, ...]
    outlines: tuple[str, ...]  # of the readings, for a first look
    bones: tuple[str, ...]  # the same without what scripts leave out
    unwritten: bool = False  # whether its script leaves vowels out


@lru_cache(maxsize=100_000)
def word_of(text: str) -> Word:
    script = script_of(text)
    if len(text) > LONGEST:
        return Word(text, "bare", script, ("",), (), ("",), ("",))
    forms = [text] if text.isascii() else list(dict.fromkeys(_forms(text, script)))
    readings = tuple(dict.fromkeys(filter(None, map(sounds, forms)))) or ("",)
    keys = dict.fromkeys(key for reading in readings for key in _keys(reading))
    outlines = tuple(map(outline, readings))
    bones = tuple(outline(reading, unwritten=True) for reading in readings)
    return Word(
        text,
        _kind(text, readings[0]),
        script,
        readings,
        tuple(keys)[:_MOST_KEYS],
        outlines,
        bones,
        script in {"arabic", "hebrew"},
    )


def _kind(text: str, reading: str) -> Kind:
    if text in PARTICLES:
        return "particle"
    if text in GENERAL:
        return "general"
    if len(reading) < 2 and not text.isdecimal():
        return "initial"
    return "patronymic" if _PATRONYMIC.match(text) else "bare"


def _forms(text: str, script: Script) -> Iterator[str]:
    yield text
    bare = [text]
    if (beginning := _BEGINNINGS.get(script)) is not None:
        short = beginning.sub("", text)
        if short != text and len(short) >= _SHORTEST_STEM:
            yield short
            bare.append(short)
    for ending, instead in _ENDINGS.get(script, ()):
        for form in bare:
            if form.endswith(ending) and len(form) - len(ending) >= _SHORTEST_STEM:
                yield from (form[: -len(ending)] + end for end in instead)


def _keys(reading: str) -> Iterator[str]:
    """Digits are a key as they are."""
    if reading.isdecimal():
        yield reading
        return
    for letters in islice(product(*(CLASSES.get(sound, ("",)) for sound in reading)), _MOST_TRIED):
        yield _TWICE.sub(r"\1", "".join(letters))
