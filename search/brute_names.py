"""Names read by brute force: each name against each article, word by word, wherever enough of its words may stand.

It shares how far words are apart, the cheapest reading and what that is worth with the stream; it must not share where the
stream looks: neither keys, nor their table, nor which words of a name it is looked for by. Decision 0019.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from copytaster.text import Placed
from search.brute_sounds import may_be_one
from search.name_align import Pair, Reading, Stretch, read
from search.name_held import is_possible, most_alone, most_left, most_together
from search.name_measures import context
from search.name_near import Group, Near, glance, near
from search.name_parts import Name
from search.name_scorer import SCORER
from search.name_sounding import Heard as HeardWord
from search.name_tokens import Tokens, as_one
from search.name_words import GIVEN, Word, word_of
from search.variants import FIELDS, Variant, Watched, best, name_of, neutral, scored

_MARGIN = 4  # words beyond as many as the name has
_MOST_REMEMBERED = 200_000  # printed words
Run = tuple[str, int, int]  # field, first and last word


@dataclass(slots=True)
class _Field:
    name: str
    tokens: Tokens
    at: list[list[tuple[int, HeardWord]]]
    where: dict[str, list[int]] = field(default_factory=dict)  # by the text of a watched word: where one near it stands


Heard = Sequence[_Field]


class _Asked:
    def __init__(self, watched: Watched) -> None:
        self.level = watched.level
        self.name: Name = name_of(watched.words)
        self.size = min(len(self.name.wanted), 3)
        self.telling = {n for n, word in enumerate(self.name.wanted) if word.kind == "bare" and word.text not in GIVEN}
        self.of_each = [
            {unit.word.text for unit in self.name.units if number in unit.numbers}
            for number, word in enumerate(self.name.wanted)
            if word.kind != "initial"
        ]

    def may_stand(self, texts: Mapping[str, object]) -> bool:
        """Whether enough of its words, or what may be one of them, are there at all."""
        missing = sum(texts.keys().isdisjoint(one) for one in self.of_each)
        return missing <= most_left(len(self.name.wanted))

    def counts(self, reading: Reading) -> bool:
        """Whether it is of more than one word, or of all of them, and of more than common given names; no more words are left
        out than may be, and those read are near enough together: beyond that no reading was ever judged, so the scorer knows
        none.
        """
        left = sum(self.name.wanted[number].kind != "initial" for number in reading.left)
        far = sum(glance(pair.unit.word, pair.word) or 0 for pair in reading.pairs)
        if self.telling and self.telling.issubset(reading.left):
            return False
        enough = (len(reading.pairs) > 1 or not left) and left <= most_left(len(self.name.wanted))
        return enough and far <= most_together(left=left > 0) and is_possible(reading, self.size)

    def may_count_alone(self, reading: Reading) -> bool:
        """Whether a name of one word counts in a sentence where nothing speaks against it."""
        around = neutral(self.name)
        return scored(self.level, self.name, reading, around) >= SCORER.least(self.level)


class BruteNames:
    """Names to be looked for in many articles. Not for many threads."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        self._asked = {each: _Asked(each) for each in watched}
        words = {unit.word.text: unit.word for each in self._asked.values() for unit in each.name.units}
        self._all = Group(words.values())
        self._meaning: dict[str, list[str]] = {}
        for word in words.values():
            self._meaning.setdefault(word.meaning, []).append(word.text)
        self._heard: dict[str, HeardWord] = {}
        self._near: dict[tuple[str, str], Near | None] = {}

    def hear(self, title: str, text: str) -> Heard:
        """The words of an article, each with the watched ones that it may be near."""
        if not self._asked:
            return ()
        return [self._field(name, Tokens(Placed(printed))) for name, printed in zip(FIELDS, (title, text), strict=True)]

    def _field(self, name: str, tokens: Tokens) -> _Field:
        found = _Field(name, tokens, [[*self._from(tokens, place)] for place in range(len(tokens.all))])
        for place, ways in enumerate(found.at):
            for text in dict.fromkeys(chain.from_iterable(heard.alike for _, heard in ways)):
                found.where.setdefault(text, []).append(place)
        return found

    def _from(self, tokens: Tokens, place: int) -> Iterator[tuple[int, HeardWord]]:
        yield place + 1, self._hear((tokens.all[place].word,))
        for end, parts in as_one(tokens, place):
            yield end, self._hear(parts)

    def _hear(self, parts: Sequence[Word]) -> HeardWord:
        key = " ".join(part.text for part in parts)
        if key not in self._heard:
            if len(self._heard) >= _MOST_REMEMBERED:
                self._heard.clear()
            self._heard[key] = self._heard_anew(parts)
        return self._heard[key]

    def _heard_anew(self, parts: Sequence[Word]) -> HeardWord:
        """Every watched word is compared, at a glance that lets through all that may be near, and no key asked."""
        word = parts[0] if len(parts) == 1 else word_of("".join(part.text for part in parts))
        heard = HeardWord(word, len(parts))
        self._all.glance(word, heard.alike)
        heard.alike.update(dict.fromkeys(self._meaning.get(word.meaning, ()) if word.meaning else (), 0))
        return heard

    def _near_to(self, asked: Word, printed: Word) -> Near | None:
        key = (asked.text, printed.text)
        if key not in self._near:
            if len(self._near) >= _MOST_REMEMBERED:
                self._near.clear()
            self._near[key] = _pair(asked, printed)
        return self._near[key]

    # -- one name in one article -----------------------------------------------------------------------------------------

    def places(self, watched: Watched, heard: Heard) -> list[Run]:
        """Where forms of the name stand that count at its level."""
        asked = self._asked[watched]
        found = [each for part in heard if asked.may_stand(part.where) for each in self._forms(asked, part)]
        return [(each.field, each.first, each.last) for each in best(found)]

    def _forms(self, asked: _Asked, part: _Field) -> Iterator[Variant]:
        for reading in self._alone(asked, part) if asked.size == 1 else self._together(asked, part):
            score = scored(asked.level, asked.name, reading, context(reading, part.tokens))
            if score >= SCORER.least(asked.level):
                yield Variant(part.name, reading.start, reading.end - 1, score, asked.name, reading)

    def _alone(self, asked: _Asked, part: _Field) -> Iterator[Reading]:
        for unit in asked.name.units:
            for place in part.where.get(unit.word.text, ()):
                for end, heard in part.at[place] if part.tokens.all[place].capital else ():
                    how = self._near_to(unit.word, heard.word) if unit.word.text in heard.alike else None
                    if how is None:
                        continue
                    pair = Pair(unit, place, end, heard.word, how)
                    reading = Reading(pair.cost, (pair,), (), ())
                    far = max(pair.cost, heard.alike[unit.word.text] / 100)
                    if far <= most_alone(unit.word, heard.word) and asked.may_count_alone(reading):
                        yield reading

    def _together(self, asked: _Asked, part: _Field) -> Iterator[Reading]:
        places = sorted({place for text in asked.name.texts for place in part.where.get(text, ())})
        margin = len(asked.name.wanted) + _MARGIN
        for first, end in dict.fromkeys(_around(part.tokens, place, margin) for place in places):
            reading = read(asked.name, Stretch(part.tokens, first, end, part.at.__getitem__, self._near_to))
            if reading is not None and asked.counts(reading):
                yield reading


def _pair(asked: Word, printed: Word) -> Near | None:
    """What a pair means: how far apart by sound, of words of the same meaning or of consonants that may be one."""
    found = near(asked, printed)
    is_meant = bool(asked.meaning) and asked.meaning == printed.meaning
    is_one = found is not None and (asked.text == printed.text or is_meant or may_be_one(asked, printed))
    return found if is_one else None


def _around(tokens: Tokens, place: int, margin: int) -> tuple[int, int]:
    """As many words on either side, up to where a clause ends."""
    first = end = place
    while first and place - first < margin and not tokens.ends[first - 1]:
        first -= 1
    while end + 1 < len(tokens.all) and end + 1 - place < margin and not tokens.ends[end]:
        end += 1
    return first, end + 1
