"""Whether the cluster answers a search just now: asked by whoever watches over it. It must not know what is in the index."""

from collections.abc import Callable

from copytaster.errors import CopytasterError
from search.elastic_client import Cluster

SECONDS = 2.0  # who watches can't wait: Prometheus gives a whole scrape ten


def probe(url: str, *, index: str, api_key: str = "", ca: str = "") -> Callable[[], bool]:
    """A question that can be asked again and again, by one thread at a time; an index that is not made yet is no fault."""
    cluster = Cluster(url, api_key=api_key, ca=ca, timeout_seconds=SECONDS)

    def answers() -> bool:
        try:
            with cluster.client() as client:
                client.search(index=index, size=0, terminate_after=1, track_total_hits=False, ignore_unavailable=True)
        except CopytasterError:
            return False
        return True

    return answers
