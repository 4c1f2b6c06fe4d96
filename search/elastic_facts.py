"""Alerts, refusals and the state of the sources in Elasticsearch, for people who look there by Kibana.

It owns their indices and what is written to them; it must not know the store, nor what the facts mean. Its indices are made
by name and not by a template, so that writing them needs no right over the cluster.
"""

import datetime as dt
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from copytaster.errors import Permanent
from search import facts_mapping
from search.elastic_client import Cluster, described, refused
from search.facts import DEFAULT_INDEX, KINDS, Fact, Kind, alias_of, expired, index_of, kind_of, month_of, patterns

ADVICE = "Run `copytaster rebuild`."
log = logging.getLogger("copytaster.facts")


class ElasticFacts:
    """The facts of one installation, which is told from others in the cluster by ``index``, its articles' alias."""

    def __init__(self, cluster: Cluster, *, index: str = DEFAULT_INDEX, replicas: int = 1) -> None:
        self.cluster = cluster
        self.index = index
        self.replicas = replicas

    def missing(self) -> bool:
        """The sources' index stands for all: it is made last, and carries the version of the form."""
        name = alias_of("sources", self.index)
        with self.cluster.client() as client:
            answer = client.indices.get_mapping(index=name, ignore_unavailable=True)
        found = answer.body.get(name, {}).get("mappings", {}).get("_meta", {})
        return bool(found.get("version") != facts_mapping.VERSION)

    def prepare(self) -> None:
        """Known indices get the fields that they lack; where a field has changed its type, Permanent asks for a rebuild."""
        with self.cluster.client() as client:
            for kind in KINDS:
                for name in self._months(kind, client):
                    _widen(name, kind, client)
            sources = alias_of("sources", self.index)
            if not self._create(sources, "sources", client):
                _widen(sources, "sources", client)

    def put(self, facts: Sequence[Fact]) -> int:
        if not facts:
            return 0
        with self.cluster.client() as client:
            self._ensure(facts, client)
            answer = client.bulk(operations=list(self._operations(facts)))
        return sum(self._taken(item["index"]) for item in answer["items"])

    def drop_months(self, kind: Kind, before: dt.datetime) -> list[str]:
        with self.cluster.client() as client:
            gone = expired(self._months(kind, client), before=before)
            if gone:
                client.indices.delete(index=gone, ignore_unavailable=True)
        return gone

    def drop_sources(self, before: dt.datetime) -> int:
        """A source that was put since keeps its place, though the search that this begins with may see it as it was."""
        old = {"range": {"@timestamp": {"lt": before.isoformat()}}}
        with self.cluster.client() as client:
            answer = client.delete_by_query(index=alias_of("sources", self.index), query=old, conflicts="proceed")
        return int(answer["deleted"])

    def drop(self, *, articles: Collection[str] = (), urls: Collection[str] = (), source_id: str | None = None) -> int:
        """Refreshed before, for what was put a moment ago is not seen yet by the search that this begins with."""
        fields: dict[str, Collection[str]] = {
            "copytaster.article": articles,
            "url.full": urls,
            "copytaster.source_id": [source_id] if source_id else [],
        }
        wanted = [{"terms": {name: sorted(values)}} for name, values in fields.items() if values]
        if not wanted:
            return 0
        names = [alias_of(kind, self.index) for kind in KINDS]
        with self.cluster.client() as client:
            client.indices.refresh(index=names, ignore_unavailable=True)
            query = {"bool": {"should": wanted, "minimum_should_match": 1}}
            answer = client.delete_by_query(index=names, query=query, conflicts="proceed", ignore_unavailable=True)
        return int(answer["deleted"])

    def clear(self) -> None:
        """Whatever has the name of one of ours, though it has lost its alias."""
        with self.cluster.client() as client:
            answer = client.indices.get(index=patterns(self.index), features=["aliases"], expand_wildcards="all")
            for name in filter(self._ours, answer.body):
                client.indices.delete(index=name, ignore_unavailable=True)

    def _ours(self, name: str) -> bool:
        """Another installation's may begin alike."""
        return name == self._alias("sources") or (name[:-8] in map(self._alias, KINDS) and month_of(name) is not None)

    def _alias(self, kind: Kind) -> str:
        return alias_of(kind, self.index)

    def _months(self, kind: Kind, client: Elasticsearch) -> list[str]:
        """The indices behind an alias; the sources have none."""
        alias = self._alias(kind)
        answer = client.options(ignore_status=404).indices.get_alias(index=f"{alias}-*", name=alias)
        return sorted(name for name, body in answer.body.items() if isinstance(body, dict) and alias in body.get("aliases", {}))

    def _ensure(self, facts: Sequence[Fact], client: Elasticsearch) -> None:
        """Ours alone writes, so a month that is there without its alias was made by somebody else's write."""
        wanted = {index_of(each, self.index): kind_of(each) for each in facts}
        for kind in set(wanted.values()) - {"sources"}:
            there = self._months(kind, client)
            for name in sorted(name for name, of in wanted.items() if of == kind and name not in there):
                if not self._create(name, kind, client):
                    raise Permanent(f"The index {name} was not made by copytaster. {ADVICE}")

    def _create(self, name: str, kind: Kind, client: Elasticsearch) -> bool:
        """False: it is there already."""
        aliases: dict[str, Mapping[str, Any]] = {} if kind == "sources" else {alias_of(kind, self.index): {}}
        mappings, settings = facts_mapping.mappings(kind), facts_mapping.settings(self.replicas)
        try:
            client.indices.create(index=name, mappings=mappings, settings=settings, aliases=aliases)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise
            return False
        return True

    def _operations(self, facts: Sequence[Fact]) -> Iterator[dict[str, Any]]:
        for fact in facts:
            yield {"index": {"_index": index_of(fact, self.index), "_id": fact.id}}
            yield fact.document()

    def _taken(self, item: Mapping[str, Any]) -> bool:
        """What is overloaded or gone ends the batch and comes again; a document that can't be taken is left out."""
        if "error" not in item:
            return True
        if item["status"] != 400:
            raise refused(item["status"], item["error"], self.cluster.where)
        log.warning("fact %s of %s is left out: %s", item["_id"], item["_index"], item["error"].get("reason"))
        return False


def _widen(name: str, kind: Kind, client: Elasticsearch) -> None:
    """The client names the parts of a mapping in its own way."""
    parts = facts_mapping.mappings(kind)
    meta = parts.pop("_meta")
    try:
        client.indices.put_mapping(index=name, meta=meta, **parts)
    except BadRequestError as error:
        raise Permanent(f"The index {name} is of another form ({described(error.body)[1]}). {ADVICE}") from error
