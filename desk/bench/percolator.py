"""The peer of ``bench match``: a real percolator of Elasticsearch, given the same watches and the same articles over HTTP.

It owns how queries and articles are written for it and how it is asked to its best advantage; it must not know our matcher.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle
from typing import Any, NamedTuple, Self

import httpx

from copytaster.errors import Permanent, Rejected, Transient
from desk.bench.listening import cpu_seconds, server_of
from search import mapping
from search.document import Document
from search.elastic_query import Clause, candidates
from search.query import Query

BATCHES = (1, 16, 64, 256)  # articles a request that are tried
CLIENTS = os.cpu_count() or 1  # requests at once: enough to keep every core of its busy
WARM_SECONDS = 8.0  # its code is compiled while it runs
TRY_SECONDS = 3.0
MEASURE_SECONDS = 20.0  # an index of many watches must not take the whole morning
ADDED_AT_ONCE = 5_000
_WORDS = {"type": "text", "analyzer": "whitespace", "norms": False}
# Replicas, refreshes and merges while it is asked would cost it time; one shard, for requests at once fill the cores with less
# work than parts of one request do.
_INDEX = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", "max_result_window": 1_000_000},
    "mappings": {
        "dynamic": False,
        "properties": {
            "query": {"type": "percolator"},
            "words": {
                "properties": {
                    **dict.fromkeys(("title", "source", "author", "lang"), _WORDS),
                    "body": {**_WORDS, "position_increment_gap": 2_000},  # as in our own index: title and text in one
                }
            },
        },
    },
}


class Rate(NamedTuple):
    """Articles a second by the clock, and by the CPU time of the server's process where that can be seen."""

    wall: float
    cpu: float | None


class _Request(NamedTuple):
    first: int  # article, counted in its corpus
    size: int
    body: str


@dataclass(frozen=True, slots=True)
class Measured:
    """``found``: the numbers of the queries that an article satisfies, by the article's, for as many as there was time for."""

    version: str
    batch: int
    best: Rate
    one_by_one: Rate
    found: dict[int, set[int]]
    add_seconds: float


def as_written(query: Query) -> Clause:
    return candidates(query.tree, None, None)


def misspelled(query: Query) -> Clause:
    """The words of its one phrase in a row, each as far from the printed one as ``fuzziness: AUTO`` allows: two letters where
    it has more than five, one where it has more than two. As quick there as a ``match`` of all words anywhere, and nearer to
    what a watch means; ``match_phrase`` has no fuzziness.
    """
    (phrase,) = query.terms
    fuzzy = [{"span_multi": {"match": {"fuzzy": {"words.body": {"value": word, "fuzziness": "AUTO"}}}}} for word in phrase.words]
    return fuzzy[0] if len(fuzzy) == 1 else {"span_near": {"clauses": fuzzy, "slop": 0, "in_order": True}}


class Percolator:
    """``with Percolator(url, queries) as it``: an index of its own holds the queries, and goes at the end."""

    def __init__(
        self,
        url: str,
        queries: Sequence[Query],
        *,
        asked: Callable[[Query], Clause] = as_written,
        seconds_to_answer: float = 120.0,
    ) -> None:
        try:
            self._client = httpx.Client(base_url=url, timeout=seconds_to_answer, trust_env=False)
        except httpx.InvalidURL as error:
            raise Rejected("bad_url", f"{url} is no URL ({error}); --percolator takes http://host:9200.") from error
        self._queries = queries
        self._written = asked
        self._fields = sorted({phrase.field or "body" for query in queries for phrase in query.terms})
        self._index = f"copytaster-bench-{secrets.token_hex(4)}"
        self._server = server_of(url)
        self._version = ""
        self._add_seconds = 0.0

    def __enter__(self) -> Self:
        self._version = self._asked("GET", "/")["version"]["number"]
        self._asked("PUT", f"/{self._index}", _INDEX)
        try:
            began = time.perf_counter()
            self._add()
            self._add_seconds = time.perf_counter() - began
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._asked("DELETE", f"/{self._index}")
        self._client.close()

    def found(self, documents: Sequence[Document]) -> dict[int, set[int]]:
        """The numbers of the queries that each satisfies."""
        (request,) = _requests([self._article(each) for each in documents], len(documents))
        return self._matches(request)

    def measure(self, warming: Sequence[Document], corpus: Sequence[Document]) -> Measured:
        """Its quickest batch is looked for on ``warming``. Words are in normal form before the clock starts: of what ours
        does with a text, only parting it at blanks is left for it.
        """
        warm, asked = [self._article(each) for each in warming], [self._article(each) for each in corpus]
        self._percolated(cycle(_requests(warm, BATCHES[-1])), WARM_SECONDS)
        tried = {batch: self._percolated(cycle(_requests(warm, batch)), TRY_SECONDS)[1] for batch in BATCHES}
        batch = max(tried, key=lambda size: tried[size].wall)
        found, best = self._percolated(_requests(asked, batch), MEASURE_SECONDS)
        _, one_by_one = self._percolated(_requests(asked, 1), MEASURE_SECONDS)
        return Measured(self._version, batch, best, one_by_one, found, self._add_seconds)

    def _add(self) -> None:
        for first in range(0, len(self._queries), ADDED_AT_ONCE):
            lines: list[str] = []
            for number, query in enumerate(self._queries[first : first + ADDED_AT_ONCE], first):
                lines += [json.dumps({"index": {"_id": str(number)}}), json.dumps({"query": self._written(query)})]
            answer = self._asked("POST", f"/{self._index}/_bulk?filter_path=errors,items.*.error", "\n".join(lines) + "\n")
            if answer["errors"]:
                raise Permanent(f"The percolator did not take every query: {json.dumps(answer['items'])[:300]}")
        self._asked("POST", f"/{self._index}/_forcemerge?max_num_segments=1")
        self._asked("POST", f"/{self._index}/_refresh")

    def _article(self, document: Document) -> dict[str, Any]:
        """Only what some query looks into."""
        words = mapping.word_fields(document)
        fields = {**words, "body": [words["title"], words["text"]]}
        return {"words": {field: fields[field] for field in self._fields}}

    def _percolated(self, requests: Iterable[_Request], seconds: float) -> tuple[dict[int, set[int]], Rate]:
        """Until all are answered or the time is up."""
        waiting, lock = iter(requests), threading.Lock()
        found: dict[int, set[int]] = {}
        done: list[int] = []

        def client() -> None:
            while time.perf_counter() < until:
                with lock:
                    request = next(waiting, None)
                if request is None:
                    return
                found.update(self._matches(request))
                done.append(request.size)

        began, used = time.perf_counter(), self._used()
        until = began + seconds
        with ThreadPoolExecutor(CLIENTS) as pool:
            for each in [pool.submit(client) for _ in range(CLIENTS)]:
                each.result()
        took = time.perf_counter() - began
        return found, Rate(sum(done) / took, sum(done) / (self._used() - used) if self._server else None)

    def _matches(self, request: _Request) -> dict[int, set[int]]:
        answer = self._asked("POST", f"/{self._index}/_search?filter_path=timed_out,hits.hits._id,hits.hits.fields", request.body)
        found: dict[int, set[int]] = {request.first + slot: set() for slot in range(request.size)}
        for hit in answer.get("hits", {}).get("hits", ()):
            for slot in hit["fields"]["_percolator_document_slot"]:
                found[request.first + slot].add(int(hit["_id"]))
        return found

    def _used(self) -> float:
        return cpu_seconds(self._server) if self._server else 0.0

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        content = body if body is None or isinstance(body, str) else json.dumps(body)
        try:
            answer = self._client.request(method, path, content=content, headers={"content-type": _type_of(path)})
        except httpx.HTTPError as error:
            raise Transient(f"No percolator answers at {self._client.base_url.host} ({error}): start one.") from error
        if answer.is_error:
            raise Permanent(f"The percolator refuses {method} {path} ({answer.status_code}): {answer.text[:300]}")
        return answer.json()


def _type_of(path: str) -> str:
    return "application/x-ndjson" if "/_bulk" in path else "application/json"


def _requests(articles: Sequence[dict[str, Any]], batch: int) -> list[_Request]:
    """Written before the clock starts. Without scores, and without the queries in the answer."""
    found = []
    for first in range(0, len(articles), batch):
        documents = articles[first : first + batch]
        percolate = {"percolate": {"field": "query", "documents": documents}}
        asked = {"size": 1_000_000, "_source": False, "query": {"constant_score": {"filter": percolate}}}
        found.append(_Request(first, len(documents), json.dumps(asked)))
    return found
