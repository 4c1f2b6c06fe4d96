"""All names that are watched, found in an article by their keys: word by word, then each name around its rarest word.

It owns which names are looked at for an article; it must not know watches, levels or what a reading is worth.

A name waits under its anchor, the word of it that is least common in names; which that is depends on nothing but the name,
so a table of one name reads as one of a hundred thousand does. Whoever reads an article looks up each of its words once:
which watched words sound alike is kept from one article to the next, so only new words cost anything.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from search.name_align import LEFT_OUT, LONG, Pair, Reading, Stretch, between_cost, read
from search.name_near import Near, near
from search.name_parts import Name, Unit
from search.name_sounding import Heard, Sounding
from search.name_tokens import Tokens
from search.name_words import GIVEN, Word

_MOST_REMEMBERED = 200_000  # pairs of words
_MARGIN = 4  # words beyond as many as the name has, on either side of the anchor
_NEIGHBOURS = 6  # words on either side of the anchor of a long name, one of which must be another of its own
# All but 1 % of right readings are nearer: of names of two words, and of three or more; of single words by their sounds.
MOST_COST = {2: 0.45, LONG: 1.4}
_MOST_SHARE = {2: 0.22, LONG: 0.24}
_MOST_ALONE = (0.0, 0.0, 0.05, 0.11, 0.16, 0.19)
Key = TypeVar("Key", bound=Hashable)


class Found(NamedTuple, Generic[Key]):
    key: Key
    name: Name
    reading: Reading


class _Held(Generic[Key]):
    """A name. A slotted class, for 100,000 of them are held."""

    __slots__ = ("anchors", "key", "name", "others", "parts", "size")

    def __init__(self, key: Key, name: Name) -> None:
        self.key = key
        self.name = name
        self.size = min(len(name.wanted), LONG)
        self.anchors, others = needed(name)
        self.others = frozenset(unit.word.text for unit in others)
        self.parts = [
            (LEFT_OUT[word.kind], tuple(unit.word.text for unit in name.units if number in unit.numbers))
            for number, word in enumerate(name.wanted)
        ]

    def may_stand(self, anchor: Unit, around: set[str]) -> bool:
        """Cheap: whether enough of the other words may be among these."""
        cost = 0.0
        for number, (left_out, texts) in enumerate(self.parts):
            if number not in anchor.numbers and around.isdisjoint(texts):
                cost += left_out
        return cost <= MOST_COST[self.size]

    def is_whole(self, anchor: Unit) -> bool:
        """Whether the name may be read of this word alone."""
        return not self.others or anchor.taken == len(self.name.wanted)


def needed(name: Name) -> tuple[list[Unit], list[Unit]]:
    """The units one of which must be read for the name to be looked at, and those of which one more must be, if any."""
    single = [unit for unit in name.units if not unit.joined]
    rank = sorted((unit.word.kind != "bare", unit.word.text in GIVEN, -len(unit.word.sounds), unit.first) for unit in single)
    anchors = {number for common, given, _, number in rank[:2] if len(rank) >= LONG and not common and not given}
    anchors = anchors or {rank[0][-1]}
    others = {unit.first for unit in single if unit.word.kind != "initial"}
    if len(anchors) == 1:
        others -= anchors
    return (
        [unit for unit in name.units if not anchors.isdisjoint(unit.numbers)],
        [unit for unit in name.units if not others.isdisjoint(unit.numbers)],
    )


class _Anchor(Generic[Key]):
    """The names that wait under one watched word: those for which it is enough, short ones and long ones."""

    __slots__ = ("alone", "long", "short")

    def __init__(self) -> None:
        self.alone: list[tuple[Unit, _Held[Key]]] = []
        self.short: list[tuple[Unit, _Held[Key]]] = []
        self.long: list[tuple[Unit, _Held[Key]]] = []

    def of(self, held: _Held[Key], unit: Unit) -> list[tuple[Unit, _Held[Key]]]:
        """The list that this name is in, or is to be in."""
        if held.is_whole(unit):
            return self.alone
        return self.long if held.size == LONG else self.short


class _Waiting(Generic[Key]):
    """The names that wait under the words that a printed one may be near, as of ``changes`` of the table."""

    __slots__ = ("alone", "changes", "long", "short", "single")

    def __init__(self, names: "Names[Key]", heard: Heard) -> None:
        self.changes = names.changes
        self.single: list[tuple[_Held[Key], Unit, Near]] = []
        self.alone: list[_Held[Key]] = []
        self.short: list[tuple[Unit, _Held[Key]]] = []
        self.long: list[tuple[Unit, _Held[Key]]] = []
        for text, hundredths in heard.alike.items():
            anchor = names.anchors.get(text)
            if anchor is not None:
                self._note(names, heard.word, anchor, hundredths / 100)

    def _note(self, names: "Names[Key]", word: Word, anchor: _Anchor[Key], share: float) -> None:
        for unit, held in anchor.alone:
            if held.size > 1:
                self.alone.append(held)
            elif share <= (most := most_alone(unit.word)):
                near = names.near(unit.word, word)
                if near is not None and near.share <= most:
                    self.single.append((held, unit, near))
        if share <= _MOST_SHARE[2]:
            self.short += anchor.short
        self.long += anchor.long


def most_alone(word: Word) -> float:
    """The greatest share of a name that is this word alone."""
    return _MOST_ALONE[min(len(word.sounds), len(_MOST_ALONE) - 1)]


class Names(Generic[Key]):
    """Names by a key of the caller's; they come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._held: dict[Key, _Held[Key]] = {}
        self.sounding = Sounding()
        self.anchors: dict[str, _Anchor[Key]] = {}
        self.changes = 0
        self._near: dict[tuple[str, str], Near | None] = {}

    def add(self, key: Key, name: Name) -> None:
        """Hold this name, in the place of one with the same key."""
        self.remove(key)
        self._held[key] = held = _Held(key, name)
        for unit in name.units:
            self.sounding.add(unit.word)
        for unit in held.anchors:
            self.anchors.setdefault(unit.word.text, _Anchor()).of(held, unit).append((unit, held))
        self.changes += 1

    def remove(self, key: Key) -> None:
        """Forget this name; nothing happens where it is not held."""
        held = self._held.pop(key, None)
        if held is None:
            return
        for unit in held.name.units:
            self.sounding.remove(unit.word)
        for unit in held.anchors:
            self.anchors[unit.word.text].of(held, unit).remove((unit, held))
        self.changes += 1

    def waiting(self, heard: Heard) -> _Waiting[Key]:
        if heard.noted is None or heard.noted.changes != self.changes:
            heard.noted = _Waiting(self, heard)
        noted: _Waiting[Key] = heard.noted
        return noted

    def near(self, asked: Word, printed: Word) -> Near | None:
        texts = (asked.text, printed.text)
        if texts not in self._near:
            if len(self._near) >= _MOST_REMEMBERED:
                self._near.clear()
            self._near[texts] = near(asked, printed)
        return self._near[texts]

    # -- an article ----------------------------------------------------------------------------------------------------

    def find(self, tokens: Tokens) -> Iterator[Found[Key]]:
        """Each name that may stand there, once for each stretch in which it may."""
        if not self._held:
            return
        page = _Page(self, tokens)
        for place, token in enumerate(tokens.all):
            if token.capital:
                for end, heard in page.at(place):
                    yield from page.look(place, end, heard)


class _Page(Generic[Key]):
    """An article while names are looked for in it."""

    def __init__(self, names: Names[Key], tokens: Tokens) -> None:
        self.names = names
        self.tokens = tokens
        self._at: dict[int, list[tuple[int, Heard]]] = {}
        self._looked: set[tuple[int, int, int]] = set()

    def at(self, place: int) -> list[tuple[int, Heard]]:
        """What can be read as one word from there: each with where it ends and the watched words that it may be near."""
        found = self._at.get(place)
        if found is None:
            sounding = self.names.sounding
            self._at[place] = found = [(place + 1, sounding.heard(self.tokens.all[place].word))]
            found += [(end, heard) for end, parts in joined(self.tokens, place) if (heard := sounding.heard_as_one(parts))]
        return found

    def look(self, place: int, end: int, heard: Heard) -> Iterator[Found[Key]]:
        """For the names that wait under a word which this one may be near."""
        waiting: _Waiting[Key] = self.names.waiting(heard)
        for held, unit, how in waiting.single:
            pair = Pair(unit, place, end, heard.word, how)
            if pair.cost <= most_alone(unit.word):
                yield Found(held.key, held.name, Reading(pair.cost, (pair,), (), ()))
        for held in waiting.alone:
            yield from self._read(held, place)
        if waiting.short:
            neighbours = self._neighbours(place, end)
            for _, held in waiting.short:
                if not held.others.isdisjoint(neighbours):
                    yield from self._read(held, place)
        if waiting.long:
            around = self._around(place)
            for unit, held in waiting.long:
                if not held.others.isdisjoint(around) and held.may_stand(unit, around):
                    yield from self._read(held, place)

    def _read(self, held: _Held[Key], place: int) -> Iterator[Found[Key]]:
        first, end = self._stretch(place, len(held.name.wanted) + _MARGIN)
        looked = (id(held), first, end)
        if looked in self._looked:
            return
        self._looked.add(looked)
        reading = read(held.name, Stretch(self.tokens, first, end, self.at, self.names.near))
        if reading is not None and _is_possible(held, reading):
            yield Found(held.key, held.name, reading)

    def _stretch(self, place: int, margin: int) -> tuple[int, int]:
        ends = self.tokens.ends
        first, end = place, place + 1
        while first and place - first < margin and not ends[first - 1]:
            first -= 1
        while end < len(ends) and end - place < margin and not ends[end - 1]:
            end += 1
        return first, end

    def _neighbours(self, place: int, end: int) -> set[str]:
        """The words that the other one of a short name may be: all that is read before another bare word."""
        ends = self.tokens.ends
        found: set[str] = set()
        at, cost = end, 0.0
        while at < len(ends) and not ends[at - 1] and cost <= MOST_COST[2]:
            self._note(at, found)
            cost += between_cost(self.tokens, at)[0]
            at += 1
        at, cost = place - 1, 0.0
        while at >= 0 and not ends[at] and cost <= MOST_COST[2]:
            self._note(at, found)
            if at and not ends[at - 1]:
                self._note(at - 1, found)  # with what is read as one with it
            cost += between_cost(self.tokens, at)[0]
            at -= 1
        return found

    def _around(self, place: int) -> set[str]:
        first, last = self._stretch(place, _NEIGHBOURS)
        found: set[str] = set()
        for at in range(first, last):
            if at != place:
                self._note(at, found)
        return found

    def _note(self, place: int, found: set[str]) -> None:
        if self.tokens.all[place].named:
            found.update(*(heard.alike for _, heard in self.at(place)))


def _is_possible(held: _Held[Key], reading: Reading) -> bool:
    """Cheap: whether a reading as distant as this one ever was right, of names of as many words."""
    return reading.cost <= MOST_COST[held.size] and max(pair.near.share for pair in reading.pairs) <= _MOST_SHARE[held.size]


def joined(tokens: Tokens, place: int) -> Iterator[tuple[int, Sequence[Word]]]:
    """What may be read as one word from there: with the next one, a particle between them read or not; and where it ends."""
    words, ends = tokens.all, tokens.ends
    if place + 1 >= len(words) or ends[place]:
        return
    one, two = words[place], words[place + 1]
    if not one.named or not two.named:
        return
    yield place + 2, (one.word, two.word)
    end = place + 2
    while two.glued and end < len(words) and words[end].glued:
        end += 1
    if end > place + 2:
        yield end, tuple(words[at].word for at in range(place, end))
    if two.word.kind == "particle" and place + 2 < len(words) and not ends[place + 1]:
        three = words[place + 2]
        if three.named:
            yield place + 3, (one.word, two.word, three.word)
            yield place + 3, (one.word, three.word)
