"""A query as FTS5 understands it: an expression that finds every article that may satisfy it, and few others.

It owns FTS5's syntax; it must not know tables or articles. What FTS5 can't say is left out, never guessed.
"""

from search.mapping import DEFAULT_FIELDS
from search.tree import And, Node, Not, Or, Phrase, plain


def expression(tree: Node) -> str:
    """Raises ValueError for a tree that requires nothing, which ``search.query`` refuses."""
    found = _expression(plain(tree))
    if found is None:
        raise ValueError("the query requires nothing")
    return found


def _expression(node: Node) -> str | None:
    if isinstance(node, Phrase):
        return _phrase(node)
    if isinstance(node, Not):
        return None
    found = [_expression(part) for part in node.parts]
    wanted = [part for part in found if part is not None]
    if isinstance(node, Or):
        return f"({' OR '.join(wanted)})" if len(wanted) == len(found) else None
    return _excluding(wanted, node) if wanted else None


def _excluding(wanted: list[str], node: And) -> str:
    """NOT is binary in FTS5. Only terms that it decides exactly are excluded, for it would drop too many otherwise."""
    excluded = [
        _phrase(part.part)
        for part in node.parts
        if isinstance(part, Not) and isinstance(part.part, Phrase) and _is_exact(part.part)
    ]
    joined = " AND ".join(wanted)
    return f"(({joined}) NOT ({' OR '.join(excluded)}))" if excluded else f"({joined})"


def _is_exact(phrase: Phrase) -> bool:
    """NEAR lets one word stand for two of the phrase; ours does not."""
    return not phrase.slop or (len(set(phrase.words)) == len(phrase.words) and not phrase.prefix)


def _phrase(phrase: Phrase) -> str:
    """Words in normal form are letters, digits and marks, so nothing in the quotes needs escaping."""
    fields = " ".join((phrase.field,) if phrase.field else DEFAULT_FIELDS)
    star = " *" if phrase.prefix else ""
    if phrase.slop and len(phrase.words) > 1:
        words = " ".join(f'"{word}"' for word in phrase.words)
        # NEAR counts what lies between the first and the last word, the other words of the phrase included.
        return f"{{{fields}}} : NEAR({words}{star}, {phrase.slop + len(phrase.words) - 2})"
    return f'{{{fields}}} : "{" ".join(phrase.words)}"{star}'
