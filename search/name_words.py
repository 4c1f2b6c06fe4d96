"""What the words of names are: bare ones, particles, legal forms, general words; how each declines, and its keys.

It owns the lists and the keys; it must not know watches, articles or how alike two names are. Words come in the normal form
of ``search.names``. A key is the skeleton of a word: its consonants in seven classes, so that every way to write a sound has
the same letter. Where a letter is read in two ways (the w of Arabic, the j of Latin), a word has a key for each.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
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
COMMON = frozenset(_LISTS["common"].split())
ABBREVIATED = frozenset(_LISTS["abbreviated"].split())
CONCEPTS = {word: f"={line.split()[0]}" for line in _LISTS["concepts"].splitlines() for word in line.split()}
# Given names that are one another's form in the neighbour's language, and how the patronymics made of them begin.
_SAME = [tuple(map(str.split, line.split("|"))) for line in _LISTS["same"].splitlines() if line]
_SAME_GIVEN = {name: f"~{names[0]}" for names, _ in _SAME for name in names}
_SAME_PATRONYMIC = {beginning: f"~{names[0]}-" for names, beginnings in _SAME for beginning in beginnings}
_PATRONYMIC_OF = re.compile("|".join(sorted(_SAME_PATRONYMIC, key=len, reverse=True)))
GENERAL = frozenset(CONCEPTS) | frozenset(_LISTS["general"].split())
LEGAL = {tuple(form.split()): kind for kind, forms in _LISTS["legal"].items() for form in forms}
_LONGEST_LEGAL = max(map(len, LEGAL))
_PATRONYMIC = re.compile(
    r".{2,}(?:[oe]vi(?:t?ch|c)|[oe]vych|avi?ch|[oei]vna|inichna|[ое]вич|[оеі]вна|[аеяо]віч|[аеёі]уна|иивна|инична)[аеуыоиімю]{0,2}м?$"
)

# How names decline. What is taken off the end, and what the name itself ends in then; "" where nothing does.
_ADJECTIVES = ("ск", "ськ", "цк", "цьк")
_ENDINGS: dict[Script, dict[str, tuple[str, ...]]] = {
    "latin": dict.fromkeys(("ovi", "as", "is", "os", "us", "em", "om"), ("",)),
    "cyrillic": {
        **{f"{stem}{end}": (f"{stem}ии", f"{stem}ыи") for stem in _ADJECTIVES for end in ("ого", "ому", "им", "ом")},
        **{f"{stem}{end}": (f"{stem}а", f"{stem}ая") for stem in _ADJECTIVES for end in ("ои", "ою", "ую", "у")},
        **{f"{stem}ім": (f"{stem}ии", f"{stem}ыи", f"{stem}а", f"{stem}ая") for stem in _ADJECTIVES},
        **dict.fromkeys(("ого", "ому", "его", "ему"), ("ыи", "ии", "ои")),
        **dict.fromkeys(("ами", "ями", "ові", "еві", "ыми"), ("",)),
        **dict.fromkeys(("ом", "ем", "ым", "им", "ім", "ам", "ах", "ях"), ("", "а", "о")),
        **dict.fromkeys(("ои", "еи", "ою", "ею", "ів", "ов", "ев"), ("", "а", "я")),
        **dict.fromkeys("ауеыиіяю", ("", "а", "я")),
    },
    "greek": {"ου": ("ος", "ης", "ας"), "ον": ("ος", "ης", "ας"), "ων": ("οι",)},
    "arabic": {
        **dict.fromkeys(("های", "ها", "ان"), ("",)),
        "یان": ("ی",),
        "یون": ("ی",),
        "یین": ("یون", "ی"),
        "ین": ("ون", ""),
    },
}
_BEGINNINGS: dict[Script, re.Pattern[str]] = {
    "arabic": re.compile(r"^(?:[وفبکل]{0,2}ال|لل|[وفبکل])(?=..)"),
    "hebrew": re.compile(r"^(?:[ושהבלמכ]{1,2})(?=...)"),
}
_LONGEST_ENDING = max(len(ending) for endings in _ENDINGS.values() for ending in endings)
_SHORTEST_STEM = 3
_SHORTEST_LATIN_STEM = 4

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


class Form(NamedTuple):
    """One form of a word, by its sounds. For a first look at it: ``bones`` are what all scripts write, ``bare`` how many sounds
    that leaves, and one.
    """

    sounds: str
    outline: str
    bones: str
    size: int
    bare: int


class Word(NamedTuple):
    """``forms`` are the word as it stands, then what it may be declined from."""

    text: str
    kind: Kind
    script: Script
    forms: tuple[Form, ...]
    keys: tuple[str, ...]
    unwritten: bool = False  # whether its script leaves vowels out
    meaning: str = ""  # words with the same are one another's translation or form, however they sound

    @property
    def sounds(self) -> str:
        """As it stands."""
        return self.forms[0].sounds


@lru_cache(maxsize=30_000)  # 20 MB in each process that reads words; a new one takes 47 µs
def word_of(text: str) -> Word:
    script = script_of(text)
    unwritten = script in {"arabic", "hebrew"}
    if len(text) > LONGEST:
        return Word(text, "bare", script, (form_of(""),), (), unwritten)
    heard = tuple(dict.fromkeys(filter(None, map(sounds, dict.fromkeys(_declined(text, script)))))) or ("",)
    keys = tuple(islice(dict.fromkeys(key for each in heard for key in _keys(each)), _MOST_KEYS))
    kind = _kind(text, heard[0])
    return Word(text, kind, script, tuple(map(form_of, heard)), keys, unwritten, _meaning(text, kind))


def form_of(heard: str) -> Form:
    bones = outline(heard, unwritten=True)
    bare = sum(sound not in "aeiou" for sound in heard) + 1
    return Form(heard, outline(heard), bones, max(1, len(heard)), bare)


def legal_at(texts: Sequence[str], place: int) -> tuple[str, int] | None:
    """The kind of the longest legal form that begins there, and how many words it has."""
    for size in range(min(_LONGEST_LEGAL, len(texts) - place), 0, -1):
        kind = LEGAL.get(tuple(texts[place : place + size]))
        if kind is not None:
            return kind, size
    return None


def _kind(text: str, reading: str) -> Kind:
    if text in PARTICLES:
        return "particle"
    if text in GENERAL:
        return "general"
    if len(reading) < 2 and not text.isdecimal():
        return "initial"
    return "patronymic" if _PATRONYMIC.match(text) else "bare"


def _meaning(text: str, kind: Kind) -> str:
    if kind == "patronymic":
        beginning = _PATRONYMIC_OF.match(text)
        return _SAME_PATRONYMIC[beginning[0]] if beginning else ""
    return CONCEPTS.get(text) or _SAME_GIVEN.get(text, "")


def _declined(text: str, script: Script) -> Iterator[str]:
    yield text
    bare = [text]
    shortest = _SHORTEST_LATIN_STEM if script == "latin" else _SHORTEST_STEM
    if (beginning := _BEGINNINGS.get(script)) is not None:
        short = beginning.sub("", text)
        if short != text and len(short) >= shortest:
            yield short
            bare.append(short)
    endings = _ENDINGS.get(script, {})
    for form in bare:
        for size in range(min(_LONGEST_ENDING, len(form) - shortest), 0, -1):
            yield from (form[:-size] + end for end in endings.get(form[-size:], ()))


def _keys(reading: str) -> Iterator[str]:
    """Digits are a key as they are."""
    if reading.isdecimal():
        yield reading
        return
    for letters in islice(product(*(CLASSES[sound] for sound in reading if sound in CLASSES)), _MOST_TRIED):
        yield _TWICE.sub(r"\1", "".join(letters))
