"""The dashboards under deploy/grafana: made from their script, placed without overlap, and as provisioning finds them."""

import itertools
import subprocess
import sys

import pytest
import yaml

from tests.deploy import monitoring
from tests.deploy.monitoring import DEPLOY

GRAFANA = DEPLOY / "grafana"
BOARDS = monitoring.dashboards()


def test_generating_again_gives_the_same_bytes(tmp_path):
    subprocess.run([sys.executable, str(GRAFANA / "make.py"), str(tmp_path)], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (GRAFANA / "dashboards").iterdir()}
    assert made == kept, "run: python deploy/grafana/make.py"


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_can_be_imported_anywhere(name):
    board = BOARDS[name]
    assert board["id"] is None
    assert board["uid"] == name.removesuffix(".json")
    assert [(each["name"], each["type"], each["query"]) for each in board["templating"]["list"]] == [
        ("datasource", "datasource", "prometheus")
    ]
    for panel in board["panels"]:
        for asked in [panel, *panel.get("targets", ())] if panel["type"] != "row" else ():
            assert asked["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]


@pytest.mark.parametrize("name", BOARDS)
def test_panels_lie_side_by_side_within_24_columns_and_each_has_a_number_of_its_own(name):
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for place in (panel["gridPos"] for panel in panels):
        columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = set(itertools.product(columns, rows))
        assert not cells & taken
        taken |= cells
    for row in range(max(y for _, y in taken) + 1):
        assert {x for x, y in taken if y == row} == set(range(24)), f"{name}: row {row}"


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_what_it_shows_and_every_question_has_a_letter(name):
    for panel in BOARDS[name]["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))
        assert letters


def test_provisioning_finds_the_data_source_and_the_dashboards():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    provisioned = yaml.safe_load((GRAFANA / "provisioning/dashboards/copytaster.yml").read_text("utf-8"))
    assert (source["type"], provisioned["apiVersion"]) == ("prometheus", 1)
    assert len(BOARDS) == 5
    assert len({board["uid"] for board in BOARDS.values()}) == 5
