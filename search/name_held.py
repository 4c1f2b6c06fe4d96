"""Names as they wait to be found: each under its anchor, the word of it that is least common in names.

It owns what is needed of a name before it is read, and how far its words may be apart; it must not know articles or watches.
Which word is the anchor depends on nothing but the name, so a table of one name reads as one of a hundred thousand does.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

from search.name_align import LEFT_OUT, LONG, Reading
from search.name_parts import Name, Unit
from search.name_words import GIVEN, Word

# All but 1 % of right readings are nearer: of names of two words, and of three or more; of single words by their sounds.
MOST_COST = {2: 0.45, LONG: 1.4}
MOST_SHARE = {2: 0.22, LONG: 0.24}
_MOST_LEFT = (0, 0, 0, 1, 2)  # words that stand nowhere, of names of as many words, or of four and more
_MOST_SECOND = {2: 0.1, LONG: 0.14}  # of the words but the farthest
MOST_TOGETHER = 36  # hundredths of the shares of all its words, at a glance; and where one is left out
_MOST_TOGETHER_IF_LEFT = 20
_MOST_ALONE_UNWRITTEN = (0.0, 0.0, 0.0, 0.06, 0.12, 0.19)  # by letters
_SURE_ALONE_UNWRITTEN = (0.0, 0.0, 0.0, 0.03, 0.06, 0.1)
_MOST_ALONE = (0.0, 0.0, 0.05, 0.11, 0.16, 0.19)
Key = TypeVar("Key", bound=Hashable)


class Held(Generic[Key]):
    """A name. A slotted class, for 100,000 of them are held."""

    __slots__ = ("anchors", "key", "name", "others", "parts", "size")

    def __init__(self, key: Key, name: Name) -> None:
        self.key = key
        self.name = name
        self.size = min(len(name.wanted), LONG)
        self.anchors, others = needed(name)
        self.others = tuple(dict.fromkeys(unit.word.text for unit in others))
        self.parts = [
            (word.kind, tuple(unit.word.text for unit in name.units if number in unit.numbers))
            for number, word in enumerate(name.wanted)
        ]

    def may_stand(self, anchor: Unit, hundredths: int, around: Sequence[tuple[Mapping[str, int], float]]) -> bool:
        """Cheap: whether enough of the other words may be around the anchor, near enough together. Of ``others`` one must be.
        ``around`` has what each word there may be, and what it costs that others stand between it and the anchor.
        """
        left, left_out, total, gap = 0, 0.0, hundredths, 0.0
        standing: set[str] = set()
        for number, (kind, texts) in enumerate(self.parts):
            if number in anchor.numbers:
                continue
            found = [(alike[text], between, text) for alike, between in around for text in texts if text in alike]
            if found:
                least, _, text = min(found)
                if text not in standing:  # it may stand for two words of the name
                    standing.add(text)
                    total += least
                    gap = min([between for _, between, _ in found])
            else:
                left += kind != "initial"
                left_out += LEFT_OUT[kind]
                if left > most_left(len(self.parts)) or left_out > MOST_COST[LONG]:
                    return False
        if len(standing) == 1 and left_out + gap > MOST_COST[LONG]:
            return False
        return total <= most_together(left=left > 0)

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


class Anchor(Generic[Key]):
    """The names that wait under one watched word: those for which it is enough, short ones and long ones."""

    __slots__ = ("alone", "long", "short")

    def __init__(self) -> None:
        self.alone: list[tuple[Unit, Held[Key]]] = []
        self.short: list[tuple[Unit, Held[Key]]] = []
        self.long: list[tuple[Unit, Held[Key]]] = []

    def of(self, held: Held[Key], unit: Unit) -> list[tuple[Unit, Held[Key]]]:
        """The list that this name is in, or is to be in."""
        if held.is_whole(unit):
            return self.alone
        return self.long if held.size == LONG else self.short


def most_alone(asked: Word, printed: Word | None = None) -> float:
    """The greatest share of a name that is this word alone. Where no capital tells that it is one, and no vowel how it sounds,
    short printed words must be all but the same.
    """
    most = _MOST_ALONE[min(len(asked.sounds), len(_MOST_ALONE) - 1)]
    if printed is None or not printed.unwritten:
        return most
    return min(most, _MOST_ALONE_UNWRITTEN[min(len(printed.text), len(_MOST_ALONE_UNWRITTEN) - 1)])


def may_be_sure(name: Name, reading: Reading) -> bool:
    """Whether it may count at ``strict``: in running text of a script without capitals and vowels, too much sounds like a
    name of one short word.
    """
    printed, share = reading.pairs[0].word, reading.pairs[0].near.share
    if len(name.wanted) > 1 or not printed.unwritten:
        return True
    return share <= _SURE_ALONE_UNWRITTEN[min(len(printed.text), len(_SURE_ALONE_UNWRITTEN) - 1)]


def most_left(words: int) -> int:
    """How many of a name's words may stand nowhere."""
    return _MOST_LEFT[min(words, len(_MOST_LEFT) - 1)]


def most_together(*, left: bool) -> int:
    """Of the shares of all words at a glance, in hundredths; less where one of them stands nowhere."""
    return _MOST_TOGETHER_IF_LEFT if left else MOST_TOGETHER


def is_possible(reading: Reading, size: int) -> bool:
    """Cheap: whether a reading as distant as this one ever was right, of names of as many words."""
    if reading.cost > MOST_COST[size]:
        return False
    *others, greatest = sorted([pair.near.share for pair in reading.pairs])
    return greatest <= MOST_SHARE[size] and (not others or others[-1] <= _MOST_SECOND[size])
