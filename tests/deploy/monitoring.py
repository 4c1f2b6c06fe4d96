"""What lies under deploy/ for Prometheus and Grafana, as data, and the names of metrics that its expressions use."""

import json
import pathlib
import re

import yaml
from prometheus_client import Counter, Histogram

from copytaster import metrics

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/rules"
SUFFIXES = ("_bucket", "_sum", "_count")  # a histogram's own series


def rules_of(name):
    groups = yaml.safe_load((RULES / name).read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts():
    return {rule["alert"]: rule for rule in rules_of("alerts.yml")}


def recordings():
    """(name, labels, expression) of each."""
    return [(rule["record"], rule.get("labels", {}), rule["expr"]) for rule in rules_of("recording.yml")]


def dashboards():
    return {path.name: json.loads(path.read_text("utf-8")) for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))}


def queries():
    """(dashboard, panel, expression) of each, as Grafana would ask it of 15 s scrapes."""
    return [
        (board["title"], panel["title"], target["expr"].replace("$__rate_interval", "1m"))
        for board in dashboards().values()
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def declared():
    """Every metric that copytaster declares, by the name that Prometheus stores, a histogram by its own."""
    moved = {each for each in vars(metrics).values() if isinstance(each, Counter | Histogram)}
    names = {family.name + ("_total" if isinstance(each, Counter) else "") for each in moved for family in each.describe()}
    return names | metrics.GAUGES.keys() | metrics.PROCESSES.keys()


def recorded():
    return {name for name, _, _ in recordings()}


def named_in(expression):
    """Metrics and recorded series that an expression names; a histogram's series count as the histogram."""
    found = set(re.findall(r"\bcopytaster[a-z0-9_:]+\b", re.sub(r'"[^"]*"', "", expression)))
    return {next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end) and ":" not in name), name) for name in found}
