"""The printed words of names in Elasticsearch: beside the articles of a month, a small document for each spelling.

It owns these documents and how they are asked for; it must not know articles, generations or queries. A spelling's id is
``·`` and the spelling. It has its keys and nothing else, no time either, so nobody sees it in Kibana; it goes with its month.
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from elasticsearch import Elasticsearch

from search.elastic_bulk import Operation, Told, send_new, to_create
from search.elastic_changing import while_indices_change
from search.elastic_client import Cluster
from search.elastic_mapping import as_words

log = logging.getLogger("copytaster.search")
MOST_KEYS = 20_000  # in one request; Elasticsearch takes 65,536
MOST_AT_ONCE = 10_000
MOST_REMEMBERED = 500_000  # spellings, of all indices
_SIGN = "·"


class Written:
    """The spellings that an index is known to hold, by its uuid: one that is made anew under the same name has none."""

    def __init__(self) -> None:
        self._held: dict[str, set[str]] = {}

    def missing(self, uuid: str, spelled: Iterable[str]) -> list[str]:
        held = self._held.get(uuid, ())
        return [each for each in spelled if each not in held]

    def note(self, uuid: str, spelled: Collection[str]) -> None:
        if not uuid:
            return
        if sum(map(len, self._held.values())) + len(spelled) > MOST_REMEMBERED:
            self._held = {}
        self._held.setdefault(uuid, set()).update(spelled)


def write(cluster: Cluster, written: Written, indices: Mapping[str, str], wanted: Mapping[str, Mapping[str, str]]) -> list[Told]:
    """Put into each index what it lacks of its wanted spellings, each with its keys. ``indices`` has the uuid of each name, or
    "" where it is not known. One that is refused is told in the log: its article is found all the same, but as written only.
    """
    missing = [(index, each) for index, held in wanted.items() for each in written.missing(indices[index], held)]
    told = send_new(cluster, [_operation(index, each, wanted[index][each]) for index, each in missing])
    there: dict[str, set[str]] = {}
    for (index, each), one in zip(missing, told, strict=True):
        if one.fate in {"indexed", "newer"}:
            there.setdefault(index, set()).add(each)
        elif one.fate == "failed":
            log.warning("The search index %s refuses the spelling %r: %s", index, each, one.reason)
    for index, held in there.items():
        written.note(indices[index], held)
    return told


def _operation(index: str, spelled: str, keys: str) -> Operation:
    return to_create(f"{_SIGN}{spelled}", index, {"spelling": {"keys": keys}})


def under(cluster: Cluster, alias: str, keys: Collection[str]) -> Iterator[str]:
    """The spellings that the index has under these keys; one for each month that has it."""
    ordered = as_words(keys).split(" ")
    for start in range(0, len(ordered), MOST_KEYS):
        query = {"bool": {"filter": [{"terms": {"spelling.keys": ordered[start : start + MOST_KEYS]}}]}}
        with cluster.client() as client:
            found = while_indices_change(partial(_all_ids, client, alias, query))
        yield from (each.removeprefix(_SIGN) for each in found)


def _all_ids(client: Elasticsearch, alias: str, query: Mapping[str, Any]) -> list[str]:
    """Nearly always one request; where there are more than one takes, all of them at one point in time."""
    common: dict[str, Any] = {
        "query": query, "size": MOST_AT_ONCE, "source": False, "track_total_hits": False, "allow_partial_search_results": False,
    }  # fmt: skip
    hits = client.search(index=alias, **common)["hits"]["hits"]
    if len(hits) < MOST_AT_ONCE:
        return [hit["_id"] for hit in hits]
    point = client.open_point_in_time(index=alias, keep_alive="1m")["id"]
    try:
        return [*_page_by_page(client, point, common)]
    finally:
        client.options(ignore_status=404).close_point_in_time(id=point)


def _page_by_page(client: Elasticsearch, point: str, common: Mapping[str, Any]) -> Iterator[str]:
    after: dict[str, Any] = {}
    while True:
        answer = client.search(pit={"id": point, "keep_alive": "1m"}, sort=[{"_shard_doc": "asc"}], **after, **common)
        hits = answer["hits"]["hits"]
        yield from (hit["_id"] for hit in hits)
        if len(hits) < MOST_AT_ONCE:
            return
        after = {"search_after": hits[-1]["sort"]}
