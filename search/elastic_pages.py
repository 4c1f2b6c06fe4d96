"""Search results page by page: the articles that may satisfy a query, newest first, and the place where a page ended.

It owns cursors and points in time; it must not know what satisfies a query, nor generations.

A first page is one request. Whoever asks for a second one gets a point in time, which then is in the cursor: pages go on
over what there was, also while indices change hands. One that has expired is replaced, for the order never changes.
"""

import base64
import binascii
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from elasticsearch import Elasticsearch

from copytaster.errors import CopytasterError, Rejected
from search.elastic_changing import GONE, while_indices_change
from search.elastic_client import Cluster

KEEP_ALIVE = "2m"
MOST_AT_ONCE = 1_000
_CHANGED = (400, *GONE)  # or a point in time that is malformed
_LARGEST = 2**63
_ORDER = [{"copytaster.order": "desc"}, {"copytaster.id": "desc"}]
_READ = ["url.full", *(f"copytaster.{name}" for name in (
    "title", "text", "language", "source_line", "author_line", "story", "watches", "published.printed"))]  # fmt: skip


class Place(NamedTuple):
    """An article's place in the order, and the point in time in which it was read, where there is one."""

    order: int
    id: str
    pit: str = ""


class Candidate(NamedTuple):
    place: Place
    source: Mapping[str, Any]


def cursor_of(place: Place) -> str:
    """Opaque for whoever gets it."""
    return base64.urlsafe_b64encode(f"{place.order} {place.pit} {place.id}".encode()).decode()


def read_cursor(cursor: str) -> Place:
    """Raises Rejected where it was not made by ``cursor_of``."""
    try:
        order, pit, article_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().split(" ", 2)
        return Place(_long(order), article_id, pit)
    except (binascii.Error, ValueError) as error:
        raise Rejected("cursor", "The cursor is not one that a search gave. Search again without it.") from error


def _long(digits: str) -> int:
    """Raises ValueError for what is none, or too large to be one in Java."""
    if abs(number := int(digits)) >= _LARGEST:
        raise ValueError(number)
    return number


class Candidates:
    """The articles that a query finds, from a place on; used once. ``total`` is known when the first was read."""

    def __init__(self, cluster: Cluster, alias: str, query: Mapping[str, Any], after: Place | None, size: int) -> None:
        self.cluster = cluster
        self.alias = alias
        self.query = query
        self.after = after
        self.size = min(max(size, 1), MOST_AT_ONCE)
        self.total = 0

    def __iter__(self) -> Iterator[Candidate]:
        while True:
            hits = self._read()
            for hit in hits:
                self.after = Place(hit["sort"][0], hit["sort"][1], self.after.pit if self.after else "")
                yield Candidate(self.after, hit["_source"])
            if len(hits) < self.size:
                return

    def close(self) -> None:
        """There is no further page, so the point in time is let go; if that fails, it expires."""
        if self.after is None or not self.after.pit:
            return
        with contextlib.suppress(CopytasterError), self.cluster.client() as client:
            client.close_point_in_time(id=self.after.pit)

    def _read(self) -> list[dict[str, Any]]:
        with self.cluster.client() as client:
            answer = self._answer(client)
        self.total = answer["hits"]["total"]["value"]
        if "pit_id" in answer and self.after is not None:
            self.after = self.after._replace(pit=answer["pit_id"])
        found: list[dict[str, Any]] = answer["hits"]["hits"]
        return found

    def _answer(self, client: Elasticsearch) -> Any:
        """The point in time may be no more, or the indices change hands while we search: a further look finds what is."""
        return while_indices_change(lambda: self._asked(client), statuses=_CHANGED, again=self._forget_point_in_time)

    def _forget_point_in_time(self) -> None:
        self.after = self.after and self.after._replace(pit="")

    def _asked(self, client: Elasticsearch) -> Any:
        where: dict[str, Any] = {"index": self.alias}
        if self.after is not None:
            pit = self.after.pit or client.open_point_in_time(index=self.alias, keep_alive=KEEP_ALIVE)["id"]
            where = {"pit": {"id": pit, "keep_alive": KEEP_ALIVE}, "search_after": self.after[:2]}
        return client.search(
            **where, query=self.query, sort=_ORDER, size=self.size, source_includes=_READ,
            track_total_hits=True, allow_partial_search_results=False,
        )  # fmt: skip
