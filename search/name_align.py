"""The cheapest way to read a name in a stretch of words.

It owns the weights of what is left out or stands between; it must not know watches, levels or what a reading is worth.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from search.name_near import FARTHEST, Near
from search.name_parts import Name, Unit
from search.name_sounding import Heard
from search.name_tokens import Tokens
from search.name_words import Word

LONG = 3  # words of a name; shorter ones have less to go by
LEFT_OUT = {"bare": 0.8, "general": 0.5, "patronymic": 0.45, "initial": 0.2, "particle": 0.0}
_BETWEEN = {"bare": 0.45, "general": 0.35, "patronymic": 0.2, "initial": 0.15, "particle": 0.02}
_LEGAL_BETWEEN = 0.05
_JOINED = 0.05
_TURNED = 0.1  # "Group Wagner"
_CLOSER = 0.03  # what is written as one in one of them must be closer by so much


class Pair(NamedTuple):
    """Words ``start`` to ``end - 1`` of the article, read as one unit of the name."""

    unit: Unit
    start: int
    end: int
    word: Word
    near: Near

    @property
    def as_one(self) -> bool:
        """Whether one of the two is written as one word where the other is not."""
        return self.unit.joined or self.end > self.start + 1

    @property
    def cost(self) -> float:
        return self.near.share + _JOINED * self.as_one


class Reading(NamedTuple):
    """A name found: ``left`` are numbers of wanted words that stand nowhere, ``between`` places of words that are not its own."""

    cost: float
    pairs: tuple[Pair, ...]
    left: tuple[int, ...]
    between: tuple[int, ...]

    @property
    def start(self) -> int:
        return self.pairs[0].start

    @property
    def end(self) -> int:
        return self.pairs[-1].end


class Stretch(NamedTuple):
    """Where a name is looked for. ``at`` gives for a place what can be read as one word from there, each with where it ends;
    ``near`` how far a word of the name is from one of the article.
    """

    tokens: Tokens
    first: int
    end: int
    at: Callable[[int], Sequence[tuple[int, Heard]]]
    near: Callable[[Word, Word], Near | None]


def read(name: Name, stretch: Stretch) -> Reading | None:
    """The cheapest reading that holds at least one word; None where there is none."""
    done: list[Reading] = []
    for pair in sorted(_pairs(name, stretch), key=attrgetter("end")):
        before = [_after(name, stretch.tokens, held, pair) for held in done if _may_follow(name, held, pair)]
        done.append(min([_begun(name, pair), *before], key=attrgetter("cost")))
    return min(done, key=attrgetter("cost"), default=None)


def _pairs(name: Name, stretch: Stretch) -> Iterator[Pair]:
    long = len(name.wanted) >= LONG
    for place in range(stretch.first, stretch.end):
        token = stretch.tokens.all[place]
        if not token.named and not (long and any(key in name.keys for key in token.word.keys)):
            continue  # long names have small words in them; short ones do not
        for end, heard in stretch.at(place):
            if end <= stretch.end and not heard.alike.keys().isdisjoint(name.texts):
                for unit in name.units:
                    pair = _pair(stretch, unit, place, end, heard.word) if unit.word.text in heard.alike else None
                    if pair is not None:
                        yield pair


def _pair(stretch: Stretch, unit: Unit, start: int, end: int, word: Word) -> Pair | None:
    if unit.joined and (end > start + 1 or not stretch.tokens.all[start].named):
        return None
    found = stretch.near(unit.word, word)
    if found is None:
        return None
    pair = Pair(unit, start, end, word, found)
    return None if pair.as_one and found.share >= FARTHEST - _CLOSER else pair


def _may_follow(name: Name, held: Reading, pair: Pair) -> bool:
    """In the name's order; names of two words may be turned."""
    if held.end > pair.start:
        return False
    last = held.pairs[-1].unit
    is_turned = len(name.wanted) == 2 and len(held.pairs) == 1 and last.first > pair.unit.numbers[-1]
    return is_turned or last.numbers[-1] < pair.unit.first


def _begun(name: Name, pair: Pair) -> Reading:
    left = tuple(number for number in range(len(name.wanted)) if number not in pair.unit.numbers)
    return Reading(pair.cost + _left_out(name, left), (pair,), left, ())


def _after(name: Name, tokens: Tokens, held: Reading, pair: Pair) -> Reading:
    cost, between = held.cost + pair.cost - _left_out(name, pair.unit.numbers), held.between
    if pair.unit.first < held.pairs[-1].unit.first:
        cost += _TURNED
    for place in range(held.end, pair.start):
        more, counts = between_cost(tokens, place)
        cost += more
        between = (*between, place) if counts else between
    left = tuple(number for number in held.left if number not in pair.unit.numbers)
    return Reading(cost, (*held.pairs, pair), left, between)


def _left_out(name: Name, numbers: Iterable[int]) -> float:
    """What it costs that these words of the name stand nowhere."""
    return sum(LEFT_OUT[name.wanted[number].kind] for number in numbers)


def between_cost(tokens: Tokens, place: int) -> tuple[float, bool]:
    """Of a word that stands between two of a name, and whether it counts as one that is not its own."""
    if tokens.legal[place] is not None:
        return _LEGAL_BETWEEN if tokens.legal_length(place) else 0.0, False
    kind = tokens.all[place].word.kind
    return _BETWEEN[kind], kind != "particle"
