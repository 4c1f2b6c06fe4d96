"""How the index in Elasticsearch is: for `copytaster check`, and for whoever must know whether it was made by an older form.

It owns what is asked of the cluster for that; it must not know documents or queries.
"""

from dataclasses import dataclass

from search import elastic_mapping
from search.elastic_client import Cluster
from search.elastic_indices import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """``health`` is green, yellow (a copy is missing) or red; ``generation`` 0: there is no index; ``building`` 0: none."""

    version: str
    health: str
    documents: int
    generation: int
    building: int
    form_is_old: bool
    indices: int
    size_bytes: int


def state_of(cluster: Cluster, layout: Layout) -> State:
    """Of the current generation; the counts are of what was refreshed."""
    where = layout.alias if layout.current else f"{layout.alias}-*"  # a pattern may find nothing, a name may not
    with cluster.client() as client:
        version = client.info()["version"]["number"]
        health = client.cluster.health(index=where)["status"]
        total = client.indices.stats(index=where, metric="store")["_all"]["total"]
        documents = client.count(index=where, query=elastic_mapping.ARTICLES)["count"]
    return State(
        version=version,
        health=health,
        documents=documents,
        generation=layout.current,
        building=layout.building,
        form_is_old=form_is_old(cluster, layout.alias),
        indices=len(layout.of(layout.current)),
        size_bytes=total.get("store", {}).get("size_in_bytes", 0),
    )


def form_is_old(cluster: Cluster, alias: str) -> bool:
    """Whether any index behind the alias was made with another mapping, normal form or Unicode than ours."""
    with cluster.client() as client:
        answer = client.indices.get_mapping(index=alias, ignore_unavailable=True)
    forms = {index["mappings"].get("_meta", {}).get("form") for index in answer.body.values()}
    return bool(forms - {elastic_mapping.FORM})
