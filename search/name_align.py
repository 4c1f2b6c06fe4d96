"""The cheapest way to read a name in a stretch of words.

It owns the weights of what is left out or stands between; it must not know watches, levels or what a reading is worth.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from search.name_parts import FARTHEST, Name, Near, Unit
from search.name_tokens import Tokens
from search.name_words import Word

_LEFT_OUT = {"bare": 0.8, "general": 0.5, "patronymic": 0.45, "initial": 0.2, "particle": 0.0}
_BETWEEN = {"bare": 0.45, "general": 0.35, "patronymic": 0.35, "initial": 0.15, "particle": 0.02}
_LEGAL_BETWEEN = 0.05
_JOINED = 0.05
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
    """Where a name is looked for. ``joined`` gives, for a place, the ends and words of what can be read as one from there;
    ``near`` how far a word of the name is from one of the article.
    """

    tokens: Tokens
    first: int
    end: int
    joined: Callable[[int], Sequence[tuple[int, Word]]]
    near: Callable[[Word, Word], Near | None]


_State = dict[int, Reading]
_EMPTY = Reading(0.0, (), (), ())


def read(name: Name, stretch: Stretch) -> Reading | None:
    """The cheapest reading that holds at least one word; None where there is none."""
    wanted = len(name.wanted)
    states: list[_State] = [{} for _ in range(stretch.end - stretch.first + 4)]
    best: Reading | None = None
    for place in range(stretch.first, stretch.end + 1):
        state = states[place - stretch.first]
        if 0 not in state or state[0].cost:
            state[0] = _EMPTY
        _leave_out(name, state)
        done = state.get(wanted)
        if done is not None and done.pairs and (best is None or done.cost < best.cost):
            best = done
        if place < stretch.end:
            _advance(name, stretch, place, states)
    return best


def _leave_out(name: Name, state: _State) -> None:
    if len(name.wanted) < 2:
        return
    for number, word in enumerate(name.wanted):
        held = state.get(number)
        if held is not None:
            _offer(state, number + 1, held._replace(cost=held.cost + _LEFT_OUT[word.kind], left=(*held.left, number)))


def _offer(state: _State, number: int, reading: Reading) -> None:
    if number not in state or reading.cost < state[number].cost:
        state[number] = reading


def _advance(name: Name, stretch: Stretch, place: int, states: list[_State]) -> None:
    at = place - stretch.first
    token = stretch.tokens.all[place]
    legal = stretch.tokens.legal_length(place)
    joined = stretch.joined(place)
    for number, held in list(states[at].items()):
        if held.pairs and number < len(name.wanted):
            cost, size = (_LEGAL_BETWEEN, legal) if legal else (_BETWEEN[token.word.kind], 1)
            if place + size <= stretch.end:
                between = (*held.between, place) if not legal and token.word.kind != "particle" else held.between
                _offer(states[at + size], number, held._replace(cost=held.cost + cost, between=between))
        for unit in name.units:
            if unit.first != number:
                continue
            for end, word in [(place + 1, token.word)] if unit.joined else [(place + 1, token.word), *joined]:
                pair = _paired(stretch, unit, place, end, word) if _is_printed_as_name(name, stretch, place, end) else None
                if pair is not None:
                    cost = held.cost + pair.near.share + _JOINED * pair.as_one
                    done = held._replace(cost=cost, pairs=(*held.pairs, pair))
                    _offer(states[end - stretch.first], number + unit.taken, done)


def _is_printed_as_name(name: Name, stretch: Stretch, start: int, end: int) -> bool:
    """Long names have small words in them; short ones, and words that are read as one, do not."""
    if len(name.wanted) > 2 and end == start + 1:
        return True
    tokens = stretch.tokens.all[start:end]
    return all(token.capital or token.glued or not token.cased or token.word.kind in {"particle", "general"} for token in tokens)


def _paired(stretch: Stretch, unit: Unit, start: int, end: int, word: Word) -> Pair | None:
    found = stretch.near(unit.word, word) if end <= stretch.end else None
    if found is None:
        return None
    pair = Pair(unit, start, end, word, found)
    return None if pair.as_one and found.share >= FARTHEST - _CLOSER else pair
