"""All names that are watched, found in an article by their keys: word by word, then each name around its rarest word.

It owns which names are looked at for an article; it must not know watches, levels or what a reading is worth.

A name waits under its anchor, the word of it that is least common in names; which that is depends on nothing but the name,
so a table of one name reads as one of a hundred thousand does. Whoever reads an article looks up each of its words once:
which watched words sound alike is kept from one article to the next, so only new words cost anything.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import product
from typing import Generic, NamedTuple, TypeVar

from search.name_align import Reading, Stretch, read
from search.name_keys import asked_under, kept_under
from search.name_parts import Name, Near, Unit
from search.name_parts import near as nearness
from search.name_tokens import Tokens
from search.name_words import GIVEN, Word, word_of

_FEW = 64  # new words that are looked at one by one
_MOST_REMEMBERED = 100_000  # words of articles
_MARGIN = 4  # words beyond as many as the name has, on either side of the anchor
_MOST_COST = (0.0, 0.22, 0.4, 1.4)  # of names of one, two, and three words or more: all but 0.5 % of right readings cost less
_MOST_SHARE = (0.0, 0.2, 0.26, 0.27)
_TWICE = re.compile(r"(.)\1+")
Key = TypeVar("Key", bound=Hashable)


class Found(NamedTuple, Generic[Key]):
    key: Key
    name: Name
    reading: Reading


class _Watched(Generic[Key]):
    """A word of watched names: ``anchored`` are the names that wait under it, ``uses`` how many names it is in."""

    __slots__ = ("anchored", "uses", "word")

    def __init__(self, word: Word) -> None:
        self.word = word
        self.anchored: list[_Held[Key]] = []
        self.uses = 0


class _Held(Generic[Key]):
    """A name; one of ``others``, where there are any, must be near its anchor."""

    __slots__ = ("anchors", "key", "name", "others", "size")

    def __init__(self, key: Key, name: Name) -> None:
        self.key = key
        self.name = name
        self.size = min(len(name.wanted), len(_MOST_SHARE) - 1)
        self.anchors, self.others = needed(name)


def needed(name: Name) -> tuple[list[Unit], list[Unit]]:
    """The units one of which must be read for the name to be looked at, and those of which one more must be, if any."""
    single = [unit for unit in name.units if not unit.joined]
    rank = [(unit.word.kind != "bare", unit.word.text in GIVEN, -len(unit.word.readings[0])) for unit in single]
    anchor = single[rank.index(min(rank))].first
    others = {unit.first for unit in single if unit.word.kind != "initial"} - {anchor}
    return (
        [unit for unit in name.units if unit.first <= anchor < unit.first + unit.taken],
        [unit for unit in name.units if others & {*range(unit.first, unit.first + unit.taken)}],
    )


class Names(Generic[Key]):
    """Names by a key of the caller's; they come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._held: dict[Key, _Held[Key]] = {}
        self._words: dict[str, _Watched[Key]] = {}
        self._under: dict[str, list[_Watched[Key]]] = {}
        self._added: list[str] = []  # the words in the order in which they came
        self._alike: dict[str, tuple[int, dict[str, Near]]] = {}  # with how many had come

    def add(self, key: Key, name: Name) -> None:
        """Hold this name, in the place of one with the same key."""
        self.remove(key)
        self._held[key] = held = _Held(key, name)
        for unit in name.units:
            self._use(unit.word)
        for unit in held.anchors:
            self._words[unit.word.text].anchored.append(held)

    def remove(self, key: Key) -> None:
        """Forget this name; nothing happens where it is not held."""
        held = self._held.pop(key, None)
        if held is None:
            return
        for unit in held.anchors:
            self._words[unit.word.text].anchored.remove(held)
        for unit in held.name.units:
            self._disuse(unit.word)

    def _use(self, word: Word) -> None:
        watched = self._words.get(word.text)
        if watched is None:
            self._words[word.text] = watched = _Watched(word)
            self._added.append(word.text)
            for key in kept_under(word):
                self._under.setdefault(key, []).append(watched)
        watched.uses += 1

    def _disuse(self, word: Word) -> None:
        watched = self._words[word.text]
        watched.uses -= 1
        if not watched.uses:
            del self._words[word.text]
            for key in kept_under(word):
                self._under[key].remove(watched)
                if not self._under[key]:
                    del self._under[key]

    # -- an article ----------------------------------------------------------------------------------------------------

    def alike(self, word: Word) -> dict[str, Near]:
        """The words that sound like this one, by their text: of those that are watched, and of some that were."""
        count, found = self._alike.get(word.text, (0, {}))
        come = len(self._added)
        if count == come:
            return found
        if come - count > _FEW:
            candidates = self._candidates(word)
        else:
            asked = asked_under(word)
            new = [self._words[text] for text in self._added[count:] if text in self._words]
            candidates = [watched for watched in new if not asked.isdisjoint(kept_under(watched.word))]
        near = ((watched.word.text, nearness(watched.word, word)) for watched in candidates)
        found = {**found, **{text: how for text, how in near if how is not None}}
        if len(self._alike) >= _MOST_REMEMBERED:
            self._alike.clear()
        self._alike[word.text] = (come, found)
        return found

    def _candidates(self, word: Word) -> Iterable[_Watched[Key]]:
        return {id(each): each for key in asked_under(word) for each in self._under.get(key, ())}.values()

    def may_be_alike(self, words: Sequence[Word]) -> bool:
        """Cheap: whether a watched word has a key of these written as one."""
        under = self._under
        return any(_TWICE.sub(r"\1", "".join(keys)) in under for keys in product(*(word.keys for word in words)))

    def find(self, tokens: Tokens) -> Iterator[Found[Key]]:
        """Each name that may stand there, once for each stretch in which it may."""
        if not self._held:
            return
        page = _Page(self, tokens)
        words = self._words
        for place, token in enumerate(tokens.all):
            if not token.capital:
                continue
            for text, near in self.alike(token.word).items():
                for held in words[text].anchored if text in words else ():
                    if near.share <= _MOST_SHARE[held.size]:
                        yield from page.look(held, place)
            for _, word in page.joined(place):
                for text, near in self.alike(word).items():
                    for held in words[text].anchored if text in words else ():
                        if near.share <= _MOST_SHARE[held.size]:
                            yield from page.look(held, place)


class _Page(Generic[Key]):
    """An article while names are looked for in it."""

    def __init__(self, names: Names[Key], tokens: Tokens) -> None:
        self.names = names
        self.tokens = tokens
        self._joined: dict[int, list[tuple[int, Word]]] = {}
        self._looked: set[tuple[int, int, int]] = set()

    def joined(self, place: int) -> list[tuple[int, Word]]:
        found = self._joined.get(place)
        if found is None:
            self._joined[place] = found = list(joined(self.tokens, place, self.names.may_be_alike))
        return found

    def look(self, held: _Held[Key], place: int) -> Iterator[Found[Key]]:
        first, end = self._stretch(place, len(held.name.wanted) + _MARGIN)
        if held.others and not self._has_another(held, first, end):
            return
        looked = (id(held), first, end)
        if looked in self._looked:
            return
        self._looked.add(looked)
        reading = read(held.name, Stretch(self.tokens, first, end, self.joined, self._near))
        if reading is not None and _is_possible(held, reading):
            yield Found(held.key, held.name, reading)

    def _near(self, asked: Word, printed: Word) -> Near | None:
        return self.names.alike(printed).get(asked.text)

    def _stretch(self, place: int, margin: int) -> tuple[int, int]:
        ends = self.tokens.ends
        first, end = place, place + 1
        while first and place - first < margin and not ends[first - 1]:
            first -= 1
        while end < len(ends) and end - place < margin and not ends[end - 1]:
            end += 1
        return first, end

    def _has_another(self, held: _Held[Key], first: int, end: int) -> bool:
        texts = {unit.word.text for unit in held.others}
        tokens = self.tokens.all
        if any(not texts.isdisjoint(self.names.alike(tokens[at].word)) for at in range(first, end)):
            return True
        return any(not texts.isdisjoint(self.names.alike(word)) for at in range(first, end) for _, word in self.joined(at))


def _is_possible(held: _Held[Key], reading: Reading) -> bool:
    """Cheap: whether a reading as distant as this one ever was right, of names of as many words."""
    return reading.cost <= _MOST_COST[held.size] and max(pair.near.share for pair in reading.pairs) <= _MOST_SHARE[held.size]


def joined(tokens: Tokens, place: int, may_be: Callable[[Sequence[Word]], bool]) -> Iterator[tuple[int, Word]]:
    """What can be read as one word from there, and where it ends."""
    for end, parts in as_one(tokens, place):
        if may_be(parts):
            yield end, word_of("".join(part.text for part in parts))


def as_one(tokens: Tokens, place: int) -> Iterator[tuple[int, Sequence[Word]]]:
    """What may be read as one word from there: with the next one, a particle between them read or not; and where it ends."""
    words, ends = tokens.all, tokens.ends
    if place + 1 >= len(words) or ends[place]:
        return
    one, two = words[place], words[place + 1]
    if not one.named or not two.named:
        return
    yield place + 2, (one.word, two.word)
    if two.word.kind == "particle" and place + 2 < len(words) and not ends[place + 1]:
        three = words[place + 2]
        if three.named:
            yield place + 3, (one.word, two.word, three.word)
            yield place + 3, (one.word, three.word)
