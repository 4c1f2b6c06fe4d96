"""Every panel, search and control of the dashboards asked of a real Elasticsearch, over a small world that it was filled with."""

import datetime as dt
import pathlib
import re
import uuid

import pytest

from copytaster.config import RetentionConfig
from copytaster.store import Store
from search.elastic import ElasticSearch
from search.elastic_facts import ElasticFacts
from search.facts import KINDS, alias_of
from tests.deploy import kibana_schema, lens_queries, small_world
from tests.deploy.kibana_schema import Dashboard, DataView, LensPanel, SavedSearch
from tests.deploy.known_fields import MAPPINGS, known_fields
from workers.facts import Projection

pytestmark = pytest.mark.service
WRITTEN = pathlib.Path(__file__).parents[2] / "deploy/kibana/copytaster.ndjson"
OBJECTS = kibana_schema.read(WRITTEN.read_text("utf-8"))
VIEWS = {each.id: each.attributes for each in OBJECTS if isinstance(each, DataView)}
INDEX = f"kibana{uuid.uuid4().hex[:12]}"  # the server is shared; ours has indices of its own
INDICES = {"articles": INDEX, **{alias_of(kind): alias_of(kind, INDEX) for kind in KINDS}}
SEARCHES = [each for each in OBJECTS if isinstance(each, SavedSearch)]
DASHBOARDS = [each for each in OBJECTS if isinstance(each, Dashboard)]
PANELS = [
    pytest.param(dashboard.attributes.timeFrom, panel.embeddableConfig.attributes, id=f"{dashboard.id}: {panel.title}")
    for dashboard in DASHBOARDS
    for panel in dashboard.attributes.panelsJSON
    if isinstance(panel, LensPanel)
]
CONTROLS = [
    pytest.param(dashboard.references, control.explicitInput, id=f"{dashboard.id}: {control.explicitInput.title}")
    for dashboard in DASHBOARDS
    for control in dashboard.attributes.controlGroupInput.panelsJSON.values()
]
NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


class Clock:
    now = NOW

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def cluster(elasticsearch_server, sqlite_template, tmp_path_factory):
    """The real cluster with the small world in it, by the real engine and the real projection."""
    path = tmp_path_factory.mktemp("world") / "copytaster.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store(f"sqlite:///{path}", clock=(clock := Clock()))
    world = small_world.fill(store, clock)
    engine = ElasticSearch(elasticsearch_server, index=INDEX, replicas=0, timeout_seconds=60)
    facts = ElasticFacts(engine.cluster, index=INDEX, replicas=0)
    assert {outcome.state for outcome in engine.put(world.documents)} == {"indexed"}
    assert Projection(store, facts, RetentionConfig()).rebuild() == {"alerts": 24, "refusals": 4, "sources": 4}
    with engine.cluster.client() as client:
        client.indices.refresh(index=",".join(INDICES.values()))
        yield client
    engine.indices.drop(engine.indices.layout().indices)
    facts.clear()
    engine.close()
    store.close()


def bounded(query, view, since):
    """As a dashboard asks: within the span of time that it was given, where the data view has a time."""
    hours = int(re.sub(r"\D", "", since)) * (24 if since.endswith("d") else 1)
    span = {"gte": (NOW - dt.timedelta(hours=hours)).isoformat(), "lte": NOW.isoformat()}
    within = [{"range": {view.timeFieldName: span}}] if view.timeFieldName else []
    return {"bool": {"filter": [query, *within]}}


@pytest.mark.parametrize(("since", "attributes"), PANELS)
def test_a_panel_asks_what_elasticsearch_answers_with_data(cluster, since, attributes):
    view = VIEWS[attributes.references[0].id]
    query = bounded(lens_queries.kql(attributes.state.query.query), view, since)
    (layer,) = attributes.state.datasourceStates.formBased.layers.values()
    asked = lens_queries.aggregations(layer)
    answer = cluster.search(index=INDICES[view.title], size=0, query=query, aggs=asked or None, track_total_hits=True)
    assert answer.meta.status == 200
    assert answer["_shards"]["failed"] == 0
    rows = lens_queries.rows(layer, answer.body)
    assert rows
    for name in layer.columns:
        if not layer.columns[name].isBucketed:
            shown = [lens_queries.values(layer, name, row) for row in rows]
            assert any(shown), f"{layer.columns[name].label} shows nothing anywhere"


@pytest.mark.parametrize("search", SEARCHES, ids=lambda each: each.id)
def test_a_saved_search_finds_documents_and_each_of_its_columns_holds_something(cluster, search):
    told = search.attributes
    view = VIEWS[search.references[0].id]
    query = lens_queries.kql(told.kibanaSavedObjectMeta.searchSourceJSON.query.query)
    sort = [{field: {"order": order}} for field, order in told.sort]
    answer = cluster.search(
        index=INDICES[view.title], size=500, query=bounded(query, view, "now-7d"), sort=sort, fields=told.columns, source=False
    )
    hits = answer["hits"]["hits"]
    assert hits
    assert {field for hit in hits for field in hit["fields"]} == set(told.columns)
    places = [hit["sort"][0] for hit in hits]
    assert places == sorted(places, reverse=True)


@pytest.mark.parametrize(("references", "control"), CONTROLS)
def test_a_control_has_values_to_choose_from(cluster, references, control):
    (view_id,) = (each.id for each in references if each.name == f"controlGroup_{control.id}:optionsListDataView")
    answer = cluster.search(index=INDICES[VIEWS[view_id].title], size=0, aggs={"some": {"terms": {"field": control.fieldName}}})
    assert len(answer["aggregations"]["some"]["buckets"]) > 1


def test_what_the_panels_show_is_what_happened(cluster):
    """The translation is tried itself: numbers that the small world was made with come out of it."""
    told = {attributes.title: (since, attributes) for since, attributes in (each.values for each in PANELS)}
    shown = {title: column(cluster, *told[title]) for title in ("Silent", "Failing", "Sources", "Alerts sent")}
    assert shown == {"Silent": [1], "Failing": [1], "Sources": [4], "Alerts sent": [24]}
    (median,) = column(cluster, *told["Found to alert, median"])
    assert 3 <= median <= 7  # found two seconds before it was read, sent one to five after
    shares = column(cluster, *told["What the pages tell"], name="y1")
    assert shares == [1.0, 0.0, 0.0, 0.0]  # every fourth article has no date: all of one source, none of the others


def column(cluster, since, attributes, name="y0"):
    view = VIEWS[attributes.references[0].id]
    (layer,) = attributes.state.datasourceStates.formBased.layers.values()
    query = bounded(lens_queries.kql(attributes.state.query.query), view, since)
    answer = cluster.search(index=INDICES[view.title], size=0, query=query, aggs=lens_queries.aggregations(layer) or None)
    return [lens_queries.values(layer, name, row) for row in lens_queries.rows(layer, answer.body)]


def test_no_address_and_no_secret_is_in_what_kibana_shows(cluster):
    for view in VIEWS.values():
        hits = cluster.search(index=INDICES[view.title], size=500, query={"exists": {"field": "@timestamp"}})["hits"]["hits"]
        assert hits
        assert small_world.SECRET not in str(hits)
    kinds = {
        hit["_source"]["copytaster"]["channel"]
        for hit in cluster.search(index=INDICES["copytaster-alerts"], size=500)["hits"]["hits"]
    }
    assert kinds == {"mail", "webhook", "tgram"}


@pytest.mark.parametrize("wanted", INDICES)
def test_the_mapping_that_we_check_against_is_the_one_that_elasticsearch_has(cluster, wanted):
    (mapping, *others) = (each["mappings"] for each in cluster.indices.get_mapping(index=INDICES[wanted]).body.values())
    assert known_fields(mapping) == known_fields(MAPPINGS[wanted])
    assert all(known_fields(other) == known_fields(mapping) for other in others)
