"""A whole copytaster, watched by a real Prometheus and a real Alertmanager under the files of deploy/: every panel, recording
rule and alert has something to go by, and an alert about copytaster reaches the operator through copytaster.
"""

import datetime as dt
import email.utils
import math
import re
import subprocess
import time

import httpx
import pytest
import yaml

from copytaster.store import watches
from copytaster.watches import Watch, WatchId
from desk.bench import own_pages
from desk.bench.corpus_site import load
from desk.bench.rig import Rig
from desk.demo.world import WATCHES
from desk.site import Resource, Site
from tests.deploy import monitoring
from tests.deploy.monitoring import DEPLOY, RULES
from tests.services import alertmanager, prometheus, running

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(300)]
TOKEN = "the operator's own"
PATIENCE_SECONDS = 60.0
# Fires by itself in this world, for one channel is an address to which no mail can go; low disks are this machine's own affair.
FIRING = {"DeliveriesFailing"}
OF_THE_MACHINE = {"DiskLow"}
ONLY_IN_TROUBLE = "copytaster_source_trouble"  # has a sample for each source in trouble, and here none is


def refusing():
    """A site of which one page is gone and one holds no article, and whose items are dated to the second."""
    site = Site("refusing.example")
    site.put(
        "/empty.html", Resource(body=b"<html><title>Nothing</title><body><p>Soon.</p></body></html>", content_type="text/html")
    )
    at = email.utils.format_datetime(dt.datetime.now(dt.UTC))
    items = "".join(
        f"<item><title>{name}</title><link>http://{site.host}/{name}.html</link><pubDate>{at}</pubDate></item>"
        for name in ("gone", "empty")
    )
    feed = f"<rss version='2.0'><channel><title>Refusing</title>{items}</channel></rss>"
    site.put("/feed.xml", Resource(body=feed.encode(), content_type="application/rss+xml"))
    return site


def add_watches(rig):
    rig.add_watches([(watch.slug, watch.query) for watch in WATCHES])
    with rig.store.write() as tx:  # an address to which no mail can go: what is sent there fails at once
        nobody = watches.ensure_channel(tx, "mailto:nobody")
        made_by = {"owner_id": watches.LOCAL.id, "created_at": tx.now, "channel_ids": (nobody.id,)}
        watches.save(tx, Watch(id=WatchId("lost"), name="lost", query="sanction*", **made_by))


@pytest.fixture(scope="module")
def environment(postgresql_server):
    """On PostgreSQL, for SQLite has no connections to count; the web page on a port that we know."""
    with postgresql_server.database(migrated=True) as url:
        yield {
            "COPYTASTER_STORE__URL": url,
            "COPYTASTER_WEB__PORT": str(running.free_port()),
            "COPYTASTER_OPERATOR__TOKEN": TOKEN,
            "COPYTASTER_HEARTBEAT__EVERY_SECONDS": "300",
        }


@pytest.fixture(scope="module")
def rig(environment, tmp_path_factory):
    corpus = load(own_pages.write(tmp_path_factory.mktemp("pages")), now=dt.datetime.now(dt.UTC))
    with Rig(tmp_path_factory.mktemp("rig"), [*corpus.sites, refusing()], environment=environment) as rig:
        environment["COPYTASTER_OPERATOR__TO"] = f'["{rig.sink.url}"]'
        add_watches(rig)
        rig.start()
        yield rig


@pytest.fixture(scope="module")
def page(environment):
    return f"127.0.0.1:{environment['COPYTASTER_WEB__PORT']}"


@pytest.fixture(scope="module")
def watcher(rig, page, tmp_path_factory):
    """Prometheus under our own configuration, but quicker; it looks before anything happens, and then something does."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [f"{RULES}/*.yml"]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [page]}]
    with alertmanager.started(teller(page, tmp_path_factory.mktemp("token"))) as address:
        config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [address]}]}]
        with prometheus.started(config) as started:
            rig.wait(lambda: started.query("copytaster_pages_fetched_total"), 60, "the first scrape")
            rig.add_sources(
                f"http://{site.host}{path}" for site in rig.sites for path in ("/feed.xml", "/sitemap.xml") if site.find(path)
            )
            rig.wait(rig.settled, 90, "the run")
            yield started


def teller(page, folder):
    """Our own Alertmanager configuration, told where this web page is and not to wait for more of the same."""
    (folder / "token").write_text(f"{TOKEN}\n")
    config = yaml.safe_load((DEPLOY / "alertmanager/alertmanager.yml").read_text("utf-8"))
    config["route"]["group_wait"] = "1s"
    for hook in [hook for receiver in config["receivers"] for hook in receiver["webhook_configs"]]:
        hook["url"] = hook["url"].replace("127.0.0.1:8750", page)
        hook["http_config"]["authorization"]["credentials_file"] = str(folder / "token")
    return config


def unanswered(watcher, expressions):
    """Those of the expressions that bring no number at all, though they are given some time."""
    left, until = list(dict.fromkeys(expressions)), time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < until:
        left = [each for each in left if not any(math.isfinite(float(sample["value"][1])) for sample in watcher.query(each))]
        time.sleep(0.5 if left else 0)
    return left


def test_every_panel_has_something_to_show(watcher):
    assert unanswered(watcher, [expression for _, _, expression in monitoring.queries()]) == []


def test_every_recording_rule_records_something(watcher):
    names = [
        name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"
        for name, labels, _ in monitoring.recordings()
    ]
    assert unanswered(watcher, names) == []


def test_every_alert_has_something_to_judge_by(watcher):
    """Its expression without the comparisons; what is absent is asked for itself."""
    rules = [rule["expr"] for rule in monitoring.alerts().values() if ONLY_IN_TROUBLE not in rule["expr"]]
    bare = [re.sub(r" (==|>=|<=|>|<) [\d.]+|\babsent\b", "", rule) for rule in rules]
    assert unanswered(watcher, bare) == []


def test_every_rule_is_worked_out_without_an_error(watcher):
    groups = httpx.get(f"http://127.0.0.1:{watcher.port}/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(monitoring.alerts()) + len(monitoring.recordings())
    assert {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")} == {}


def test_promtool_has_nothing_to_say_against_what_a_running_system_exposes(watcher, page, promtool):
    text = httpx.get(f"http://{page}/metrics", timeout=30).content
    judged = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert [line for line in (judged.stdout + judged.stderr).decode().splitlines() if "copytaster" in line] == []


def test_every_process_of_the_tree_is_measured(watcher):
    roles, until = {"up", "crawl", "read", "send", "beat", "web", "redis"}, time.monotonic() + PATIENCE_SECONDS
    while (found := resident_bytes(watcher)).keys() != roles and time.monotonic() < until:
        time.sleep(0.5)  # after a scrape that took too long there is nothing until the next
    assert found.keys() == roles
    assert min(found.values()) > 1_000_000


def resident_bytes(watcher):
    """By role."""
    samples = watcher.query("sum by (role) (copytaster_process_resident_memory_bytes)")
    return {sample["metric"]["role"]: float(sample["value"][1]) for sample in samples}


def test_an_alert_about_copytaster_reaches_the_operator_through_copytaster_and_no_other_fires(rig, watcher):
    rig.wait(lambda: notices(rig), PATIENCE_SECONDS, "the notice")
    (told,) = notices(rig)
    assert told["title"] == "Firing: DeliveriesFailing"
    assert "deploy/runbook.md#deliveriesfailing" in told["text"]
    firing = {alert["labels"]["alertname"] for alert in watcher.alerts() if alert["state"] == "firing"}
    assert firing - OF_THE_MACHINE == FIRING


def notices(rig):
    told = (yaml.safe_load(line["body"]) for line in rig.received())
    return [each for each in told if each["type"] == "copytaster.notice" and "DeliveriesFailing" in each["title"]]
