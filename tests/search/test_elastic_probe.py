"""Whether the cluster answers: by a search that it takes, and not by a port that is open."""

import pytest

from search.elastic_probe import probe
from tests.services import running

PRODUCT = {"X-Elastic-Product": "Elasticsearch"}
FOUND = {"took": 1, "timed_out": False, "_shards": {"total": 0, "successful": 0, "skipped": 0, "failed": 0}, "hits": {"hits": []}}


@pytest.mark.parametrize(("status", "up"), [(200, True), (401, False), (503, False)])
def test_only_a_search_that_is_answered_counts(httpserver, status, up):
    httpserver.expect_request("/articles/_search").respond_with_json(FOUND, status=status, headers=PRODUCT)
    asked = probe(httpserver.url_for("/"), index="articles")
    assert [asked(), asked()] == [up, up]


def test_where_nothing_listens_it_is_down():
    assert probe(f"http://127.0.0.1:{running.free_port()}", index="articles")() is False
