"""The watch language: the text of a query to a tree, with hints, and errors that name the position and a repair.

It owns how a query is written; it must not know articles, watches or engines. The grammar, loosest first:
``any := all (OR all)*``, ``all := one (AND? one)*``, ``one := NOT one | field: one | ( any ) | =? term``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from copytaster.text import by_character
from search import names
from search.lexer import QueryError, Token, short, tokens
from search.tree import And, Field, Node, Not, Or, Phrase, only_excludes, phrases

__all__ = ["Query", "QueryError", "literal", "parse"]

MOST_WORDS = 1_000
MOST_DEPTH = 20
MOST_SLOP = 100
SHORTEST_PREFIX = 2


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was read. ``hints`` are sentences for whoever wrote it; it works without heeding them."""

    tree: Node
    hints: tuple[str, ...] = ()

    @property
    def terms(self) -> tuple[Phrase, ...]:
        return tuple(phrases(self.tree))

    def __str__(self) -> str:
        return str(self.tree)

    def or_forms(self, forms: Sequence[str]) -> "Query":
        """The same query, satisfied as well by any of these forms, which are plain text (a watch's aliases)."""
        if not forms:
            return self
        return replace(self, tree=Or((self.tree, *(literal(form) for form in forms))))


def literal(form: str) -> Phrase:
    """A phrase from plain text, in which nothing is syntax. Raises QueryError where it has no letter or digit."""
    return Phrase(_words(form, 1), _unquoted(form))


def parse(query: str) -> Query:
    """The tree and hints of a query. Raises QueryError."""
    return _Parser(query).whole()


def _words(typed: str, position: int) -> tuple[str, ...]:
    found = tuple(names.normal(typed).split())
    if not found:
        raise QueryError(position, f"{short(typed)} has no letters or digits, so it can never be found. Remove it.")
    return found


def _unquoted(typed: str) -> str:
    """Without straight quotes and with single blanks, so that it can be printed between quotes and read again."""
    return " ".join(typed.replace('"', " ").split())


class _Parser:
    """Recursive descent over the tokens; used once."""

    def __init__(self, query: str) -> None:
        self.tokens = tokens(query)
        self.end = len(query) + 1
        self.next = 0
        self.depth = 0
        self.word_count = 0
        self.hints: list[str] = []

    def whole(self) -> Query:
        if not self.tokens:
            raise QueryError(1, 'the query is empty. Write a word or "a phrase".')
        tree = self.any(None)
        if (token := self.peek()) is not None:  # any() stops at nothing else
            raise QueryError(token.position, "this ) closes nothing. Remove it, or put a ( before.")
        if only_excludes(tree):
            raise QueryError(
                self.tokens[0].position,
                "the query only excludes, so nearly every article would match. Say what must be there too: wanted NOT unwanted.",
            )
        return Query(tree, tuple(dict.fromkeys(self.hints)))

    def peek(self) -> Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def taken(self, kind: str) -> Token | None:
        token = self.peek()
        if token is None or token.kind != kind:
            return None
        self.next += 1
        if token.hint:
            self.hints.append(token.hint)
        return token

    def any(self, field: Field | None) -> Node:
        parts = [self.all(field)]
        while self.taken("or"):
            parts.append(self.all(field))
        if len(parts) > 1 and any(isinstance(part, And) for part in parts):
            self.hints.append(f"AND binds closer than OR: this is read as {short(Or(tuple(parts)).grouped())}.")
        return parts[0] if len(parts) == 1 else Or(_flat(Or, parts))

    def all(self, field: Field | None) -> Node:
        parts = [self.one(field)]
        while (token := self.peek()) is not None and token.kind not in {"or", "close"}:
            if self.taken("and") is None:
                self.note_neighbours(token)
            parts.append(self.one(field))
        return parts[0] if len(parts) == 1 else And(_flat(And, parts))

    def one(self, field: Field | None) -> Node:
        token = self.peek()
        if token is None or token.kind in {"and", "or", "close"}:
            raise self.missing(token)
        if self.taken("not"):
            return Not(self.nested(token, field))
        if self.taken("field"):
            return self.in_field(token, field)
        if self.taken("open"):
            return self.in_parentheses(token, field)
        return self.term(field)

    def missing(self, token: Token | None) -> QueryError:
        before = self.tokens[self.next - 1] if self.next else None
        if token is None:
            said = before.text.strip() if before else ""
            return QueryError(self.end, f"something must follow {short(said)}. Add a word after it, or remove it.")
        if token.kind == "close" and before is not None and before.kind == "open":
            return QueryError(before.position, "there is nothing between ( and ). Write a word there, or remove them.")
        return QueryError(token.position, f"{token.text} needs a word before it. Add one, or remove {token.text}.")

    def nested(self, token: Token, field: Field | None) -> Node:
        self.deeper(token)
        node = self.one(field)
        self.depth -= 1
        return node

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise QueryError(token.position, f"this is nested deeper than {MOST_DEPTH}. Use fewer parentheses and NOTs.")

    def in_field(self, token: Token, outer: Field | None) -> Node:
        name = token.field
        if outer is not None and outer != name:
            raise QueryError(token.position, f"{name}: stands inside {outer}:. Close the parenthesis before it.")
        return self.nested(token, name)

    def in_parentheses(self, token: Token, field: Field | None) -> Node:
        self.deeper(token)
        node = self.any(field)
        if self.taken("close") is None:
            raise QueryError(token.position, "this ( is never closed. Add a ) at the end of the group.")
        self.depth -= 1
        return node

    def term(self, field: Field | None) -> Phrase:
        exact = self.taken("exact") is not None
        token = self.taken("word") or self.taken("quoted")
        if token is None:
            raise QueryError(self.tokens[self.next - 1].position, '= needs a word or "a phrase" right after it. Add one.')
        if token.prefix and not token.text.strip():
            raise QueryError(token.position, "* alone would match every article. Write the beginning of a word before it.")
        found = _words(token.text, token.position)
        self.word_count += len(found)
        if self.word_count > MOST_WORDS:
            raise QueryError(token.position, f"a query has at most {MOST_WORDS:,} words. Split it in two watches.")
        return Phrase(
            found,
            _unquoted(token.text),
            field,
            slop=_slop(token),
            prefix=self.is_prefix(token, found[-1]),
            exact=exact,
            position=token.position,
        )

    def is_prefix(self, token: Token, last: str) -> bool:
        if not token.prefix:
            return False
        if by_character(last[0]):
            self.hints.append(f"The * after {short(token.text)} is not needed: this script is read by character.")
            return False
        if len(last) < SHORTEST_PREFIX:
            raise QueryError(token.position, f"{short(last + '*')} begins too many words. Write two letters or more before *.")
        return True

    def note_neighbours(self, token: Token) -> None:
        """A hint where two words side by side look like a name: both without a small first letter."""
        before = self.tokens[self.next - 1]
        if not (before.kind == token.kind == "word"):
            return
        if all(word.text[:1].isalpha() and not word.text[0].islower() for word in (before, token)):
            self.hints.append(
                f"{before.text} and {token.text} may stand anywhere in the article. "
                f'If they belong together, write "{before.text} {token.text}{"*" if token.prefix else ""}".'
            )


def _flat(kind: type[And] | type[Or], parts: Sequence[Node]) -> tuple[Node, ...]:
    """``a AND (b AND c)`` is ``a AND b AND c``: one level less to evaluate, and one way to print it."""
    nested = [part.parts if isinstance(part, kind) else (part,) for part in parts]
    return tuple(node for group in nested for node in group)


def _slop(token: Token) -> int:
    if token.slop is None:
        return 0
    if not token.slop.isdecimal() or not 0 < int(token.slop) <= MOST_SLOP:
        raise QueryError(token.position, f'after ~ stands how many words may come between, 1 to {MOST_SLOP}: "a b"~5.')
    return int(token.slop)
