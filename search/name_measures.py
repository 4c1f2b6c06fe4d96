"""What a reading of a name is judged by: how far its words are from those asked for, what is left over, what stands around.

It owns these measures; it must not know what they weigh, levels or watches.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from rapidfuzz.distance import JaroWinkler, Levenshtein

from search.alike import apart
from search.name_align import Pair, Reading
from search.name_parts import Name
from search.name_tokens import Token, Tokens
from search.name_words import GIVEN
from search.sounds import romanised

_SCRIPTS = {"latin": 0, "cyrillic": 1, "arabic": 2, "hebrew": 3, "greek": 4, "other": 5}


class Measures(NamedTuple):
    """Of a reading. ``share`` is a cost for each sound; "worst" is of the pair of words with the greatest, "bare" of those
    that are neither general words, patronymics nor initials.
    """

    worst_share: float
    second_share: float
    mean_share: float
    total: float  # cost
    worst_hard: float  # the part of a cost that is of consonants
    hard: float
    pairs: int
    left: int  # wanted words that stand nowhere
    left_bare: int
    between: int  # words that are not the name's own
    sounds: int
    worst_asked: int  # sounds
    worst_printed: int
    script: int
    asked_legal: bool
    legal_near: bool
    legal_same: bool
    some_legal: bool
    bare: int
    worst_bare: float
    bare_sounds: int
    letters: float  # of the worst pair, any letter as good as another
    name_before: bool
    name_after: bool
    same_words: int
    wanted: int
    written_cost: float
    consonants: int
    hard_bare: float
    shortest: int
    begins: bool  # a sentence or clause
    small: int  # words without a capital
    declined: int
    vowels: int
    skeleton: int
    first_step: float
    cost: float
    all_letters: float
    second_bare: float
    soft: float
    long_same: int
    turned: int  # words that stand before one that they follow in the name
    greatest_step: float
    similar: float  # Jaro and Winkler's measure of the worst pair's sounds
    all_similar: float
    same_key: bool
    given: int  # wanted words that are very common given names
    patronymics: int
    ends: float  # cost of the last two sounds
    general_same: int
    letters_asked: int
    patronymics_between: int


class Context(NamedTuple):
    """What stands around a reading. ``small`` counts its words without a capital."""

    begins: bool
    name_before: bool
    name_after: bool
    small: int
    legal: frozenset[str]
    patronymics_between: int


def context(reading: Reading, text: Tokens) -> Context:
    begins = not reading.start or text.ends[reading.start - 1]
    ended = reading.end == len(text.all) or text.ends[reading.end - 1]
    return Context(
        begins=begins,
        name_before=not begins and _is_name(text.all[reading.start - 1]),
        name_after=not ended and not text.all[reading.end].bracketed and _is_name(text.all[reading.end]),
        small=sum(not text.all[pair.start].capital for pair in reading.pairs),
        legal=frozenset(filter(None, text.legal[max(0, reading.start - 2) : reading.end + 2])),
        patronymics_between=sum(text.all[place].word.kind == "patronymic" for place in reading.between),
    )


def measures(name: Name, reading: Reading, around: Context) -> Measures:
    pairs = reading.pairs
    worst = max(pairs, key=lambda pair: pair.near.share)
    one, two = worst.near.one, worst.near.two
    ways = [pair.near.apart for pair in pairs]
    bare = [pair for pair in pairs if pair.unit.word.kind == "bare"]
    shares, bare_shares = _ordered(pairs), _ordered(bare)
    legal = around.legal
    total, sounds = sum(way.cost for way in ways), sum(len(pair.near.one) for pair in pairs)
    return Measures(
        worst_share=shares[0],
        second_share=shares[1],
        mean_share=total / max(sounds, 1),
        total=total,
        worst_hard=worst.near.apart.hard,
        hard=sum(way.hard for way in ways),
        pairs=len(pairs),
        left=len(reading.left),
        left_bare=sum(name.wanted[number].kind == "bare" for number in reading.left),
        between=len(reading.between),
        sounds=sounds,
        worst_asked=len(one),
        worst_printed=len(two),
        script=_SCRIPTS[worst.word.script],
        asked_legal=bool(name.legal),
        legal_near=bool(name.legal and legal),
        legal_same=bool(name.legal & legal),
        some_legal=bool(legal),
        bare=len(bare),
        worst_bare=bare_shares[0],
        bare_sounds=sum(len(pair.near.one) for pair in bare),
        letters=Levenshtein.normalized_distance(romanised(worst.unit.word.text), romanised(worst.word.text)),
        name_before=around.name_before,
        name_after=around.name_after,
        same_words=sum(pair.unit.word.text == pair.word.text for pair in pairs),
        wanted=len(name.wanted),
        written_cost=apart(one, two).cost,
        consonants=len(_consonants(one)),
        hard_bare=max((pair.near.apart.hard for pair in bare), default=0.0),
        shortest=min(len(pair.near.one) for pair in pairs),
        begins=around.begins,
        small=around.small,
        declined=sum(pair.near.two != pair.word.sounds for pair in pairs),
        vowels=Levenshtein.distance(_vowels(one), _vowels(two)),
        skeleton=Levenshtein.distance(_consonants(one), _consonants(two)),
        first_step=apart(one[:1], two[:1]).cost,
        cost=reading.cost,
        all_letters=Levenshtein.normalized_distance(
            _whole(pair.unit.word.text for pair in pairs), _whole(pair.word.text for pair in pairs)
        ),
        second_bare=bare_shares[1],
        soft=sum(way.cost - way.hard for way in ways),
        long_same=max((len(pair.near.one) for pair in bare if pair.near.share < 0.05), default=0),
        turned=sum(one.unit.first > two.unit.first for one, two in pairwise(pairs)),
        greatest_step=max(way.most for way in ways),
        similar=JaroWinkler.similarity(one, two),
        all_similar=JaroWinkler.similarity("".join(pair.near.one for pair in pairs), "".join(pair.near.two for pair in pairs)),
        same_key=not set(worst.unit.word.keys).isdisjoint(worst.word.keys),
        given=sum(word.text in GIVEN for word in name.wanted),
        patronymics=sum(pair.unit.word.kind == "patronymic" for pair in pairs),
        ends=apart(one[-2:], two[-2:], worst.near.unwritten).cost,
        general_same=sum(pair.unit.word.kind == "general" for pair in pairs),
        letters_asked=sum(len(word.text) for word in name.wanted),
        patronymics_between=around.patronymics_between,
    )


def _ordered(pairs: Iterable[Pair]) -> Sequence[float]:
    """The greatest first; two at least."""
    return [*sorted((pair.near.share for pair in pairs), reverse=True), 0.0, 0.0]


def _vowels(reading: str) -> str:
    return "".join(sound for sound in reading if sound in "aeiouyw")


def _consonants(reading: str) -> str:
    return "".join(sound for sound in reading if sound not in "aeiouywh")


def _whole(texts: Iterable[str]) -> str:
    return "".join(map(romanised, texts))


def _is_name(token: Token) -> bool:
    return token.cased and token.capital and token.word.kind != "particle"
