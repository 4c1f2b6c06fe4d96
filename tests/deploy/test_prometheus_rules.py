"""The rules that Prometheus loads: each alert fires when it should and is quiet when it should be."""

import subprocess

import pytest
import yaml

from tests.deploy import monitoring
from tests.deploy.monitoring import DEPLOY, ROOT, RULES

pytestmark = pytest.mark.service
# Everything as it is written: else YAML takes promtool's 0x40, forty times nought, for sixty-four.
CASES = yaml.load((ROOT / "tests/deploy/alert_cases.yml").read_text("utf-8"), Loader=yaml.BaseLoader)


def as_promtool_wants(case):
    rule = monitoring.alerts()[case["alert"]]
    expected = [
        {
            "exp_labels": {**each["labels"], **rule["labels"]},
            "exp_annotations": {**rule["annotations"], "summary": each["summary"]},
        }
        for each in case["fires"]
    ]
    return {
        "interval": "15s",
        "input_series": [{"series": series, "values": str(values)} for series, values in case["series"].items()],
        "alert_rule_test": [{"eval_time": case["at"], "alertname": case["alert"], "exp_alerts": expected}],
    }


def run(promtool, *arguments):
    return subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=100)


def test_every_alert_fires_when_it_should_and_is_quiet_when_it_should_be(promtool, tmp_path):
    files = [str(path) for path in sorted(RULES.glob("*.yml"))]
    # Half as often as Prometheus does: no alert waits for less than a minute, and it takes half the time.
    document = {"rule_files": files, "evaluation_interval": "30s", "tests": [as_promtool_wants(case) for case in CASES]}
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(document))
    done = run(promtool, "test", "rules", tmp_path / "cases.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus-files.yml", "prometheus-kubernetes.yml"])
def test_promtool_takes_every_configuration_with_the_rules_that_it_names(promtool, tmp_path, name):
    """Debian builds Prometheus without Kubernetes: there all but the discovery itself is checked."""
    config = yaml.safe_load((DEPLOY / "prometheus" / name).read_text("utf-8"))
    for each in [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]:
        if each.pop("kubernetes_sd_configs", None):
            each["file_sd_configs"] = [{"files": ["none.yml"]}]
    config["rule_files"] = [f"{RULES}/*.yml"]
    (tmp_path / name).write_text(yaml.safe_dump(config))
    done = run(promtool, "check", "config", "--lint-fatal", tmp_path / name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 rule files found" in done.stdout
