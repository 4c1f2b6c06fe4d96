"""All names that are watched, found in an article by their keys: word by word, then each name around its rarest word.

It owns which names are looked at for an article; it must not know watches, levels or what a reading is worth.

Whoever reads an article looks up each of its words once: which watched words sound alike is kept from one article to the
next, so only new words cost anything.
"""

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, NamedTuple, TypeVar

from search.name_align import Pair, Reading, Stretch, between_cost, read
from search.name_held import MOST_COST, MOST_SHARE, MOST_TOGETHER, Anchor, Held, is_possible, most_alone
from search.name_near import Near, near
from search.name_parts import Name, Unit
from search.name_sounding import Heard, Sounding
from search.name_tokens import LONGEST_AS_ONE, Tokens, as_one
from search.name_words import Word

_MOST_REMEMBERED = 200_000  # pairs of words
_MOST_NOTED = 3_000_000  # names that wait under printed words, each as often as it does; some 200 bytes each
_MARGIN = 4  # words beyond as many as the name has, on either side of the anchor
_MOST_READINGS = 400  # of one name in one text; beyond it only its own spelling counts, which is found without a table
_NEIGHBOURS = 6  # words on either side of the anchor of a long name, one of which must be another of its own
Key = TypeVar("Key", bound=Hashable)
log = logging.getLogger("copytaster.search")


class Found(NamedTuple, Generic[Key]):
    key: Key
    name: Name
    reading: Reading


class _Other(NamedTuple, Generic[Key]):
    """A name that waits under its anchor for one more of its words: ``hundredths``: the anchor's share at a glance."""

    hundredths: int
    unit: Unit
    held: Held[Key]


class _Waiting(Generic[Key]):
    """The names that wait under the words that a printed one may be near, as of ``changes`` of the table; those that want
    another of their words by its text.
    """

    __slots__ = ("alone", "changes", "long", "short", "single")

    def __init__(self, names: "Names[Key]", heard: Heard) -> None:
        self.changes = names.changes
        self.single: list[tuple[Held[Key], Reading]] = []  # as if they stood at the beginning
        self.alone: list[Held[Key]] = []
        self.short: dict[str, list[_Other[Key]]] = {}
        self.long: dict[str, list[_Other[Key]]] = {}
        for text, hundredths in heard.alike.items():
            anchor = names.anchors.get(text)
            if anchor is not None:
                self._note(names, heard, anchor, hundredths)

    def _note(self, names: "Names[Key]", heard: Heard, anchor: Anchor[Key], hundredths: int) -> None:
        share = hundredths / 100
        for unit, held in anchor.alone:
            if held.size > 1:
                self.alone.append(held)
            elif share <= most_alone(unit.word, heard.word):
                reading = _alone(names, unit, heard)
                if reading is not None and names.may_count(held.key, held.name, reading):
                    self.single.append((held, reading))
        if share <= MOST_SHARE[2]:
            _note_others(self.short, anchor.short, hundredths)
        _note_others(self.long, anchor.long, hundredths)

    def __len__(self) -> int:
        """How many entries it has."""
        lists = (*self.short.values(), *self.long.values())
        return len(self.single) + len(self.alone) + len(lists) + sum(map(len, lists))


def _alone(names: "Names[Key]", unit: Unit, heard: Heard) -> Reading | None:
    near = names.near(unit.word, heard.word)
    if near is None:
        return None
    pair = Pair(unit, 0, heard.parts, heard.word, near)
    return Reading(pair.cost, (pair,), (), ()) if pair.cost <= most_alone(unit.word, heard.word) else None


def _note_others(noted: dict[str, list[_Other[Key]]], waiting: Sequence[tuple[Unit, Held[Key]]], hundredths: int) -> None:
    for unit, held in waiting:
        other = _Other(hundredths, unit, held)
        for text in held.others:
            noted.setdefault(text, []).append(other)


class Names(Generic[Key]):
    """Names by a key of the caller's; they come and go at any time. ``may_count`` tells of a key, its name of one word and a
    reading of that whether it is of use wherever it stands. Not for many threads.
    """

    def __init__(self, may_count: Callable[[Key, Name, Reading], bool] = lambda *_: True) -> None:
        self.may_count = may_count
        self._held: dict[Key, Held[Key]] = {}
        self.sounding = Sounding()
        self.anchors: dict[str, Anchor[Key]] = {}
        self.changes = 0
        self._noted = 0
        self._near: dict[tuple[str, str], Near | None] = {}

    def add(self, key: Key, name: Name) -> None:
        """Hold this name, in the place of one with the same key."""
        self.remove(key)
        self._held[key] = held = Held(key, name)
        for unit in name.units:
            self.sounding.add(unit.word)
        for unit in held.anchors:
            self.anchors.setdefault(unit.word.text, Anchor()).of(held, unit).append((unit, held))
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
        noted: _Waiting[Key] | None = heard.noted
        if noted is None or noted.changes != self.changes:
            heard.noted = noted = _Waiting(self, heard)
            self._noted += len(noted)
            if self._noted > _MOST_NOTED:
                self._noted = 0
                self.sounding.forget_notes()
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
            if token.heard and (token.capital or token.hyphened):
                for end, heard in page.at(place):
                    yield from page.look(place, end, heard)
        if cut := page.cut():
            log.warning("%d names may stand in a text more than %d times; only so many places were read.", cut, _MOST_READINGS)


class _Page(Generic[Key]):
    """An article while names are looked for in it."""

    def __init__(self, names: Names[Key], tokens: Tokens) -> None:
        self.names = names
        self.tokens = tokens
        self._at: list[list[tuple[int, Heard]] | None] = [None] * len(tokens.all)
        self._alike = [
            [(end, heard.alike) for end, heard in self.at(place) if heard.alike] if token.named and token.heard else []
            for place, token in enumerate(tokens.all)
        ]
        self._texts: set[str] = set().union(*(alike for place in self._alike for _, alike in place))
        self._wanted: dict[Heard, tuple[AbstractSet[str], AbstractSet[str]]] = {}  # beside it, of those that stand in the article
        self._looked: set[tuple[int, int, int]] = set()
        self._readings: dict[int, int] = {}  # of each name so far

    def at(self, place: int) -> list[tuple[int, Heard]]:
        """What can be read as one word from there: each with where it ends and the watched words that it may be near."""
        found = self._at[place]
        if found is None:
            sounding = self.names.sounding
            self._at[place] = found = [(place + 1, sounding.heard(self.tokens.all[place].word))]
            found += [(end, heard) for end, parts in as_one(self.tokens, place) if (heard := sounding.heard_as_one(parts))]
        return found

    def look(self, place: int, end: int, heard: Heard) -> Iterator[Found[Key]]:
        """For the names that wait under a word which this one may be near."""
        waiting: _Waiting[Key] = self.names.waiting(heard)
        for held, reading in waiting.single if self.tokens.all[place].capital else ():
            if self._may_read(held):
                yield Found(held.key, held.name, reading._replace(pairs=(reading.pairs[0]._replace(start=place, end=end),)))
        for held in waiting.alone:
            yield from self._read(held, *self._stretch(place, len(held.name.wanted) + _MARGIN))
        if heard not in self._wanted:
            self._wanted[heard] = waiting.short.keys() & self._texts, waiting.long.keys() & self._texts
        short, long = self._wanted[heard]
        if short:
            yield from self._short(waiting.short, short, place, end)
        if long:
            yield from self._long(waiting.long, long, place, end)

    def _short(
        self, waiting: Mapping[str, Sequence[_Other[Key]]], texts: AbstractSet[str], place: int, end: int
    ) -> Iterator[Found[Key]]:
        """For those whose other word stands beside their anchor, near enough together."""
        first, last = self._beside(place, end)
        reach = self._stretch(last - 1, LONGEST_AS_ONE)[1]  # with what is read as one from its last word on
        for at in (*range(first, place), *range(end, last)):
            for _, alike in self._alike[at]:
                for text in texts & alike.keys():
                    for each in waiting[text]:
                        if each.hundredths + alike[text] <= MOST_TOGETHER:
                            yield from self._read(each.held, first, reach)

    def _long(
        self, waiting: Mapping[str, Sequence[_Other[Key]]], texts: AbstractSet[str], place: int, end: int
    ) -> Iterator[Found[Key]]:
        """For those of which another word stands around their anchor, and enough of the others."""
        around = self._around(place, end)
        seen = set()
        for text in set().union(*(texts & alike.keys() for alike, _ in around)):
            for each in waiting[text]:
                key = (id(each.held), each.unit.first, each.unit.taken)
                if key not in seen:
                    seen.add(key)
                    if each.held.may_stand(each.unit, each.hundredths, around):
                        yield from self._read(each.held, *self._stretch(place, len(each.held.name.wanted) + _MARGIN))

    def _read(self, held: Held[Key], first: int, end: int) -> Iterator[Found[Key]]:
        looked = (id(held), first, end)
        if looked in self._looked or not self._may_read(held):
            return
        self._looked.add(looked)
        reading = read(held.name, Stretch(self.tokens, first, end, self.at, self.names.near))
        if reading is not None and is_possible(reading, held.size):
            yield Found(held.key, held.name, reading)

    def _may_read(self, held: Held[Key]) -> bool:
        """Counts it. A text of 22,000 times "Katiab Hezbolah" held a worker for eight seconds."""
        self._readings[id(held)] = readings = self._readings.get(id(held), 0) + 1
        return readings <= _MOST_READINGS

    def cut(self) -> int:
        """How many names were read as often as they may."""
        return sum(readings > _MOST_READINGS for readings in self._readings.values())

    def _stretch(self, place: int, margin: int) -> tuple[int, int]:
        ends = self.tokens.ends
        first, end = place, place + 1
        while first and place - first < margin and not ends[first - 1]:
            first -= 1
        while end < len(ends) and end - place < margin and not ends[end - 1]:
            end += 1
        return first, end

    def _beside(self, place: int, end: int) -> tuple[int, int]:
        """Where the other word of a short name may begin: all that is read before another bare word."""
        ends = self.tokens.ends
        last, cost = end, 0.0
        while last < len(ends) and not ends[last - 1] and cost <= MOST_COST[2]:
            cost += between_cost(self.tokens, last)[0]
            last += 1
        first, cost = place, 0.0
        while first and not ends[first - 1] and cost <= MOST_COST[2]:
            first -= 1
            cost += between_cost(self.tokens, first)[0]
        if first < place and first and not ends[first - 1]:
            first -= 1  # what is read as one with it
        return first, last

    def _around(self, place: int, end: int) -> list[tuple[Mapping[str, int], float]]:
        """What the other words of a long name may be, and what it costs that others stand between them and its anchor."""
        first, last = self._stretch(place, _NEIGHBOURS)
        found: list[tuple[Mapping[str, int], float]] = []
        between = 0.0
        for at in range(place + 1, last):
            found += [(alike, between) for _, alike in self._alike[at]]
            if at >= end:
                between += between_cost(self.tokens, at)[0]
        from_there = {place: 0.0}  # to the anchor
        for at in range(place - 1, first - 1, -1):
            from_there[at] = from_there[at + 1] + between_cost(self.tokens, at)[0]
            found += [(alike, from_there[min(word_end, place)]) for word_end, alike in self._alike[at]]
        return found
