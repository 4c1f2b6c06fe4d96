"""The compose file, without an engine to run it: its form, what it names, and what it says of who may do what.

Its scripts are run, against a Redis, a Prometheus' and an Alertmanager's own checks, and a stand-in for Elasticsearch.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import pytest
import redis
import yaml

from desk.serving import Web
from desk.web import make_app
from tests.deploy.deployed import DEPLOY, METRICS_PORT, WEB_PORT, command, compose, configured, dotenv, interpolated
from tests.services import finding, running
from workers.app import STAGES

OURS = ("migrate", "key", "crawl", "ingest", "deliver", "index", "beat", "web")
ONCE = ("migrate", "key", "accounts", "dashboards")
OPTIONAL = ("COPYTASTER_MAIL__URL", "COPYTASTER_WEB__PUBLIC_URL", "COPYTASTER_SEARCH__API_KEY")
WRITES_BESIDE_ITSELF = ("elasticsearch", "kibana")
EXAMPLE = dotenv((DEPLOY / ".env.example").read_text("utf-8"))
FILLED = {name: value or f"x{number}" for number, (name, value) in enumerate(EXAMPLE.items())} | {"COPYTASTER_MAIL__URL": ""}
SERVICES = interpolated(compose(), FILLED)["services"]
every = pytest.mark.parametrize("name", SERVICES)


def test_it_is_a_compose_file():
    program = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@every
def test_each_image_is_named_with_its_version(name):
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.search(r"\d", tag), SERVICES[name]["image"]


@every
def test_each_process_is_shut_in(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name not in WRITES_BESIDE_ITSELF)
    assert service.get("user", "") not in ("0", "root", "0:0")
    assert not service.get("privileged", False)


@every
def test_each_process_has_limits_and_an_end_of_its_logs(name):
    assert {"cpus", "memory", "pids"} <= SERVICES[name]["deploy"]["resources"]["limits"].keys()
    assert "max-size" in SERVICES[name]["logging"]["options"]


@every
def test_what_ends_is_started_again_but_for_what_runs_once(name):
    assert SERVICES[name]["restart"] == ("no" if name in ONCE else "unless-stopped")


@every
def test_what_stays_is_asked_for_its_health(name):
    """Those of ours by the check that their image brings."""
    check = SERVICES[name].get("healthcheck", {})
    assert check.get("disable", False) is (name in ONCE)
    assert name in ONCE + OURS or check["test"]


@every
def test_every_file_that_is_mounted_is_there(name):
    mounted = [each.split(":")[0] for each in SERVICES[name].get("volumes", ())]
    assert [path for path in mounted if path.startswith(".") and not (DEPLOY / path).exists()] == []
    assert {path for path in mounted if not path.startswith(".")} <= compose()["volumes"].keys()


@every
def test_nothing_waits_for_what_can_t_come(name):
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        assert wanted["condition"] == ("service_completed_successfully" if other in ONCE else "service_healthy")


@every
def test_a_read_only_container_is_given_no_secret_that_compose_would_have_to_copy_into_it(name):
    """docker/compose 12303."""
    assert "secrets" not in SERVICES[name]
    assert "configs" not in SERVICES[name]


# -- who reaches whom ---------------------------------------------------------------------------------------------------


def test_only_what_people_look_at_is_published_and_on_loopback_alone():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"web", "kibana", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_only_what_reads_sites_and_sends_alerts_has_a_way_out():
    networks = compose()["networks"]
    assert networks["inside"] == {"internal": True}
    assert networks["front"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {"crawl", "deliver", "beat"}
    assert {name for name, service in SERVICES.items() if "front" in service["networks"]} == {"web", "kibana", "grafana"}
    assert all("inside" in service["networks"] for service in SERVICES.values())


def test_commands_that_look_at_a_site_are_shown_where_a_site_can_be_reached():
    text = "\n".join((DEPLOY.parent / page).read_text("utf-8") for page in ("docs/deploying.md", "deploy/runbook.md"))
    shown = re.findall(r"docker compose -f deploy/compose\.yaml exec (\w+) copytaster", text)
    assert shown
    assert all("outside" in SERVICES[name]["networks"] for name in shown)


# -- our own processes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_each_setting_is_one_that_copytaster_has(name, monkeypatch):
    config = configured(monkeypatch, SERVICES[name]["environment"])
    assert (bool(config.store.url), bool(config.redis.url), bool(config.search.url)) == (True, True, True)
    assert config.search.replicas == 0


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_that_copytaster_has(name):
    assert command(SERVICES[name]["command"])[0] in {name, "worker", "status", "check"}


def test_every_stage_has_a_worker():
    commands = [service["command"] for service in SERVICES.values() if service.get("command", ())[:1] == ["worker"]]
    queues = [args[position + 1] for args in commands for position, arg in enumerate(args) if arg == "--queue"]
    assert sorted(queues) == sorted(STAGES)


@pytest.mark.parametrize(
    "name",
    [name for name, value in EXAMPLE.items() if not value and name not in OPTIONAL],
)
def test_it_does_not_start_without_a_password_and_names_the_one_that_lacks(name):
    with pytest.raises(KeyError, match=f"put {name} into deploy/.env"):
        interpolated(compose(), {**FILLED, name: ""})


def test_the_printed_line_makes_every_password_that_it_asks_for(tmp_path):
    (loop,) = re.findall(
        r"^for name in .*?^done$", (DEPLOY.parent / "docs/deploying.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    shutil.copy(DEPLOY / ".env.example", tmp_path / "env")
    subprocess.run(["/bin/bash", "-euc", loop.replace("deploy/.env", "env")], cwd=tmp_path, check=True)
    made = dotenv((tmp_path / "env").read_text("utf-8"))
    passwords = [value for name, value in made.items() if value and not EXAMPLE[name]]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 32
    interpolated(compose(), made | {"COPYTASTER_CRAWL__USER_AGENT": "news/1.0 (+https://example.org/bot)"})


def test_the_example_holds_every_variable_and_no_other():
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == EXAMPLE.keys()


def test_the_example_gives_no_password_away():
    assert {name: EXAMPLE[name] for name in EXAMPLE if re.search("PASSWORD|SECRET|TOKEN|KEY", name) and EXAMPLE[name]} == {}


# -- what looks at it ---------------------------------------------------------------------------------------------------


def routes(tmp_path, monkeypatch):
    web = Web(configured(monkeypatch, {"COPYTASTER_DATA_DIR": str(tmp_path)}), None, lambda _stage: 0, "a secret")
    return {route.path for route in make_app(web).routes}


def test_prometheus_reads_every_process_of_ours_where_it_listens():
    (job,) = yaml.safe_load((DEPLOY / "compose/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    asked = {name: each["port"] for each in job["dns_sd_configs"] for name in each["names"]}
    assert asked == {name: WEB_PORT if name == "web" else METRICS_PORT for name in OURS if name not in ONCE}
    assert job["job_name"] == "copytaster"


@pytest.mark.service
def test_prometheus_takes_its_configuration_with_our_rules(tmp_path):
    shutil.copy(DEPLOY / "compose/prometheus.yml", tmp_path)
    shutil.copytree(DEPLOY / "prometheus/rules", tmp_path / "rules")
    program = [finding.need("promtool"), "check", "config", tmp_path / "prometheus.yml"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.service
def test_alertmanager_s_configuration_is_ours_but_calls_the_web_service(tmp_path, monkeypatch):
    script = SERVICES["alertmanager"]["command"][0].replace(
        "/etc/alertmanager/alertmanager.yml", str(DEPLOY / "alertmanager/alertmanager.yml")
    )
    script = script.replace("/run/alertmanager", str(tmp_path)).replace("exec /bin/alertmanager", ": would run")
    variables = {**os.environ, "OPERATOR_TOKEN": "a token"}
    subprocess.run(["/bin/sh", "-euc", script], env=variables, check=True)
    written = yaml.safe_load((tmp_path / "alertmanager.yml").read_text("utf-8"))
    token = tmp_path / "copytaster-token"
    hooks = [hook for receiver in written["receivers"] for hook in receiver["webhook_configs"]]
    assert hooks
    for hook in hooks:
        host, _, path = hook["url"].removeprefix("http://").partition("/")
        assert host == f"web:{WEB_PORT}"
        assert f"/{path}" in routes(tmp_path, monkeypatch)
        assert hook["http_config"]["authorization"]["credentials_file"] == str(token)
    assert (token.read_text("utf-8"), token.stat().st_mode & 0o777) == ("a token", 0o600)
    checked = subprocess.run(
        [finding.need("amtool"), "check-config", tmp_path / "alertmanager.yml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_grafana_finds_its_dashboards_and_prometheus_where_they_are():
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    assert [each["url"] for each in source["datasources"]] == ["http://prometheus:9090"]
    boards = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/copytaster.yml").read_text("utf-8"))
    mounted = {target: path for path, target, *_ in (each.split(":") for each in SERVICES["grafana"]["volumes"])}
    (provider,) = boards["providers"]
    assert mounted[provider["options"]["path"]] == "./grafana/dashboards"


# -- its scripts --------------------------------------------------------------------------------------------------------


@pytest.mark.service
def test_redis_asks_for_its_password_and_never_evicts(tmp_path):
    program, port = finding.need("redis"), running.free_port()
    script = SERVICES["redis"]["command"][-1].replace("redis-server -", f"{program} - --port {port} --bind 127.0.0.1")
    script = script.replace("--dir /data", f"--dir {tmp_path}")
    started = ["/usr/bin/env", "REDIS_PASSWORD=a password", "/bin/sh", "-c", script]
    with running.running(started, lambda: running.accepts(port), cwd=tmp_path) as server:
        assert "a password" not in " ".join(_arguments(server.pid))
        with redis.Redis(port=port, password="a password") as client:
            assert client.config_get("maxmemory-policy", "appendonly") == {"maxmemory-policy": "noeviction", "appendonly": "yes"}
        with redis.Redis(port=port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def _arguments(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")


@contextlib.contextmanager
def stand_in(answer):
    """A server that answers all with the same, and keeps what it was asked."""
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            asked.append((self.command, self.path, self.headers["authorization"], body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT  # noqa: N815  the library's own name

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def run(name, places, **variables):
    script = (DEPLOY / "compose" / name).read_text("utf-8")
    for place, stand_in_for_it in places.items():
        script = script.replace(place, stand_in_for_it)
    return subprocess.run(
        ["/bin/bash", "-c", script], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


PASSWORDS = {"ELASTIC_PASSWORD": "e1", "KIBANA_PASSWORD": "k1"}


def test_the_accounts_script_gives_kibana_s_account_its_password(tmp_path):
    with stand_in(b"{}") as (host, asked):
        done = run("accounts.sh", {"elasticsearch:9200": host, "/tmp": str(tmp_path)}, **PASSWORDS)
    assert done.returncode == 0, done.stderr
    ((method, path, login, body),) = asked
    assert (method, path) == ("PUT", "/_security/user/kibana_system/_password")
    assert login == "Basic ZWxhc3RpYzplMQ=="  # elastic:e1
    assert json.loads(body) == {"password": "k1"}


def test_the_dashboards_script_posts_every_file_and_tells_of_one_that_kibana_refuses(tmp_path):
    places = {"/objects": str(DEPLOY / "kibana")}
    with stand_in(b'{"success":true}') as (host, asked):
        assert run("dashboards.sh", {"kibana:5601": host, **places}, **PASSWORDS).returncode == 0
    assert len(asked) == len(list((DEPLOY / "kibana").glob("*.ndjson"))) > 0
    with stand_in(b'{"success":false,"errors":[]}') as (host, _):
        refused = run("dashboards.sh", {"kibana:5601": host, **places}, **PASSWORDS)
    assert refused.returncode == 1
    assert "Kibana did not take" in refused.stderr
