"""What articles call a watched name: its spellings, and acronyms, other scripts and other names that stand beside it.

It owns what is suggested, how often it was seen and at which level it counts by itself; it must not know where articles
come from, nor how a name was found in them. Articles are given to it one by one; the first that has a form gives its sample.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from copytaster.watches import LEVELS, Hit, Level
from search import names
from search.beside import beside
from search.beside_named import script_in
from search.document import Document
from search.hits import overlap
from search.name_scorer import SCORER
from search.passages import Passage, passage
from search.query import Query
from search.tree import plain, wanted
from search.variants import is_name

Kind = Literal["spelling", "acronym", "script", "known as"]
SAMPLE_WIDTH = 160
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they part words as a blank does
_ROUNDING = 0.0005  # hits have scores of three places


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """``form`` as it is printed most often; ``term`` is the name that it is of, as typed. ``level`` is the first at which
    it counts without being an alias, None where it counts at none.
    """

    form: str
    kind: Kind
    term: str
    articles: int
    level: Level | None
    sample: Passage
    url: str

    def counts(self, level: Level) -> bool:
        return self.level is not None and LEVELS.index(self.level) <= LEVELS.index(level)


class Gathering:
    """The suggestions for one query, aliases among its terms, while articles are read.

    ``vetoes``: printed forms that are refused already.
    """

    def __init__(self, query: Query, *, vetoes: Sequence[str] = ()) -> None:
        self._names = {phrase.term: phrase for phrase in wanted(plain(query.tree)) if is_name(phrase)}
        self._known = {" ".join(phrase.words) for phrase in self._names.values()} | {names.normal(veto) for veto in vetoes}
        self._spelled: dict[tuple[str, str], _Seen] = {}
        self._beside: dict[tuple[str, str], _Seen] = {}

    @property
    def has_names(self) -> bool:
        """Whether there is anything that may have other forms."""
        return bool(self._names)

    def read(self, document: Document, hits: Sequence[Hit], url: str) -> None:
        """Take in what this article, each of which is given once, calls the names: ``hits`` are the query's, at ``wide``.

        A hit of an earlier revision, whose words do not stand there any more, is left out.
        """
        article = _Article(document, url)
        own = [hit for hit in hits if hit.term in self._names and article.has(hit)]
        for hit in own:
            article.see(self._spelled, hit, level=_level(hit), kind=self._kind(hit))
        for hit, kind in self._other_names(article, own):
            article.see(self._beside, hit, level=None, kind=kind)
        article.count()

    def _kind(self, hit: Hit) -> Kind:
        printed, term = script_in(hit.printed), script_in(" ".join(self._names[hit.term].words))
        return "script" if printed and term and printed != term else "spelling"

    def _other_names(self, article: "_Article", hits: Sequence[Hit]) -> Iterator[tuple[Hit, Kind]]:
        for hit in hits:
            text = article.texts[hit.field]
            for start, end, kind in beside(text, hit.start, hit.end, self._names[hit.term].words, hit.term):
                form = Hit(hit.field, start, end, text[start:end], hit.term)
                if not any(overlap(form, other) for other in hits) and names.normal(form.printed) not in self._known:
                    yield form, kind

    def found(self) -> list[Suggestion]:
        """The most frequent first. The name as it was typed is among them, where it was seen so."""
        spelled = {form for _, form in self._spelled}
        others = {key: seen for key, seen in self._beside.items() if key[1] not in spelled}
        made = [seen.suggestion(term) for (term, _), seen in [*self._spelled.items(), *others.items()]]
        return sorted(made, key=lambda each: (-each.articles, each.form))


def _level(hit: Hit) -> Level:
    if hit.kind != "variant":
        return "exact"
    return "strict" if hit.score + _ROUNDING >= SCORER.least("strict") else "wide"


class _Seen:
    """One form: all that is kept of it."""

    __slots__ = ("articles", "kinds", "levels", "printed", "sample", "url")

    def __init__(self, sample: Passage, url: str) -> None:
        self.sample, self.url = sample, url
        self.articles = 0
        self.printed: Counter[str] = Counter()
        self.kinds: Counter[Kind] = Counter()
        self.levels: Counter[Level | None] = Counter()  # the same form may be read as less likely in another sentence

    def suggestion(self, term: str) -> Suggestion:
        return Suggestion(
            form=" ".join(_UNSEEN.sub(" ", self.printed.most_common(1)[0][0]).split()),
            kind=self.kinds.most_common(1)[0][0],
            term=term,
            articles=self.articles,
            level=self.levels.most_common(1)[0][0],
            sample=self.sample,
            url=self.url,
        )


class _Article:
    """One article while its forms are gathered: each counts once."""

    def __init__(self, document: Document, url: str) -> None:
        self.texts = {"title": document.title, "text": document.text}
        self._url = url
        self._seen: dict[int, _Seen] = {}

    def has(self, hit: Hit) -> bool:
        return hit.field in self.texts and self.texts[hit.field][hit.start : hit.end] == hit.printed

    def see(self, forms: dict[tuple[str, str], _Seen], hit: Hit, *, level: Level | None, kind: Kind) -> None:
        key = (hit.term, names.normal(hit.printed))
        if (seen := forms.get(key)) is None:
            forms[key] = seen = _Seen(self._sample(hit), self._url)
        seen.printed[hit.printed] += 1
        seen.kinds[kind] += 1
        seen.levels[level] += 1
        self._seen[id(seen)] = seen

    def _sample(self, hit: Hit) -> Passage:
        text = self.texts[hit.field]
        return passage(text, [hit], width=len(text) if hit.field == "title" else SAMPLE_WIDTH, field=hit.field)

    def count(self) -> None:
        for seen in self._seen.values():
            seen.articles += 1
