"""Rules, dashboards, cases, runbook and code name the same things, and none of them alone."""

import re
import shlex

import pytest
import yaml

from copytaster.config import Config
from tests.deploy import monitoring
from tests.deploy.deployed import unknown
from tests.deploy.monitoring import DEPLOY, ROOT

# Metrics that nobody looks at in a dashboard or rule: name and reason.
ONLY_FOR_A_LOOK = {
    "copytaster_watch_epoch": "tells whether two web pages see the same store; nothing is wrong with any value of it",
}


def expressions():
    asked = [expr for _, _, expr in monitoring.queries()] + [expr for _, _, expr in monitoring.recordings()]
    return asked + [rule["expr"] for rule in monitoring.alerts().values()]


def test_every_metric_in_an_expression_is_declared():
    known = monitoring.declared() | monitoring.recorded()
    assert {name for expression in expressions() for name in monitoring.named_in(expression)} - known == set()


def test_every_declared_metric_is_looked_at_or_listed_with_a_reason():
    used = {name for expression in expressions() for name in monitoring.named_in(expression)}
    assert monitoring.declared() - used == ONLY_FOR_A_LOOK.keys()


def test_every_recorded_series_is_used():
    asked = [expr for _, _, expr in monitoring.queries()] + [rule["expr"] for rule in monitoring.alerts().values()]
    asked += [expr for _, _, expr in monitoring.recordings()]
    assert monitoring.recorded() - {name for expression in asked for name in monitoring.named_in(expression)} == set()


def test_every_alert_has_a_case_that_fires_and_one_that_does_not():
    cases = yaml.safe_load((ROOT / "tests/deploy/alert_cases.yml").read_text("utf-8"))
    for fires in (True, False):
        assert {case["alert"] for case in cases if bool(case["fires"]) is fires} == monitoring.alerts().keys()


@pytest.mark.parametrize("name", sorted(monitoring.alerts()))
def test_an_alert_says_how_grave_it_is_and_where_to_read_on(name):
    rule = monitoring.alerts()[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"deploy/runbook.md#{name.lower()}"
    assert "{{" not in rule["annotations"]["description"]


def test_every_alert_has_its_section_in_the_runbook_and_each_section_its_alert():
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    sections = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    assert sections == list(monitoring.alerts())
    for name, body in re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", runbook, re.MULTILINE | re.DOTALL):
        assert re.findall(r"^\*\*(.*?)\*\*", body, re.MULTILINE) == ["Means.", "Look at.", "Do."], name


def test_what_an_alert_inhibits_is_there():
    config = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text("utf-8"))
    said = " ".join(m for rule in config["inhibit_rules"] for side in rule.values() for m in side)
    assert set(re.findall(r"\b[A-Z]\w+[a-z]\b", said)) <= monitoring.alerts().keys()


def test_the_runbook_names_commands_settings_and_pages_that_are_there():
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    commands = re.findall(r"`copytaster (\w[^`]*)`", runbook)
    assert commands
    assert {each: wrong for each in commands if (wrong := unknown(shlex.split(each)))} == {}
    settings = {name for name in re.findall(r"`(\w+\.\w+)`", runbook) if name.partition(".")[0] in Config.model_fields}
    assert settings
    assert {name for name in settings if not _is_setting(name)} == set()
    pages = re.findall(r"\]\(([^)#]+)[^)]*\)", runbook)
    assert [page for page in pages if not (DEPLOY / page).exists()] == []


def _is_setting(name):
    section, _, key = name.partition(".")
    return key in type(Config.model_fields[section].default).model_fields


def test_the_runbook_s_link_to_how_it_is_set_up_leads_to_a_heading():
    assert "\n## Metrics, alerts and dashboards\n" in (ROOT / "docs/operating.md").read_text("utf-8")
