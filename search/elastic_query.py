"""A query as Elasticsearch understands it: one that finds every article that may satisfy it, and few others.

It owns the query language of Elasticsearch; it must not know requests or articles. What that language can't say, or only
with a limit on how many words a prefix may stand for, is left out, never guessed: ``search.matcher`` decides.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from search.elastic_mapping import LONGEST_WORD, micros
from search.tree import And, Node, Not, Or, Phrase, plain

Clause = dict[str, Any]


def candidates(tree: Node, since: dt.datetime | None, until: dt.datetime | None) -> Clause:
    """Raises ValueError for a tree that requires nothing, which ``search.query`` refuses."""
    found = _clause(plain(tree))
    if found is None:
        raise ValueError("the query requires nothing")
    bounds = {name: micros(moment) for name, moment in (("gte", since), ("lt", until)) if moment is not None}
    within = [{"range": {"copytaster.order": bounds}}] if bounds else []
    return {"bool": {"filter": [found, *within]}}


def _clause(node: Node) -> Clause | None:
    if isinstance(node, Phrase):
        return _phrase(node)
    if isinstance(node, Not):
        return None
    found = [(part, _clause(part)) for part in node.parts]
    wanted = [clause for _, clause in found if clause is not None]
    if isinstance(node, Or):
        return {"bool": {"should": _together(node.parts, wanted)}} if len(wanted) == len(found) else None
    return _all(node, wanted) if wanted else None


def _all(node: And, wanted: list[Clause]) -> Clause:
    excluded = [part.part for part in node.parts if isinstance(part, Not) and isinstance(part.part, Phrase)]
    exact = [phrase for phrase in excluded if _is_exact(phrase)]
    if not exact:
        return {"bool": {"filter": wanted}}
    return {"bool": {"filter": wanted, "must_not": _together(exact, [_phrase(phrase) for phrase in exact])}}


def _together(parts: Sequence[Node], clauses: Sequence[Clause]) -> list[Clause]:
    """Single words of one field in one clause: a query of a thousand words then has one, not a thousand."""
    words: dict[str, list[str]] = {}
    others: list[Clause] = []
    for part, clause in zip(parts, clauses, strict=True):
        if isinstance(part, Phrase) and _is_word(part):
            words.setdefault(_field(part), []).append(part.words[0])
        else:
            others.append(clause)
    return [*({"terms": {field: found}} for field, found in words.items()), *others]


def _is_word(phrase: Phrase) -> bool:
    return len(phrase.words) == 1 and not phrase.prefix and len(phrase.words[0]) < LONGEST_WORD // 2


def _is_exact(phrase: Phrase) -> bool:
    """Whether the clause finds no article without the phrase, so that it may exclude.

    A prefix in a phrase, and words in any order, are only asked for side by side; a long word was cut. Half of the longest
    is sure to be below it: it counts UTF-16 units, of which a character has two at the most.
    """
    loose = len(phrase.words) > 1 and (phrase.prefix or phrase.slop)
    return not loose and all(len(word) < LONGEST_WORD // 2 for word in phrase.words)


def _field(phrase: Phrase) -> str:
    return f"words.{phrase.field or 'body'}"


def _phrase(phrase: Phrase) -> Clause:
    """Words in normal form hold no blank, so each stays one word under the analyzer of the field."""
    field = _field(phrase)
    if phrase.slop and len(phrase.words) > 1:
        return _near(field, phrase)
    if not phrase.prefix:
        return _in_a_row(field, phrase.words)
    beginning = {"prefix": {field: _cut(phrase.words[-1])}}
    if len(phrase.words) == 1:
        return beginning
    # match_phrase_prefix looks at the first 50 words that begin so and misses the others.
    return {"bool": {"filter": [_in_a_row(field, phrase.words[:-1]), beginning]}}


def _in_a_row(field: str, words: Sequence[str]) -> Clause:
    return {"match_phrase": {field: " ".join(words)}}


def _near(field: str, phrase: Phrase) -> Clause:
    """Each word once, for there one word may stand for two of the phrase: what is left out counts as other words."""
    different = list(dict.fromkeys(phrase.words[:-1] if phrase.prefix else phrase.words))
    if phrase.prefix:
        together = [{"match_phrase": {field: word}} for word in different]
        return {"bool": {"filter": [*together, {"prefix": {field: _cut(phrase.words[-1])}}]}}
    if len(different) == 1:
        return _in_a_row(field, different)
    gaps = phrase.slop + len(phrase.words) - len(different)
    return {"intervals": {field: {"match": {"query": " ".join(different), "max_gaps": gaps, "ordered": False}}}}


def _cut(word: str) -> str:
    """As a longer word was cut when it was indexed; half the length is always within it."""
    return word[: LONGEST_WORD // 2]
