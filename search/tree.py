"""What a watch or search asks for, as a small frozen tree: And, Or and Not over Phrases, and what each means.

It owns the meaning of the watch language; it must not know how it is written, nor how words are looked up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Literal

Field = Literal["title", "source", "lang", "author"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """One term: a word or several in a row, in normal form.

    ``field`` None means title or text. With ``slop`` the words may stand in any order with at most that many other words
    between the first and the last of them. ``prefix``: the last word is only the beginning of one. ``exact`` (``=``)
    turns name variants off for this term. ``position`` counts characters of the query from 1.
    """

    words: tuple[str, ...]
    typed: str
    field: Field | None = None
    slop: int = 0
    prefix: bool = False
    exact: bool = False
    position: int = attribute(default=0, compare=False)
    needle: str = attribute(init=False, compare=False, repr=False)  # what stands in " all words of a field "

    def __post_init__(self) -> None:
        object.__setattr__(self, "needle", f" {' '.join(self.words)}{'' if self.prefix else ' '}")

    @property
    def term(self) -> str:
        """As typed, for people."""
        return f"{self.typed}*" if self.prefix else self.typed

    def __str__(self) -> str:
        quoted = self.term if _is_bare(self) else f'"{self.term}"'
        return f"{self.field + ':' if self.field else ''}{'=' if self.exact else ''}{quoted}{_slop(self)}"


def _is_bare(phrase: Phrase) -> bool:
    return phrase.typed.isalnum() and phrase.typed not in {"AND", "OR", "NOT"} and not phrase.slop


def _slop(phrase: Phrase) -> str:
    return f"~{phrase.slop}" if phrase.slop else ""


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " AND ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))  # AND binds closer

    def grouped(self) -> str:
        """With the parentheses that are meant, for people."""
        return " OR ".join(f"({part})" if isinstance(part, And) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"

    def __str__(self) -> str:
        return f"NOT ({self.part})" if isinstance(self.part, And | Or) else f"NOT {self.part}"


Node = Phrase | And | Or | Not
Holds = Callable[[Phrase], bool]


def phrases(node: Node) -> Iterator[Phrase]:
    """All terms from left to right, excluded ones too."""
    if isinstance(node, Phrase):
        yield node
    elif isinstance(node, Not):
        yield from phrases(node.part)
    else:
        for part in node.parts:
            yield from phrases(part)


def wanted(node: Node) -> Iterator[Phrase]:
    """The terms of a plain tree that are not excluded, from left to right."""
    if isinstance(node, Phrase):
        yield node
    elif not isinstance(node, Not):
        for part in node.parts:
            yield from wanted(part)


def evaluate(node: Node, holds: Holds) -> bool:
    """Whether a document satisfies the tree, given which terms it holds."""
    if isinstance(node, Phrase):
        return holds(node)
    if isinstance(node, Not):
        return not evaluate(node.part, holds)
    decide = all if isinstance(node, And) else any
    return decide(evaluate(part, holds) for part in node.parts)


def only_excludes(node: Node) -> bool:
    """Whether some document without a single one of the terms would satisfy it."""
    return evaluate(node, lambda _: False)


def plain(node: Node, *, negated: bool = False) -> Node:
    """The same meaning with Not on single terms alone, so that what is required can be read off the tree."""
    if isinstance(node, Phrase):
        return Not(node) if negated else node
    if isinstance(node, Not):
        return plain(node.part, negated=not negated)
    parts = tuple(plain(part, negated=negated) for part in node.parts)
    return And(parts) if isinstance(node, And) is not negated else Or(parts)


def satisfied_by(node: Node, fires: Holds, holds: Holds) -> list[Phrase] | None:
    """The terms that satisfy a plain tree, from left to right; None where it is not satisfied.

    ``fires`` says whether a wanted term holds, vetoes considered; ``holds`` is asked for excluded terms, where a veto
    must not let an article through that the query excludes.
    """
    if isinstance(node, Phrase):
        return [node] if fires(node) else None
    if isinstance(node, Not):
        return None if evaluate(node.part, holds) else []
    found = [satisfied_by(part, fires, holds) for part in node.parts]
    if isinstance(node, And) and None in found:
        return None
    true = [terms for terms in found if terms is not None]
    return [term for terms in true for term in terms] if true else None
