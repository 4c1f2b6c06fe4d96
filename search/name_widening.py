"""A query for the candidates of a search in other spellings: each of its names as well by words of the index that sound so.

It owns which printed words are asked for; it must not know how an engine holds them or asks. What the query then finds is
never less than what ``search.variants`` reads, and ``search.matcher`` decides.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from copytaster.watches import Level
from search.name_held import most_alone, most_left, needed
from search.name_index import in_normal_form, keys_of, ways
from search.name_keys import AS_ONE, looked_for_under
from search.name_near import FARTHEST, near
from search.name_parts import Name, Unit
from search.name_words import Word, word_of
from search.tree import And, Node, Not, Or, Phrase, plain, wanted
from search.variants import Words, can_vary, name_of, words_of

# Engines limit the clauses of a query, a small Elasticsearch to 1,024: a query of more names than this asks for each by one
# word of it, and what is read as one is asked for by its longest word where a query would have more of them than that.
MOST_NAMES = 80
MOST_ROWS = 150
# Which of the words that an index holds are under any of these keys; those in a row have a blank between.
LookUp = Callable[[Collection[str]], Iterable[str]]


def widened(tree: Node, level: Level, look_up: LookUp) -> Node:
    """The plain tree, in which each term that may be printed otherwise is that term or what may be a form of it."""
    whole = plain(tree)
    names = {words_of(phrase): phrase.words for phrase in wanted(whole) if can_vary(phrase, level)}
    if not names:
        return whole
    few = len(names) <= MOST_NAMES
    asked = {words: _Asked(words, max(plain_words, key=len), few=few) for words, plain_words in names.items()}
    held = _by_key(look_up({key for each in asked.values() for key in each.keys}))
    forms = {words: each.forms(held, rows=MOST_ROWS // len(asked) // 2) for words, each in asked.items()}
    return _widened(whole, level, forms)


def _widened(node: Node, level: Level, forms: Mapping[Words, "_Forms"]) -> Node:
    if isinstance(node, Not):
        return node
    if isinstance(node, Phrase):
        return forms[words_of(node)].tree(node) if can_vary(node, level) else node
    parts = tuple(_widened(part, level, forms) for part in node.parts)
    if isinstance(node, Or):  # an Or within an Or is the same as one, and engines have one clause for many words
        return Or(tuple(inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,))))
    return And(parts)


class _Asked:
    """What a name needs: a word near its anchor, and another one where that is not enough."""

    def __init__(self, words: Words, longest: str, *, few: bool) -> None:
        self.longest = longest  # of its words in normal form
        self.few = few
        name = name_of(words)
        self.alone = len(name.wanted) == 1
        anchors, others = needed(name)
        self.pairs = [(anchor, _beside(name, anchor, others) if few else []) for anchor in anchors]
        self.keys = {key for anchor, others in self.pairs for unit in (anchor, *others) for key in _keys(unit)}

    def forms(self, held: Mapping[str, Sequence[str]], *, rows: int) -> "_Forms":
        found: dict[tuple[Words, ...], set[str]] = {}
        for anchor, beside_it in self.pairs:
            anchors, others = _near([anchor], held, alone=self.alone), _near(beside_it, held)
            if anchors and (others or not beside_it):
                found.setdefault(tuple(_rows(others, rows)), set()).update(anchors)
        ways = [(_rows(anchors, rows), others) for others, anchors in found.items()]
        if self.few or not ways:
            return _Forms(ways)
        ((anchors_alone, _),) = ways
        return _Forms([([(self.longest,), *anchors_alone], ())], instead=True)


class _Forms(NamedTuple):
    """The ways to print a name: words that may be its anchor, and those of which one more is needed, if any is.

    ``instead``: the term itself is among them, so it need not be asked for.
    """

    ways: Sequence[tuple[Sequence[Words], Sequence[Words]]]
    instead: bool = False

    def tree(self, phrase: Phrase) -> Node:
        parts: list[Node] = [] if self.instead else [phrase]
        for anchors, others in self.ways:
            if others:
                parts.append(And((Or(_phrases(phrase, anchors)), Or(_phrases(phrase, others)))))
            else:
                parts += _phrases(phrase, anchors)
        return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _beside(name: Name, anchor: Unit, others: Sequence[Unit]) -> Sequence[Unit]:
    """The units one of which must be read beside this one of its anchors, as the stream asks; none where it is enough."""
    left = [number for number in range(len(name.wanted)) if number not in anchor.numbers]
    if not others or not left:
        return []
    if sum(name.wanted[number].kind != "initial" for number in left) <= most_left(len(name.wanted)):
        return others
    return [unit for unit in others if not {*unit.numbers} <= {*anchor.numbers}]


def _phrases(phrase: Phrase, rows: Iterable[Words]) -> tuple[Phrase, ...]:
    return tuple(replace(phrase, words=words, typed=" ".join(words)) for words in rows)


def _rows(texts: Iterable[str], most: int) -> list[Words]:
    """Single words first, in order, so that the same index is always asked the same."""
    found = list(dict.fromkeys(in_normal_form(text) for text in sorted(texts, key=lambda text: (text.count(" "), text))))
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
