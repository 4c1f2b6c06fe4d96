"""A secured cluster: TLS by an authority of one's own, and a key that opens what is copytaster's and nothing else."""

import contextlib
import datetime as dt
import uuid

import pytest
from elasticsearch import ApiError, AuthenticationException, AuthorizationException

from copytaster.errors import Permanent
from search.document import Document
from search.elastic import ElasticSearch
from search.elastic_client import Cluster
from search.elastic_setup import setup
from search.facts import alias_of
from search.mapping import IndexDocument
from search.query import parse
from tests.services import elasticsearch

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(300)]
START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


ALIAS = f"test{uuid.uuid4().hex[:12]}"
OTHER = f"something-else-{ALIAS}"


@pytest.fixture(scope="module")
def server(run_folder):
    with elasticsearch.shared(run_folder, secured=True) as made:
        yield made


@pytest.fixture(scope="module")
def administrator(server):
    cluster = Cluster(server.administrators_url, ca=str(server.ca), timeout_seconds=60)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def key(server, administrator):
    with administrator.client() as client:
        client.indices.create(index=OTHER, mappings={"properties": {"secret": {"type": "keyword"}}})
        client.index(index=OTHER, id="1", document={"secret": "x"}, refresh=True)
    return setup(server.administrators_url, index=ALIAS, ca=str(server.ca), timeout_seconds=60, replicas=0)


@pytest.fixture
def engine(server, key):
    made = ElasticSearch(server.url, index=ALIAS, ca=str(server.ca), api_key=key, timeout_seconds=60, replicas=0)
    yield made
    made.close()


def article(name, **more):
    return IndexDocument(
        id=name, version=1, url="https://news.example/", story_id="s", first_seen_at=START, document=Document(text="ant"), **more
    )


def test_the_key_can_do_all_that_the_engine_needs(engine):
    assert engine.prepare()
    assert [outcome.state for outcome in engine.put([article("a"), article("b"), article("c")])] == ["indexed"] * 3
    assert engine.delete(["c"]) == 1
    engine.refresh()
    first = engine.search(parse("ant"), size=1)
    assert [hit.id for hit in engine.search(parse("ant"), size=1, cursor=first.cursor).hits] == ["a"]
    assert engine.begin_rebuild() == 2
    assert [outcome.state for outcome in engine.put_into_building([article("a")])] == ["indexed"]
    engine.finish_rebuild()
    engine.begin_rebuild()
    engine.abandon_rebuild()
    assert engine.ids() == ["a"]
    assert engine.state().health == "green"
    assert engine.forget_before(dt.datetime.now(dt.UTC))
    engine.clear()
    assert engine.prepare()


def test_the_key_may_write_the_facts_for_kibana(engine):
    with engine.cluster.client() as client:
        alias = alias_of("alerts", ALIAS)
        client.indices.create(index=f"{alias}-2026.03", aliases={alias: {}})
        client.index(index=f"{alias}-2026.03", id="1", document={"x": 1})
        assert client.indices.delete(index=f"{alias}-2026.03")["acknowledged"]


FORBIDDEN = {
    "read another index": lambda client: client.search(index=OTHER),
    "write to another index": lambda client: client.index(index=OTHER, document={}),
    "delete another index": lambda client: client.indices.delete(index=OTHER),
    "make another index": lambda client: client.indices.create(index=f"new-{OTHER}"),
    "point its alias at another index": lambda client: client.indices.put_alias(index=OTHER, name=ALIAS),
    "change templates of others": lambda client: client.indices.put_index_template(name=OTHER, index_patterns=["logs-*"]),
    "make keys for others": lambda client: client.security.create_api_key(name="x", role_descriptors={}),
    "read who else there is": lambda client: client.security.get_user(),
    "change the cluster": lambda client: client.cluster.put_settings(persistent={"search.max_buckets": 1}),
    "read the keys": lambda client: client.search(index=".security"),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_key_can_not(engine, administrator, deed):
    with contextlib.suppress(Permanent), engine.cluster.client() as client:
        with pytest.raises(ApiError) as caught:
            FORBIDDEN[deed](client)
        assert caught.value.meta.status in {403, 404}  # 404: what it may not see is not there
    with administrator.client() as client:
        assert client.count(index=OTHER)["count"] == 1
        assert not client.indices.exists_alias(index=OTHER, name=ALIAS)
        assert not client.indices.exists(index=f"new-{OTHER}")
        assert not client.indices.exists_index_template(name=OTHER)


def test_a_search_over_everything_shows_the_key_only_its_own(engine):
    assert engine.prepare()
    with engine.cluster.client() as client:
        assert client.search(index="*", query={"term": {"secret": "x"}})["hits"]["total"]["value"] == 0


def test_the_analysts_role_reads_and_changes_nothing(server, administrator, engine):
    engine.prepare()
    with administrator.client() as client:
        client.security.put_user(username=f"ann-{ALIAS}", password="for-tests-only", roles=[f"copytaster_{ALIAS}_analyst"])
    ann = Cluster(server.url.replace("://", f"://ann-{ALIAS}:for-tests-only@"), ca=str(server.ca), timeout_seconds=60)
    with ann.client() as client:
        assert client.search(index=ALIAS)["hits"]["total"]["value"] == 0
        for deed in (
            lambda: client.index(index=ALIAS, document={}),
            lambda: client.indices.delete(index=min(engine.indices.layout().indices)),
            lambda: client.search(index=OTHER),
        ):
            with pytest.raises(AuthorizationException):
                deed()
    ann.close()


@pytest.mark.parametrize("wrong", ["", "bm9ib2R5OndpdGhvdXQ="], ids=["none", "unknown"])
def test_without_a_good_key_nothing_goes_and_the_error_says_how_to_get_one(server, wrong):
    stranger = ElasticSearch(server.url, index=ALIAS, ca=str(server.ca), api_key=wrong, timeout_seconds=60)
    for deed in (stranger.prepare, stranger.refresh, lambda: stranger.put([article("a")]), lambda: stranger.search(parse("ant"))):
        with pytest.raises(Permanent, match=r"search\.api_key.*copytaster check --setup") as caught:
            deed()
        assert isinstance(caught.value.__cause__, AuthenticationException)
    stranger.close()


def test_a_certificate_of_an_unknown_authority_is_not_trusted(server, key):
    stranger = ElasticSearch(server.url, api_key=key, timeout_seconds=60)
    with pytest.raises(Permanent, match=r"search\.ca"):
        stranger.refresh()
    stranger.close()


def test_a_certificate_for_another_name_is_not_trusted(server, key):
    other = ElasticSearch(server.url.replace("localhost", "127.0.0.1"), ca=str(server.ca), api_key=key, timeout_seconds=60)
    with pytest.raises(Permanent, match="not trusted"):
        other.refresh()
    other.close()


def test_a_set_up_may_be_done_again_and_keys_made_before_stay_good(server, engine):
    again = setup(server.administrators_url, index=ALIAS, ca=str(server.ca), timeout_seconds=60, replicas=0)
    both = [engine, ElasticSearch(server.url, index=ALIAS, ca=str(server.ca), api_key=again, timeout_seconds=60)]
    for each in both:
        each.prepare()
    both[1].close()
