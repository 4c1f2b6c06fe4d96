"""Kibana's saved objects: they are what the script makes, of our schema, whole in themselves, and name fields that exist."""

import copy
import functools
import itertools
import json
import pathlib
import runpy
import sys

import pytest
from pydantic import ValidationError

from search.facts import patterns
from tests.deploy import kibana_schema, lens_queries
from tests.deploy.kibana_schema import Dashboard, DataView, LensPanel, SavedSearch, SearchPanel
from tests.deploy.known_fields import MAPPINGS, known_fields

FOLDER = pathlib.Path(__file__).parents[2] / "deploy/kibana"
WRITTEN = FOLDER / "copytaster.ndjson"


@pytest.fixture
def bundle(monkeypatch):
    """The maker, as the script sees it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("boards", "saved", "lens")
    yield runpy.run_path(str(FOLDER / "boards.py"))["bundle"]
    for name in names:
        sys.modules.pop(name, None)


@functools.cache
def objects():
    return kibana_schema.read(WRITTEN.read_text("utf-8"))


def of(kind, everything=None):
    return [each for each in everything or objects() if isinstance(each, kind)]


def lens_panels(dashboard):
    return [panel for panel in dashboard.attributes.panelsJSON if isinstance(panel, LensPanel)]


def used_fields(everything):
    """Every field that something names, with the pattern of the data view that it is looked for in."""
    patterns = {each.id: each.attributes.title for each in of(DataView, everything)}
    for view in of(DataView, everything):
        told = view.attributes
        for field in {*told.fieldAttrs, *told.fieldFormatMap, *filter(None, [told.timeFieldName])}:
            yield told.title, field
    for search in of(SavedSearch, everything):
        pattern = patterns[search.references[0].id]
        asked = search.attributes.kibanaSavedObjectMeta.searchSourceJSON.query.query
        for field in {*search.attributes.columns, *(each[0] for each in search.attributes.sort)} | lens_queries.fields_of_kql(
            asked
        ):
            yield pattern, field
    for dashboard in of(Dashboard, everything):
        named = {each.name: patterns.get(each.id) for each in dashboard.references}
        for control in dashboard.attributes.controlGroupInput.panelsJSON.values():
            yield named[f"controlGroup_{control.explicitInput.id}:optionsListDataView"], control.explicitInput.fieldName
        for panel in lens_panels(dashboard):
            attributes = panel.embeddableConfig.attributes
            for layer in attributes.state.datasourceStates.formBased.layers.values():
                for column in layer.columns.values():
                    for field in lens_queries.fields_of(column):
                        yield patterns[attributes.references[0].id], field
            for field in lens_queries.fields_of_kql(attributes.state.query.query):
                yield patterns[attributes.references[0].id], field


def unknown_fields(mappings):
    known = {pattern: known_fields(mapping) for pattern, mapping in mappings.items()}
    return {(pattern, field) for pattern, field in used_fields(objects()) if field not in known[pattern]}


def test_making_the_saved_objects_again_gives_the_same_bytes(bundle):
    assert WRITTEN.read_text("utf-8") == bundle().ndjson(), "run: .venv/bin/python deploy/kibana/make.py"
    lines = WRITTEN.read_text("utf-8").splitlines()
    assert lines == [json.dumps(json.loads(line), ensure_ascii=False, sort_keys=True, separators=(",", ":")) for line in lines]


def test_there_are_four_data_views_four_searches_and_three_dashboards():
    assert [len(of(kind)) for kind in (DataView, SavedSearch, Dashboard)] == [4, 4, 3]
    ids = [(each.type, each.id) for each in objects()]
    assert len(set(ids)) == len(ids)
    assert {each.attributes.title for each in of(DataView)} == set(MAPPINGS)


@pytest.mark.parametrize("where", ["attributes", "controlGroupInput", "panel", "column"])
def test_the_schema_forbids_whatever_it_does_not_know(where):
    broken = json.loads(WRITTEN.read_text("utf-8").splitlines()[-1])
    attributes = broken["attributes"]
    panels = json.loads(attributes["panelsJSON"])
    columns = panels[0]["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]["columns"]
    places = {
        "attributes": attributes,
        "controlGroupInput": attributes["controlGroupInput"],
        "panel": panels[0],
        "column": columns["y0"],
    }
    kibana_schema.read(json.dumps(broken))
    places[where]["surprise"] = True
    attributes["panelsJSON"] = json.dumps(panels)
    with pytest.raises(ValidationError, match="surprise"):
        kibana_schema.read(json.dumps(broken))


def test_every_reference_leads_to_something_in_the_file():
    everything = objects()
    there = {(each.type, each.id) for each in everything}
    inside = [panel.embeddableConfig.attributes for each in of(Dashboard, everything) for panel in lens_panels(each)]
    referring = [*everything, *inside]
    assert [
        (reference.type, reference.id)
        for each in referring
        for reference in each.references
        if (reference.type, reference.id) not in there
    ] == []


def test_every_name_by_which_something_is_referred_to_is_among_the_references():
    for search in of(SavedSearch):
        assert [each.name for each in search.references] == [
            search.attributes.kibanaSavedObjectMeta.searchSourceJSON.indexRefName
        ]
    for dashboard in of(Dashboard):
        wanted = {f"controlGroup_{name}:optionsListDataView" for name in dashboard.attributes.controlGroupInput.panelsJSON}
        for panel in dashboard.attributes.panelsJSON:
            if isinstance(panel, SearchPanel):
                wanted.add(f"{panel.panelIndex}:{panel.panelRefName}")
                continue
            attributes = panel.embeddableConfig.attributes
            layers = {f"indexpattern-datasource-layer-{name}" for name in attributes.state.datasourceStates.formBased.layers}
            assert {each.name for each in attributes.references} == layers
            wanted |= {f"{panel.panelIndex}:{name}" for name in layers}
        names = [each.name for each in dashboard.references]
        assert sorted(names) == sorted(wanted)


def test_a_panel_shows_only_columns_that_its_layer_has():
    for dashboard in of(Dashboard):
        for panel in lens_panels(dashboard):
            attributes = panel.embeddableConfig.attributes
            layers = attributes.state.datasourceStates.formBased.layers
            (layer,) = layers.values()
            assert sorted(layer.columnOrder) == sorted(layer.columns)
            referred = {name for column in layer.columns.values() for name in getattr(column, "references", ())}
            shown = set(shown_columns(attributes.visualization().model_dump()))
            assert {"layer"} == set(layers)
            assert shown | referred == set(layer.columns), panel.title
            assert shown & referred == set()


def shown_columns(part, key=""):
    """What stands in a visualization under the keys that name columns."""
    names = {
        "metricAccessor",
        "xAccessor",
        "yAccessor",
        "valueAccessor",
        "splitAccessor",
        "accessors",
        "primaryGroups",
        "metrics",
        "columnId",
    }
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from shown_columns(inner, name)
    elif isinstance(part, list):
        for inner in part:
            yield from shown_columns(inner, key)
    elif key in names and part is not None:
        yield part


def test_panels_fill_the_grid_without_lying_on_each_other():
    for dashboard in of(Dashboard):
        grids = [panel.gridData for panel in dashboard.attributes.panelsJSON]
        assert [grid.i for grid in grids] == [panel.panelIndex for panel in dashboard.attributes.panelsJSON]
        cells = [(x, y) for grid in grids for x in range(grid.x, grid.x + grid.w) for y in range(grid.y, grid.y + grid.h)]
        assert len(cells) == len(set(cells)) == 48 * max(grid.y + grid.h for grid in grids)


def test_every_field_that_something_shows_is_in_the_mapping_of_its_index():
    assert unknown_fields(MAPPINGS) == set()


def test_a_field_that_goes_from_a_mapping_is_missed():
    used = set(used_fields(objects()))
    assert len(used) > 40
    for pattern, field in used:
        mappings = copy.deepcopy(MAPPINGS)
        take_out(mappings[pattern], field.split("."))
        assert (pattern, field) in unknown_fields(mappings)


def take_out(mapping, path):
    for name in path[:-1]:
        mapping = mapping["properties"][name]
    mapping[("properties" if path[-1] in mapping.get("properties", {}) else "fields")].pop(path[-1])


def test_what_values_are_listed_of_is_a_keyword_and_what_is_reckoned_with_a_number():
    fields = {pattern: known_fields(mapping) for pattern, mapping in MAPPINGS.items()}
    titles = {each.id: each.attributes.title for each in of(DataView)}
    able = {
        "terms": {"keyword"}, "unique_count": {"keyword"}, "last_value": {"keyword"}, "date_histogram": {"date"},
        "median": {"double", "long", "integer"}, "percentile": {"double"}, "max": {"double", "long"}, "sum": {"long"},
    }  # fmt: skip
    for panel in itertools.chain.from_iterable(map(lens_panels, of(Dashboard))):
        attributes = panel.embeddableConfig.attributes
        for column in attributes.state.datasourceStates.formBased.layers["layer"].columns.values():
            if column.operationType in able:
                kind = fields[titles[attributes.references[0].id]][column.sourceField]
                assert kind in able[column.operationType], (panel.title, column.sourceField)


def test_two_installations_in_one_kibana_do_not_meet(bundle):
    first, second = (kibana_schema.read(bundle(index).ndjson()) for index in ("articles", "paris"))
    assert {each.id for each in first} & {each.id for each in second} == set()
    titles = {each.attributes.title for each in of(DataView, second)}
    assert titles == {"paris", "copytaster.paris-alerts", "copytaster.paris-refusals", "copytaster.paris-sources"}
    assert {pattern.rstrip("*") for pattern in patterns("paris")} == titles - {"paris"}
