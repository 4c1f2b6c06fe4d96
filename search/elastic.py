"""The search engine on Elasticsearch, of any number of nodes and processes, under the contract of ``search.engine``.

It owns the order in which indices, documents and pages are dealt with, and rebuilds beside the search that goes on; it
must not know the store. Every write asks the cluster anew which generations there are, after its articles were claimed:
so it goes to all that are, and one that is being filled misses nothing.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from copytaster.errors import Permanent, Transient
from copytaster.news import ArticleId, StoryId
from copytaster.watches import Level, WatchId
from search import elastic_spellings
from search.document import Document
from search.elastic_bulk import Ready, Told, can_be, ready, send, to_delete, to_index
from search.elastic_client import RETRY_SECONDS, Cluster
from search.elastic_indices import Indices, Layout, Wanted, month_of
from search.elastic_mapping import ARTICLES, moment_of
from search.elastic_pages import Candidate, Candidates, Place, cursor_of, read_cursor
from search.elastic_query import candidates
from search.elastic_spellings import Written
from search.elastic_state import State, form_is_old, state_of
from search.engine import Outcome, Result, Results
from search.mapping import IndexDocument
from search.matcher import Verifier
from search.name_widening import widened
from search.passages import passage
from search.query import Query

log = logging.getLogger("copytaster.search")
TRIES = 10  # each needs that a month or a generation came or went in the milliseconds since the last
Targets = Callable[[Layout], Sequence[tuple[str, int]]]  # alias and generation of each place a document goes to


class ElasticSearch:
    """The SearchEngine in an Elasticsearch cluster. Safe in threads and after a fork; nothing is asked before first use.

    ``url`` may name several nodes, parted by commas. ``index`` is the alias that is read; all indices are named after it.
    """

    def __init__(
        self, url: str, *, index: str = "articles", api_key: str = "", ca: str = "",
        timeout_seconds: float = 10.0, replicas: int = 1,
    ) -> None:  # fmt: skip
        self.cluster = Cluster(url, api_key=api_key, ca=ca, timeout_seconds=timeout_seconds)
        self.indices = Indices(self.cluster, index, replicas)
        self.alias = index
        self._spellings = Written()

    # -- the contract of search.engine -------------------------------------------------------------------------------

    def prepare(self) -> bool:
        """An index of an older form is left at work, with a warning: search goes on until somebody rebuilds it."""
        self.indices.put_template(if_allowed=True)
        self._ensure_this_month()
        if form_is_old(self.cluster, self.alias):
            log.warning("The search index was made by another release or Python and finds less: run `copytaster rebuild`.")
        self.refresh()
        with self.cluster.client() as client:
            return not client.count(index=self.alias, query=ARTICLES, terminate_after=1)["count"]

    def put(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        return self._put(documents, _everywhere)

    def delete(self, ids: Iterable[ArticleId]) -> int:
        """From every month of every generation: which one an article is in is not asked of whoever deletes it."""
        wanted = [article_id for article_id in dict.fromkeys(ids) if can_be(article_id)]
        deleted: set[str] = set()
        for _ in range(TRIES):
            layout = self.indices.layout()
            operations = [to_delete(article_id, index.name) for article_id in wanted for index in layout.live()]
            answers = send(self.cluster, operations)
            _raise_later(answers)
            deleted |= {op.id for op, told in zip(operations, answers, strict=True) if told.fate == "deleted"}
            if all(told.fate != "gone" for told in answers):
                return len(deleted)
        raise self._unsettled()

    def search(
        self,
        query: Query,
        *,
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        size: int = 20,
        cursor: str | None = None,
        level: Level = "exact",
        vetoes: Sequence[str] = (),
    ) -> Results:
        after = read_cursor(cursor) if cursor else None
        verifier = Verifier(query, level=level, vetoes=vetoes)
        tree = widened(query.tree, level, partial(elastic_spellings.under, self.cluster, self.alias))
        asked = candidates(tree, since, until)
        pages = Candidates(self.cluster, self.alias, asked, after, size + 1)
        found: list[Result] = []
        end: Place | None = None
        for candidate in pages:
            if (result := _result(candidate, verifier)) is None:
                continue
            if end is not None and len(found) == size:
                return Results(found, pages.total, cursor_of(end._replace(pit=candidate.place.pit)))
            found.append(result)
            end = candidate.place
        pages.close()
        return Results(found, pages.total)

    def refresh(self) -> None:
        with self.cluster.client() as client:
            client.indices.refresh(index=self.alias, ignore_unavailable=True)

    def clear(self) -> None:
        """A rebuild that is under way is given up, too."""
        self.indices.drop(self.indices.layout().indices)
        self._ensure_this_month()

    def close(self) -> None:
        self.cluster.close()

    # -- a rebuild beside the search, and retention -------------------------------------------------------------------

    def begin_rebuild(self) -> int:
        """Make an empty next generation, which from now on gets every ``put`` and ``delete`` as well; its number.

        What an earlier rebuild left unfinished is thrown away. Only one may be under way: whoever calls holds a lease.
        """
        return self.indices.begin(self.indices.layout(), _this_month())

    def put_into_building(self, documents: Sequence[IndexDocument]) -> list[Outcome]:
        """Fill it: like ``put``, but into the next generation alone. Raises Permanent where none is being built."""
        return self._put(documents, _into_building)

    def finish_rebuild(self) -> None:
        """In one step it takes over and the old generation is gone. Raises Permanent where none is being built."""
        layout = self.indices.layout()
        _into_building(layout)
        with self.cluster.client() as client:
            client.indices.refresh(index=layout.building_alias)  # so that not one search finds it half visible
        self.indices.swap(layout)

    def abandon_rebuild(self) -> None:
        """Throw away what was built; nothing happens where nothing was."""
        layout = self.indices.layout()
        self.indices.drop(index.name for index in layout.indices.values() if index.generation > layout.current)

    def forget_before(self, moment: dt.datetime) -> list[str]:
        """Drop every month that ended before this one; the names of the indices. The month we live in always stays."""
        self._ensure_this_month()
        first_kept = min(month_of(moment), _this_month())
        layout = self.indices.layout()
        return self.indices.drop(index.name for index in layout.indices.values() if index.month < first_kept)

    def ids(self, *, after: str = "", size: int = 1_000, building: bool = False) -> list[ArticleId]:
        """The ids that are there, in order, from the one that follows ``after``: of what was refreshed."""
        with self.cluster.client() as client:
            answer = client.search(
                index=f"{self.alias}-building" if building else self.alias, query=ARTICLES,
                sort=[{"copytaster.id": "asc"}], size=size, source=False, track_total_hits=False,
                search_after=[after], allow_partial_search_results=False,
            )  # fmt: skip
        return [ArticleId(hit["_id"]) for hit in answer["hits"]["hits"]]

    def versions(self, ids: Sequence[ArticleId]) -> dict[ArticleId, int]:
        """Of what was refreshed."""
        with self.cluster.client() as client:
            answer = client.search(
                index=self.alias, query={"ids": {"values": [*ids]}}, size=len(ids), version=True, source=False,
                track_total_hits=False, allow_partial_search_results=False,
            )  # fmt: skip
        return {ArticleId(hit["_id"]): hit["_version"] for hit in answer["hits"]["hits"]}

    def state(self) -> State:
        """How it is, for `copytaster check`."""
        return state_of(self.cluster, self.indices.layout())

    # -- how it is done ------------------------------------------------------------------------------------------------

    def _put(self, documents: Sequence[IndexDocument], targets: Targets) -> list[Outcome]:
        """A generation may end, or be begun, while we write: then all of it is written again, which changes nothing."""
        made = [ready(document) for document in documents]
        good = [each for each in made if isinstance(each, Ready)]
        for _ in range(TRIES):
            if (answers := self._written(good, targets)) is not None:
                _raise_later([told for each in answers for told in each])
                fates = iter(answers)
                return [
                    Outcome(document.id, "failed", each) if isinstance(each, str) else _outcome(document.id, next(fates))
                    for document, each in zip(documents, made, strict=True)
                ]
        raise self._unsettled()

    def _written(self, good: Sequence[Ready], targets: Targets) -> list[list[Told]] | None:
        """What became of each document in each of its places; None where the indices changed meanwhile."""
        layout = self.indices.layout()
        places = targets(layout)
        wanted = [[Wanted(alias, generation, each.month) for alias, generation in places] for each in good]
        if not self.indices.ensure(layout, {one for some in wanted for one in some}):
            return None
        spelled = self._write_spellings(layout, zip(good, wanted, strict=True))
        operations = [to_index(each, layout.name(one)) for each, some in zip(good, wanted, strict=True) for one in some]
        answers = send(self.cluster, operations)
        if any(told.fate == "gone" for told in (*spelled, *answers)):
            return None
        _raise_later(spelled)
        step = len(places)
        return [answers[start : start + step] for start in range(0, len(answers), step)]

    def _write_spellings(self, layout: Layout, placed: Iterable[tuple[Ready, Iterable[Wanted]]]) -> list[Told]:
        """Before the articles that have them, so that no article is found without its names."""
        wanted: dict[str, dict[str, str]] = {}
        for each, places in placed:
            for one in places:
                wanted.setdefault(layout.name(one), {}).update(each.spellings)
        return elastic_spellings.write(self.cluster, self._spellings, layout.uuids(wanted), wanted)

    def _ensure_this_month(self) -> None:
        """So that the alias is there, and a generation never loses its last index."""
        for _ in range(TRIES):
            layout = self.indices.layout()
            alias, generation = _current(layout)
            if self.indices.ensure(layout, {Wanted(alias, generation, _this_month())}):
                return
        raise self._unsettled()

    def _unsettled(self) -> Transient:
        sentence = f"The indices of {self.alias} are being changed by others; it is tried again."
        return Transient(sentence, retry_after=RETRY_SECONDS)


def _this_month() -> str:
    return month_of(dt.datetime.now(dt.UTC))


def _current(layout: Layout) -> tuple[str, int]:
    return layout.alias, layout.current or layout.newest + 1


def _everywhere(layout: Layout) -> list[tuple[str, int]]:
    """The current generation comes first: it says what became of a document."""
    building = [(layout.building_alias, layout.building)] if layout.building else []
    return [_current(layout), *building]


def _into_building(layout: Layout) -> list[tuple[str, int]]:
    if not layout.building:
        raise Permanent("No rebuild of the search index is under way: it was given up. Run `copytaster rebuild` again.")
    return [(layout.building_alias, layout.building)]


def _raise_later(answers: Iterable[Told]) -> None:
    """The gravest of what must wait, once everything else is done."""
    errors = [told.error for told in answers if told.error is not None]
    if errors:
        raise max(errors, key=lambda error: error.retry_after or 0 if isinstance(error, Transient) else float("inf"))


def _outcome(article_id: ArticleId, told: Sequence[Told]) -> Outcome:
    failed = next((each for each in told if each.fate == "failed"), None)
    if failed is not None:
        return Outcome(article_id, "failed", failed.reason)
    return Outcome(article_id, "newer" if told[0].fate == "newer" else "indexed")


def _result(candidate: Candidate, verifier: Verifier) -> Result | None:
    kept = candidate.source["copytaster"]
    document = Document(
        title=kept["title"],
        text=kept["text"],
        language=kept["language"],
        source=kept["source_line"],
        author=kept["author_line"],
    )
    hits = verifier.hits(document)
    if hits is None:
        return None
    return Result(
        id=ArticleId(candidate.place.id),
        story_id=StoryId(kept["story"]),
        url=candidate.source["url"]["full"],
        source=document.source,
        published=(kept.get("published") or {}).get("printed"),
        first_seen_at=moment_of(candidate.place.order),
        score=max((hit.score for hit in hits), default=1.0),
        title=passage(document.title, hits, field="title", width=len(document.title)),
        passage=passage(document.text, hits),
        hits=hits,
        watches=[WatchId(watch) for watch in kept["watches"]],
    )
