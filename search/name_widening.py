"""A query for the candidates of a search in other spellings: each of its names as well by words of the index that sound so.

It owns which printed words are asked for; it must not know how an engine holds them or asks. What the query then finds is
never less than what ``search.variants`` reads, and ``search.matcher`` decides.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from copytaster.watches import Level
from search.name_index import keys_of, ways
from search.name_keys import AS_ONE, looked_for_under
from search.name_near import FARTHEST, near
from search.name_parts import Name, Unit
from search.name_table import most_alone, needed
from search.name_words import Word, word_of
from search.tree import And, Node, Not, Or, Phrase, plain, wanted
from search.variants import Words, can_vary

# Engines limit the clauses of a query, a small Elasticsearch to 1,024: a query of more names than this asks for each by one
# word of it, and what is read as one is asked for by its longest word where a query would have more of them than that.
MOST_NAMES = 150
MOST_ROWS = 150
# Which of the words that an index holds are under any of these keys; those in a row have a blank between.
LookUp = Callable[[Collection[str]], Iterable[str]]


def widened(tree: Node, level: Level, look_up: LookUp) -> Node:
    """The plain tree, in which each term that may be printed otherwise is that term or what may be a form of it."""
    whole = plain(tree)
    names = dict.fromkeys(phrase.words for phrase in wanted(whole) if can_vary(phrase, level))
    if not names:
        return whole
    few = len(names) <= MOST_NAMES
    asked = {words: _Asked(words, few=few) for words in names}
    held = _by_key(look_up({key for each in asked.values() for key in each.keys}))
    forms = {words: each.forms(held, rows=MOST_ROWS // len(asked) // 2) for words, each in asked.items()}
    return _widened(whole, level, forms)


def _widened(node: Node, level: Level, forms: Mapping[Words, "_Forms"]) -> Node:
    if isinstance(node, Not):
        return node
    if isinstance(node, Phrase):
        return forms[node.words].tree(node) if can_vary(node, level) else node
    parts = tuple(_widened(part, level, forms) for part in node.parts)
    if isinstance(node, Or):  # an Or within an Or is the same as one, and engines have one clause for many words
        return Or(tuple(inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))))
    return And(parts)


class _Asked:
    """What a name needs: a word near its anchor, and another one where it has more."""

    def __init__(self, words: Words, *, few: bool) -> None:
        self.words = words
        self.few = few
        name = Name(words)
        self.anchors, others = needed(name)
        self.alone = len(name.wanted) == 1
        self.others = others if few else []
        self.keys = {key for unit in (*self.anchors, *self.others) for key in _keys(unit)}

    def forms(self, held: Mapping[str, Sequence[str]], *, rows: int) -> "_Forms":
        anchors = _near(self.anchors, held, alone=self.alone)
        if not self.few and anchors:  # the term itself is among them
            return _Forms(((max(self.words, key=len),), *_rows(anchors, rows)), (), instead=True)
        others = _near(self.others, held)
        if not anchors or (self.others and not others):
            return _Forms((), ())
        return _Forms(_rows(anchors, rows), _rows(others, rows))


class _Forms(NamedTuple):
    """The printed words that may be a name's anchor, and those that may be another of its words, if it needs one.

    ``instead``: the term itself need not be asked for.
    """

    anchors: Sequence[Words]
    others: Sequence[Words]
    instead: bool = False

    def tree(self, phrase: Phrase) -> Node:
        if not self.anchors:
            return phrase
        anchors, others = _phrases(phrase, self.anchors), _phrases(phrase, self.others)
        both: Node = And((Or(anchors), Or(others))) if others else Or(anchors)
        if self.instead:
            return both
        return Or((phrase, *(both.parts if isinstance(both, Or) else (both,))))


def _phrases(phrase: Phrase, rows: Iterable[Words]) -> tuple[Phrase, ...]:
    return tuple(replace(phrase, words=words, typed=" ".join(words)) for words in rows)


def _rows(texts: Iterable[str], most: int) -> list[Words]:
    """Single words first, in order, so that the same index is always asked the same."""
    found = [tuple(text.split(" ")) for text in sorted(texts, key=lambda text: (text.count(" "), text))]
    single = [words for words in found if len(words) == 1]
    longer = found[len(single) :]
    return [*single, *(longer if len(longer) <= most else dict.fromkeys((max(words, key=len),) for words in longer))]


def _keys(unit: Unit) -> Iterator[str]:
    yield from looked_for_under(unit.word)
    yield from (f"{AS_ONE}{key}" for key in unit.word.keys)


def _by_key(texts: Iterable[str]) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        for key in keys_of(text):
            found.setdefault(key, []).append(text)
    return found


def _near(units: Iterable[Unit], held: Mapping[str, Sequence[str]], *, alone: bool = False) -> set[str]:
    found: set[str] = set()
    for unit in units:
        most = most_alone(unit.word) if alone else FARTHEST
        texts = {text for key in _keys(unit) for text in held.get(key, ())}
        found.update(text for text in texts if _is_near(unit.word, text, most))
    return found


def _is_near(asked: Word, text: str, most: float) -> bool:
    printed = (word_of("".join(part.text for part in parts)) for parts in ways(text))
    return any(how is not None and how.share <= most for how in (near(asked, each) for each in printed))
