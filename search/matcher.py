"""One article against every watch: all watches in memory, each under its rarest required words.

It owns which watches are looked at for an article; it must not know the store, deliveries or how a query is written.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from copytaster.watches import Hit, Level, WatchId
from search import hits, names
from search.anchors import COMMON, Rarity, anchor, beginning_keys, field_keys
from search.document import Document, Page
from search.query import Query
from search.tree import And, Node, Or, Phrase, plain, satisfied_by, wanted
from search.variants import Variant, Variants, Watched, can_vary, words_of

Varied = Mapping[Watched, Sequence[Variant]]


class Found(NamedTuple):
    """A watch that an article satisfies. ``hits`` may be empty: ``lang:fa`` is printed nowhere."""

    watch_id: WatchId
    hits: Sequence[Hit]


class _Held:
    """A watch ready to be matched. A slotted class, for 100,000 of them are held."""

    __slots__ = ("any_of", "id", "keys", "level", "needles", "order", "tree", "varying", "vetoes")

    def __init__(self, watch_id: WatchId, tree: Node, level: Level, vetoes: frozenset[str], order: int) -> None:
        self.id = watch_id
        self.tree = tree
        self.level: Level = level
        self.varying = {phrase: Watched(words_of(phrase), level) for phrase in wanted(tree) if can_vary(phrase, level)}
        self.vetoes = vetoes
        self.order = order
        self.keys: tuple[str, ...] = ()
        self.needles, self.any_of = _gate(tree)

    def names(self) -> Iterable[Watched]:
        """What it looks for in other spellings, each once."""
        return dict.fromkeys(self.varying.values())

    def may_be_satisfied(self, body: str) -> bool:
        """Cheap and never wrong when it says no: one search in a string turns most candidates away."""
        if self.any_of:
            return any(needle in body for needle in self.needles)
        for needle in self.needles:  # noqa: SIM110  all() needs a generator, which costs as much as three of these searches
            if needle not in body:
                return False
        return True

    def satisfied_by(self, page: Page, varied: Varied) -> Sequence[Phrase] | None:
        """The terms that satisfy it, None where it is not satisfied. What it excludes counts only as it is written."""
        if not self.may_be_satisfied(page.body) and varied.keys().isdisjoint(self.varying.values()):
            return None
        return satisfied_by(
            self.tree,
            lambda phrase: hits.fires(page, phrase, self.vetoes) or self._varies(page, phrase, varied),
            lambda phrase: hits.holds(page, phrase),
        )

    def _varies(self, page: Page, phrase: Phrase, varied: Varied) -> bool:
        return any(hits.fires_as(page, phrase, variant, self.vetoes) for variant in self.variants(phrase, varied))

    def variants(self, phrase: Phrase, varied: Varied) -> Sequence[Variant]:
        """Those of a term, at this watch's level."""
        watched = self.varying.get(phrase)
        return varied.get(watched, ()) if watched else ()

    def hits(self, page: Page, terms: Sequence[Phrase], varied: Varied) -> Sequence[Hit]:
        return hits.find(page, terms, self.vetoes, [(term, variant) for term in terms for variant in self.variants(term, varied)])


def _gate(tree: Node) -> tuple[tuple[str, ...], bool]:
    """Strings that must stand in a page's body for this plain tree to hold, and whether any one of them will do."""
    if isinstance(tree, Or) and all(map(_is_simple, tree.parts)):
        return tuple(part.needle for part in tree.parts if isinstance(part, Phrase)), True
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return tuple(part.needle for part in parts if isinstance(part, Phrase) and _is_simple(part)), False


def _is_simple(node: Node) -> bool:
    return isinstance(node, Phrase) and node.field is None and not node.slop


class Matcher:
    """Holds watches and finds those that an article satisfies; watches come and go at any time. Not for many threads."""

    def __init__(self) -> None:
        self._watches: dict[WatchId, _Held] = {}
        self._under: dict[str, list[_Held]] = {}
        self._beginnings: dict[int, int] = {}  # length of prefix keys to how many watches have one
        self._field_keys = 0
        self._rarity = Rarity()
        self._order = 0
        self._variants = Variants()
        self._varying: dict[Watched, list[_Held]] = {}

    def __len__(self) -> int:
        return len(self._watches)

    def add(
        self,
        watch_id: WatchId,
        query: Query,
        *,
        level: Level = "exact",
        aliases: Sequence[str] = (),
        vetoes: Sequence[str] = (),
    ) -> None:
        """Hold this watch, in the place of one with the same id.

        ``aliases`` are further forms that satisfy it as a whole; ``vetoes`` are printed forms that count as no hit.
        Raises QueryError where an alias has no letter or digit.
        """
        tree = plain(query.or_forms(aliases).tree)
        refused = frozenset(form for veto in vetoes if (form := names.normal(veto)))
        self.remove(watch_id)
        self._order += 1
        self._watches[watch_id] = held = _Held(watch_id, tree, level, refused, self._order)
        self._place(held)
        for watched in held.names():
            self._varying.setdefault(watched, []).append(held)
            self._variants.add(watched)

    def remove(self, watch_id: WatchId) -> None:
        """Forget this watch; nothing happens where it is not held."""
        if (held := self._watches.pop(watch_id, None)) is None:
            return
        self._displace(held)
        for watched in held.names():
            self._varying[watched].remove(held)
            if not self._varying[watched]:
                del self._varying[watched]
            self._variants.remove(watched)

    def match(self, document: Document) -> list[Found]:
        """The watches that this article satisfies, in the order they were added, with the places that did it."""
        page = Page(document)
        varied = self._variants.find(page.title, page.text)
        candidates = self._candidates(page)
        candidates.update(held for watched in varied for held in self._varying[watched])
        found = [
            (held, terms)
            for held in sorted(candidates, key=lambda held: held.order)
            if (terms := held.satisfied_by(page, varied)) is not None
        ]
        self._learn(page)
        return [Found(held.id, held.hits(page, terms, varied)) for held, terms in found]

    def _candidates(self, page: Page) -> set[_Held]:
        under = self._under
        found = {held for key in filter(under.__contains__, page.distinct) for held in under[key]}
        for key in self._rarer_keys(page):
            found.update(under.get(key, ()))
        return found

    def _rarer_keys(self, page: Page) -> Iterator[str]:
        if self._field_keys:
            yield from field_keys(page)
        if self._beginnings:
            yield from beginning_keys(page.distinct, self._beginnings)

    def _learn(self, page: Page) -> None:
        """Find other words for the watches under those that turned out to be common."""
        if not self._rarity.learn(page.distinct):
            return
        common = [key for key in self._under if self._rarity.shares.get(key, 0) > COMMON]
        for held in {held for key in common for held in self._under[key]}:
            self._displace(held)
            self._place(held)

    def _place(self, held: _Held) -> None:
        chosen = anchor(held.tree, self._rarity)
        if chosen is None:
            raise ValueError(f"the query of watch {held.id} requires nothing")  # search.query refuses such
        held.keys = chosen.keys
        for key in held.keys:
            self._under.setdefault(key, []).append(held)
            self._count(key, 1)

    def _displace(self, held: _Held) -> None:
        for key in held.keys:
            self._under[key].remove(held)
            if not self._under[key]:
                del self._under[key]
            self._count(key, -1)

    def _count(self, key: str, more: int) -> None:
        if ":" in key:
            self._field_keys += more
        elif key[-1] == "*":
            size = len(key) - 1
            self._beginnings[size] = self._beginnings.get(size, 0) + more
            if not self._beginnings[size]:
                del self._beginnings[size]


class Verifier:
    """One query, as engines verify and explain what they found; it is kept for all candidates of a search."""

    def __init__(self, query: Query, *, level: Level = "exact", vetoes: Sequence[str] = ()) -> None:
        self._held = _Held(WatchId(""), plain(query.tree), level, frozenset(map(names.normal, vetoes)), 0)
        self._variants = Variants()
        for watched in self._held.names():
            self._variants.add(watched)

    def hits(self, document: Document) -> Sequence[Hit] | None:
        """Of an article that satisfies it; None where it does not."""
        page = Page(document)
        varied = self._variants.find(page.title, page.text)
        terms = self._held.satisfied_by(page, varied)
        return None if terms is None else self._held.hits(page, terms, varied)
