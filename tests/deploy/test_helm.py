"""The Helm chart, without a cluster: rendered by helm itself, checked against Kubernetes' own schemas, and against copytaster."""

import functools
import json
import pathlib
import re
import subprocess

import kubernetes_validate
import pytest
import yaml

from copytaster.errors import Rejected
from copytaster.guard import Guard
from copytaster.metrics import GAUGES
from desk.health import LEAST_FREE_BYTES
from desk.serving import Web
from desk.web import make_app
from tests.deploy.deployed import DEPLOY, METRICS_PORT, WEB_PORT, command, configured
from tests.services import finding
from workers.app import STAGES, TASK_SECONDS

pytestmark = pytest.mark.service
CHART = DEPLOY / "helm/copytaster"
KINDS = ("crawl", "ingest", "deliver", "index", "beat", "web")
LEAST, FULL = "least", "full"
# Kinds that Kubernetes does not know, and what of them we write; the operators that bring them have their schemas.
CUSTOM = {
    "ScaledObject": {"scaleTargetRef", "pollingInterval", "minReplicaCount", "maxReplicaCount", "advanced", "triggers"},
    "PodMonitor": {"jobLabel", "selector", "podMetricsEndpoints"},
    "ServiceMonitor": {"jobLabel", "selector", "endpoints"},
    "PrometheusRule": {"groups"},
}
BACK_OFF_SECONDS = 600  # a container that lived longer is restarted at once


def helm(*args):
    return subprocess.run([finding.need("helm"), *args], capture_output=True, text=True, check=False)


@functools.cache
def rendered(values, *more):
    done = helm("template", "news", CHART, "--namespace", "copytaster", "--values", CHART / f"ci/{values}-values.yaml", *more)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each]


def of_kind(kind, values=FULL, *more):
    return {each["metadata"]["name"]: each for each in rendered(values, *more) if each["kind"] == kind}


def pods(values):
    """Every pod's template, by component."""
    found = [each["spec"]["template"] for each in rendered(values) if each["kind"] in ("Deployment", "Job")]
    return {each["metadata"]["labels"]["app.kubernetes.io/component"]: each for each in found}


def container(kind, values=FULL):
    (only,) = pods(values)[kind]["spec"]["containers"]
    return only


both = pytest.mark.parametrize("values", [LEAST, FULL])


@pytest.mark.parametrize(
    "values", [[], ["--values", CHART / "ci/least-values.yaml"], ["--values", CHART / "ci/full-values.yaml"]]
)
def test_helm_finds_nothing_to_blame(values):
    done = helm("lint", "--strict", CHART, *values)
    assert done.returncode == 0, done.stdout + done.stderr


@both
def test_every_object_is_one_that_kubernetes_takes(values):
    for each in rendered(values):
        if each["kind"] in CUSTOM:
            assert each["spec"].keys() <= CUSTOM[each["kind"]]
        else:
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


@both
def test_no_two_objects_share_kind_and_name(values):
    names = [(each["kind"], each["metadata"]["name"]) for each in rendered(values)]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


# -- what must be said --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("less", "sentence"),
    [
        ("settings.COPYTASTER_CRAWL__USER_AGENT=", "who you are"),
        ("networkPolicy.stores=null", "networkPolicy.stores must say"),
        ("secret.existing=", "secret.existing must name a Secret"),
    ],
)
def test_what_it_can_t_do_without_is_asked_for_in_a_sentence(less, sentence):
    done = helm("template", "news", CHART, "--values", CHART / "ci/least-values.yaml", "--set", less)
    assert done.returncode != 0
    assert sentence in done.stderr


@pytest.mark.parametrize("wrong", ["crawl.replcas=3", "image.tag=latest", "autoscaling.kind=magic", "settings.COPYTASTER_X=1"])
def test_a_value_that_is_misspelled_or_makes_no_sense_is_refused(wrong):
    done = helm("template", "news", CHART, "--values", CHART / "ci/least-values.yaml", "--set", wrong)
    assert done.returncode != 0
    assert "copytaster" in done.stderr


def test_every_value_is_explained():
    """Above it, or where a value of the same name first stands."""
    explained, missing, comment = set(), [], False
    for line in (CHART / "values.yaml").read_text("utf-8").splitlines():
        key = re.match(r"( *)(\w+):", line)
        if key:
            if comment:
                explained.add(key[2])
            elif key[2] not in explained and key[2] not in ("requests", "limits", "autoscaling"):
                missing.append(line)
        comment = line.lstrip().startswith("#")
    assert missing == []


def test_the_schema_knows_every_value():
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))

    def unknown(values, known, path):
        properties = known.get("properties")
        if not isinstance(values, dict) or properties is None:
            return []
        return [
            *(f"{path}.{key}" for key in values.keys() - properties.keys()),
            *(
                each
                for key in values.keys() & properties.keys()
                for each in unknown(values[key], properties[key], f"{path}.{key}")
            ),
        ]

    assert unknown(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), schema, "") == []


# -- our processes ------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("kind", [*KINDS, "migrate"])
def test_each_pod_is_shut_in(values, kind):
    spec, only = pods(values)[kind]["spec"], container(kind, values)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in only["volumeMounts"]} >= {"/data", "/tmp"}
    assert {mount["name"] for mount in only["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert "memory" in only["resources"]["limits"]
    assert {"cpu", "memory"} == only["resources"]["requests"].keys()


@both
@pytest.mark.parametrize("kind", [*KINDS, "migrate"])
def test_each_command_is_one_that_copytaster_has(values, kind):
    args = container(kind, values)["args"]
    assert command(args)[0] in {kind, "worker", "status"}
    if "--queue" in args:
        assert args[args.index("--queue") + 1] == kind


def test_every_stage_has_a_worker():
    assert {kind for kind in KINDS if container(kind)["args"][0] == "worker"} == set(STAGES)


def test_a_worker_is_given_the_time_that_its_task_may_take():
    assert all(pods(LEAST)[stage]["spec"]["terminationGracePeriodSeconds"] > TASK_SECONDS for stage in STAGES)


def test_a_crawler_s_run_outlives_the_time_after_which_it_is_restarted_at_once(monkeypatch):
    config = configured(monkeypatch, of_kind("ConfigMap")["news-copytaster"]["data"])
    assert config.crawl.run_seconds > BACK_OFF_SECONDS
    measured = [json.loads(path.read_text("utf-8")) for path in (DEPLOY.parent / "docs/benchmarks").glob("pipeline-*.json")]
    milliseconds = min(run["cpu_ms_per_page"]["crawl"] for run in measured if "crawl" in run.get("cpu_ms_per_page", ()))
    assert config.crawl.run_pages > BACK_OFF_SECONDS * 1_000 / milliseconds  # if its CPU alone held it back


@both
def test_each_setting_is_one_that_copytaster_has(values, monkeypatch):
    for each in [*of_kind("ConfigMap", values).values(), *of_kind("Secret", values).values()]:
        configured(monkeypatch, each.get("data", {}) | each.get("stringData", {}))
    offered = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    configured(monkeypatch, offered["secret"]["values"] | offered["settings"])


@both
@pytest.mark.parametrize("kind", [*KINDS, "migrate"])
def test_each_pod_takes_its_settings_from_objects_that_are_there_when_it_starts(values, kind):
    """A hook runs before the rest of a release is made."""
    ours = {(each["kind"], each["metadata"]["name"]): each for each in rendered(values)}
    for source in container(kind, values)["envFrom"]:
        ((how, reference),) = source.items()
        name = reference["name"]
        if name == "copytaster-addresses":  # the one that is there before
            continue
        found = ours["ConfigMap" if how == "configMapRef" else "Secret", name]
        hook = found["metadata"].get("annotations", {}).get("helm.sh/hook")
        assert hook == ("pre-install,pre-upgrade" if kind == "migrate" else None)


def test_where_a_secret_is_named_none_is_made():
    assert of_kind("Secret", LEAST) == {}
    assert {"secretRef": {"name": "copytaster-addresses"}} in container("web", LEAST)["envFrom"]


def test_a_full_disk_is_told_of_before_the_pod_is_thrown_out_for_it():
    (size,) = {volume["emptyDir"]["sizeLimit"] for volume in pods(LEAST)["web"]["spec"]["volumes"] if volume["name"] == "data"}
    assert int(size.removesuffix("Gi")) * 2**30 > 10 * LEAST_FREE_BYTES


# -- health and ports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_probe_asks_what_is_served(kind, tmp_path, monkeypatch):
    web = make_app(Web(configured(monkeypatch, {"COPYTASTER_DATA_DIR": str(tmp_path)}), None, lambda _stage: 0, "a secret"))
    only = container(kind)
    ports = {port["name"]: port["containerPort"] for port in only["ports"]}
    assert ports == ({"http": WEB_PORT} if kind == "web" else {"metrics": METRICS_PORT})
    probes = [only[name]["httpGet"] for name in only if name.endswith("Probe")]
    assert len(probes) == (3 if kind == "web" else 2)
    for probe in probes:
        assert probe["port"] in ports
        assert probe["path"] in ({route.path for route in web.routes} if kind == "web" else {"/metrics"})


def test_the_service_leads_to_the_web_pods():
    (service,) = of_kind("Service").values()
    assert service["spec"]["selector"].items() <= pods(FULL)["web"]["metadata"]["labels"].items()
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"]


def test_the_world_reaches_what_it_must_and_no_more(tmp_path, monkeypatch):
    web = make_app(Web(configured(monkeypatch, {"COPYTASTER_DATA_DIR": str(tmp_path)}), None, lambda _stage: 0, "a secret"))
    (ingress,) = of_kind("Ingress").values()
    (rule,) = ingress["spec"]["rules"]
    paths = [each["path"] for each in rule["http"]["paths"]]
    reached = {route.path for route in web.routes if route.path.startswith(tuple(paths))}
    assert {path.split("/")[1] for path in reached} == {"unsubscribe", "websub", "style.css"}
    assert of_kind("ConfigMap")["news-copytaster"]["data"]["COPYTASTER_WEB__PUBLIC_URL"] == f"https://{rule['host']}"


# -- scaling and disruption -----------------------------------------------------------------------------------------------


def test_scaling_goes_by_a_metric_and_stages_that_there_are():
    assert GAUGES["copytaster_oldest_due_seconds"][1] == ("stage",)
    for name, scaled in of_kind("ScaledObject").items():
        (trigger,) = scaled["spec"]["triggers"]
        (stage,) = re.findall(r'^max\(copytaster_oldest_due_seconds\{stage="(\w+)"\}\)$', trigger["metadata"]["query"])
        assert stage in (*STAGES, "crawl")
        assert name == f"news-copytaster-{stage}"
        assert scaled["spec"]["scaleTargetRef"]["name"] in of_kind("Deployment")
        assert scaled["spec"]["minReplicaCount"] < scaled["spec"]["maxReplicaCount"]
    assert len(of_kind("ScaledObject")) == 4


def test_the_other_way_of_scaling_asks_for_the_same():
    more = ("--set", "autoscaling.kind=metrics")
    keda = {
        name: (
            each["spec"]["minReplicaCount"],
            each["spec"]["maxReplicaCount"],
            each["spec"]["triggers"][0]["metadata"]["threshold"],
        )
        for name, each in of_kind("ScaledObject").items()
    }
    scalers = of_kind("HorizontalPodAutoscaler", FULL, *more)
    assert of_kind("ScaledObject", FULL, *more) == {}
    for each in scalers.values():
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
    assert keda == {
        name: (
            each["spec"]["minReplicas"],
            each["spec"]["maxReplicas"],
            each["spec"]["metrics"][0]["external"]["target"]["value"],
        )
        for name, each in scalers.items()
    }


@pytest.mark.parametrize("kind", ["keda", "none"])
def test_a_number_of_pods_is_set_by_one_alone(kind):
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in of_kind("ScaledObject", FULL, "--set", f"autoscaling.kind={kind}").values()
    }
    for name, each in of_kind("Deployment", FULL, "--set", f"autoscaling.kind={kind}").items():
        assert ("replicas" in each["spec"]) is (name not in scaled)
    assert bool(scaled) is (kind == "keda")


def test_no_drain_is_held_up_for_ever_and_none_takes_all_of_a_kind():
    budgets = of_kind("PodDisruptionBudget")
    assert budgets.keys() == of_kind("Deployment").keys()
    for name, budget in budgets.items():
        assert budget["spec"]["maxUnavailable"] == 1
        wanted = of_kind("Deployment")[name]["spec"]["selector"]
        assert budget["spec"]["selector"] == wanted


# -- networks -----------------------------------------------------------------------------------------------------------


def chosen(policy, kind):
    """Whether a policy is for the pods of a kind."""
    selector, labels = policy["spec"]["podSelector"], pods(FULL)[kind]["metadata"]["labels"]
    terms = selector.get("matchExpressions", ())
    return selector["matchLabels"].items() <= labels.items() and all(labels[each["key"]] in each["values"] for each in terms)


@pytest.mark.parametrize("kind", [*KINDS, "migrate"])
def test_nothing_comes_in_or_goes_out_but_by_a_rule(kind):
    (nothing,) = [each for name, each in of_kind("NetworkPolicy").items() if name.endswith("-nothing")]
    assert chosen(nothing, kind)
    assert nothing["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not nothing["spec"].keys() & {"ingress", "egress"}


def test_only_what_reads_sites_and_sends_alerts_reaches_the_world():
    policies = of_kind("NetworkPolicy").values()
    out = [each for each in policies if any("0.0.0.0/0" in json.dumps(rule) for rule in each["spec"].get("egress", ()))]
    assert {kind for kind in (*KINDS, "migrate") for each in out if chosen(each, kind)} == {"crawl", "deliver", "beat"}


def test_the_notes_show_commands_in_pods_that_reach_the_world():
    """`source add` looks at the site."""
    notes = (CHART / "templates/NOTES.txt").read_text("utf-8")
    (world,) = [each for name, each in of_kind("NetworkPolicy").items() if name.endswith("-world")]
    shown = re.findall(r"exec deployment/\{\{.*?\}\}-(\w+) -- copytaster", notes)
    assert shown
    assert all(chosen(world, kind) for kind in shown)


def test_what_the_network_denies_our_own_guard_denies_too():
    (world,) = [each for name, each in of_kind("NetworkPolicy").items() if name.endswith("-world")]
    blocks = [peer["ipBlock"] for peer in world["spec"]["egress"][0]["to"]]
    assert {"10.0.0.0/8", "169.254.0.0/16", "127.0.0.0/8", "100.64.0.0/10"} <= set(blocks[0]["except"])
    for network in [each for block in blocks for each in block["except"]]:
        first = network.partition("/")[0]
        with pytest.raises(Rejected):
            Guard().check_address(first + "1" if first.endswith("::") else first.removesuffix("0") + "9")


# -- monitoring ---------------------------------------------------------------------------------------------------------


def test_the_rules_are_prometheus_own_to_the_byte():
    ours = {path.name: path.read_bytes() for path in (CHART / "files/rules").glob("*.yml")}
    assert ours == {path.name: path.read_bytes() for path in (DEPLOY / "prometheus/rules").glob("*.yml")}, (
        "run: cp deploy/prometheus/rules/*.yml deploy/helm/copytaster/files/rules/"
    )
    given = [each["spec"]["groups"] for each in of_kind("PrometheusRule").values()]
    assert sorted(group["name"] for groups in given for group in groups) == sorted(
        group["name"] for text in ours.values() for group in yaml.safe_load(text)["groups"]
    )


def test_monitors_find_every_pod_under_the_name_that_the_rules_look_for():
    (pod,), (service,) = of_kind("PodMonitor").values(), of_kind("ServiceMonitor").values()
    assert [each["port"] for each in (*pod["spec"]["podMetricsEndpoints"], *service["spec"]["endpoints"])] == ["metrics", "http"]
    for monitor, labels in (
        *((pod, pods(FULL)[kind]["metadata"]["labels"]) for kind in KINDS),
        (service, of_kind("Service")["news-copytaster-web"]["metadata"]["labels"]),
    ):
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert labels[monitor["spec"]["jobLabel"]] == "copytaster"


def test_prometheus_without_an_operator_finds_them_too():
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus-kubernetes.yml").read_text("utf-8"))
    keep = config["scrape_configs"][0]["relabel_configs"][0]
    prefix = "__meta_kubernetes_pod_label_"
    labels = {prefix + re.sub(r"\W", "_", name): value for name, value in pods(FULL)["crawl"]["metadata"]["labels"].items()}
    assert re.fullmatch(keep["regex"], f"{labels[keep['source_labels'][0]]};{container('crawl')['ports'][0]['name']}")
    assert re.fullmatch(keep["regex"], f"copytaster;{container('web')['ports'][0]['name']}")


def test_the_chart_s_version_of_copytaster_is_this_one():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = (pathlib.Path(DEPLOY).parent / "pyproject.toml").read_text("utf-8")
    assert f'version = "{chart["appVersion"]}"' in project
