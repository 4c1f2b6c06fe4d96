"""What an administrator's account sets up once in a secured cluster: the index template, two roles and an API key.

It owns who may do what; it must not know how the engine does it. The key that it makes is all that copytaster needs, and
it can neither read nor delete what is not copytaster's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch

from copytaster.errors import Permanent
from search.elastic_client import Cluster
from search.elastic_indices import Indices
from search.facts import patterns


def setup(url: str, *, index: str = "articles", ca: str = "", timeout_seconds: float = 10.0, replicas: int = 1) -> str:
    """The new API key, as ``search.api_key`` takes it. ``url`` carries the user and password of an administrator.

    It may be run again, as after an upgrade: template and roles are written anew, and keys made before stay good.
    Raises Transient or Permanent.
    """
    cluster = Cluster(url, ca=ca, timeout_seconds=timeout_seconds)
    try:
        Indices(cluster, index, replicas).put_template()
        with cluster.client() as client:
            _put_roles(client, index)
            name = f"copytaster-{index}"
            made = client.security.create_api_key(name=name, role_descriptors={name: writers_role(index)})
        return str(made["encoded"])
    finally:
        cluster.close()


def writers_role(index: str) -> dict[str, Any]:
    """What copytaster itself may do: all with its own indices, and look at the cluster's health."""
    return {"cluster": ["monitor"], "indices": [_on(index, ["read", "write", "manage"])]}


def analysts_role(index: str) -> dict[str, Any]:
    """For people in Kibana: to read. Every watch of everybody can be seen there."""
    kibana = {"application": "kibana-.kibana", "privileges": ["read"], "resources": ["*"]}
    return {"cluster": [], "indices": [_on(index, ["read", "view_index_metadata"])], "applications": [kibana]}


def _on(index: str, privileges: Sequence[str]) -> dict[str, Any]:
    return {"names": [index, f"{index}-*", *patterns(index)], "privileges": [*privileges], "allow_restricted_indices": False}


def _put_roles(client: Elasticsearch, index: str) -> None:
    roles: Mapping[str, Mapping[str, Any]] = {
        f"copytaster_{index}": writers_role(index),
        f"copytaster_{index}_analyst": analysts_role(index),
    }
    try:
        for name, role in roles.items():
            client.security.put_role(name=name, **role)
    except BadRequestError as error:
        if "no handler" not in str(error.body):
            raise
        sentence = "This cluster has its security switched off, so there are no keys: leave search.api_key empty."
        raise Permanent(sentence) from error
