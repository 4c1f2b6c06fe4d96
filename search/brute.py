"""Matching by brute force: every query against every article by plain scanning, as the truth that the stream is held to.

It shares the tokenizer, the parsed tree and what a reading of a name is worth with the matcher, and must not share how that
finds anything: no anchors, no padded strings, no table of keys, no hits.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from copytaster.text import Span, spans
from copytaster.watches import Level
from search import names
from search.brute_names import BruteNames, Heard
from search.document import Document
from search.query import Query
from search.tree import And, Node, Not, Phrase, plain, wanted
from search.variants import Watched, can_vary, words_of

Place = tuple[str, int, int]  # field, start and end in code points


def brute_match(document: Document, queries: Mapping[str, Query]) -> set[str]:
    """The ids of the queries that this document satisfies as they are written."""
    return Brute.of(queries).match(document)


def brute_places(document: Document, phrase: Phrase) -> list[Place]:
    """Where a term of words in a row stands, title first."""
    text = _Text(document)
    found = (place for field in _fields(phrase) if field != "lang" for place in _places(text, field, phrase))
    return [(place.field, place.start, place.end) for place in found]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as it is watched. ``vetoes`` are printed forms that count as no hit."""

    id: str
    query: Query
    level: Level = "exact"
    vetoes: Sequence[str] = ()


class Brute:
    """Queries to be asked of many documents, each of each. Not for many threads."""

    @classmethod
    def of(cls, queries: Mapping[str, Query]) -> "Brute":
        """Each as it is written."""
        return cls(Asked(each, query) for each, query in queries.items())

    def __init__(self, asked: Iterable[Asked]) -> None:
        self._asked = [_Prepared(each) for each in asked]
        self._names = BruteNames(dict.fromkeys(watched for each in self._asked for watched in each.varying.values()))

    def match(self, document: Document, ids: Collection[str] | None = None) -> set[str]:
        """The ids of the queries that it satisfies, of those in ``ids`` where they are given."""
        text = _Text(document)
        heard = self._names.hear(document.title, document.text)
        return {
            each.id
            for each in self._asked
            if (ids is None or each.id in ids) and each.is_true(each.tree, text, self._names, heard)
        }


class _Prepared:
    def __init__(self, asked: Asked) -> None:
        self.id = asked.id
        self.tree = plain(asked.query.tree)
        self.vetoes = frozenset(map(names.normal, asked.vetoes)) - {""}
        self.varying = {
            phrase: Watched(words_of(phrase), asked.level) for phrase in wanted(self.tree) if can_vary(phrase, asked.level)
        }

    def is_true(self, node: Node, text: "_Text", read: BruteNames, heard: Heard) -> bool:
        """Of a plain tree. What is excluded counts as it is written, vetoed or not."""
        if isinstance(node, Phrase):
            return self._fires(node, text) or self._varies(node, text, read, heard)
        if isinstance(node, Not):
            assert isinstance(node.part, Phrase)
            return not any(_stands(text, field, node.part) for field in _fields(node.part))
        truths = (self.is_true(part, text, read, heard) for part in node.parts)
        return all(truths) if isinstance(node, And) else any(truths)

    def _fires(self, phrase: Phrase, text: "_Text") -> bool:
        for field in _fields(phrase):
            if _stands(text, field, phrase):
                if not self.vetoes or field == "lang":
                    return True
                if any(place.normal not in self.vetoes for place in _places(text, field, phrase)):
                    return True
        return False

    def _varies(self, phrase: Phrase, text: "_Text", read: BruteNames, heard: Heard) -> bool:
        watched = self.varying.get(phrase)
        if watched is None:
            return False
        for field, first, last in read.places(watched, heard):
            if field in _fields(phrase) and text.place(field, first, last).normal not in self.vetoes:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Place:
    field: str
    start: int
    end: int
    printed: str

    @property
    def normal(self) -> str:
        return names.normal(self.printed)


class _Text:
    """A document word by word; each field when it is first asked for."""

    def __init__(self, document: Document) -> None:
        self.whole = {
            "title": document.title,
            "text": document.text,
            "source": document.source,
            "author": document.author,
            "lang": document.language or "",
        }
        self._spans: dict[str, list[Span]] = {}
        self._words: dict[str, list[str]] = {}
        self._different: dict[str, frozenset[str]] = {}

    def words(self, field: str) -> list[str]:
        if field not in self._words:
            self._words[field] = names.normal(self.whole[field]).split()
        return self._words[field]

    def different(self, field: str) -> frozenset[str]:
        if field not in self._different:
            self._different[field] = frozenset(self.words(field))
        return self._different[field]

    def place(self, field: str, first: int, last: int) -> _Place:
        if field not in self._spans:
            self._spans[field] = [*spans(self.whole[field])]
        start, end = self._spans[field][first].start, self._spans[field][last].end
        return _Place(field, start, end, self.whole[field][start:end])


def _fields(phrase: Phrase) -> Sequence[str]:
    return (phrase.field,) if phrase.field else ("title", "text")


def _stands(text: _Text, field: str, phrase: Phrase) -> bool:
    if len(phrase.words) == 1 and not phrase.prefix:
        return phrase.words[0] in text.different(field)
    return any(True for _ in _runs(text, field, phrase))


def _places(text: _Text, field: str, phrase: Phrase) -> Iterator[_Place]:
    return (text.place(field, first, last) for first, last in _runs(text, field, phrase))


def _runs(text: _Text, field: str, phrase: Phrase) -> Iterator[tuple[int, int]]:
    """Numbers of the first and last word of each occurrence."""
    plain_words = phrase.words[:-1] if phrase.prefix else phrase.words
    if not text.different(field).issuperset(plain_words):  # 30 times as fast over many queries, and as plain
        return iter(())
    return _near(text.words(field), phrase) if phrase.slop else _in_a_row(text.words(field), phrase)


def _in_a_row(words: Sequence[str], phrase: Phrase) -> Iterator[tuple[int, int]]:
    size = len(phrase.words)
    for at in range(len(words) - size + 1):
        if words[at] == phrase.words[0] or size == 1:
            *row, last = words[at : at + size]
            fits = last.startswith(phrase.words[-1]) if phrase.prefix else last == phrase.words[-1]
            if fits and row == [*phrase.words[:-1]]:
                yield at, at + size - 1


def _near(words: Sequence[str], phrase: Phrase) -> Iterator[tuple[int, int]]:
    """Stretches of words that hold all of the term's, in any order, and none of which could be shorter."""
    size = len(phrase.words)
    for first in range(len(words)):
        for length in range(size, min(size + phrase.slop, len(words) - first) + 1):
            stretch = words[first : first + length]
            if _holds_all(stretch, phrase):
                if not _holds_all(stretch[1:], phrase):
                    yield first, first + length - 1
                break


def _holds_all(stretch: Sequence[str], phrase: Phrase) -> bool:
    """A place of its own for each word; the beginning of one takes what the others leave."""
    left = list(stretch)
    for word in phrase.words[:-1] if phrase.prefix else phrase.words:
        if word not in left:
            return False
        left.remove(word)
    return not phrase.prefix or any(word.startswith(phrase.words[-1]) for word in left)
