"""The systemd units, without a system to boot: read by systemd itself, measured for their hardening, and against copytaster."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from tests.deploy.deployed import DEPLOY, METRICS_PORT, WEB_PORT, command, configured
from tests.services import finding
from workers.app import STAGES, TASK_SECONDS

UNITS = DEPLOY / "systemd"
PROGRAM = "/opt/copytaster/bin/copytaster"
INSTANCES = {  # every unit as it would be started, and the file that it is made from
    "copytaster-up.service": "copytaster-up.service",
    "copytaster-migrate.service": "copytaster-migrate.service",
    "copytaster-backup.service": "copytaster-backup.service",
    "copytaster-beat.service": "copytaster-beat.service",
    "copytaster-web.service": "copytaster-web.service",
    **{f"copytaster-crawl@{number}.service": "copytaster-crawl@.service" for number in (1, 2)},
    **{f"copytaster-worker@{stage}.service": "copytaster-worker@.service" for stage in STAGES},
}
ONCE = ("copytaster-migrate.service", "copytaster-backup.service")
every = pytest.mark.parametrize("name", INSTANCES)


def read(*paths):
    """{(section, name): [value, …]} of unit files, the later ones added to the former."""
    found, section = {}, ""
    for line in "\n".join(path.read_text("utf-8") for path in paths).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault((section, name), []).append(value)
    return found


def files(name):
    """The unit's own, and what systemd adds to it: for all of its prefix, then for this instance."""
    folders = [UNITS / "copytaster-.service.d", UNITS / f"{name}.d"]
    return [UNITS / INSTANCES[name], *(path for folder in folders for path in sorted(folder.glob("*.conf")))]


def unit(name):
    return read(*files(name))


def environment(name):
    said = " ".join(unit(name).get(("Service", "Environment"), ()))
    return dict(each.split("=", 1) for each in shlex.split(said.replace("%i", instance(name))))


def instance(name):
    return re.sub(r".*@|\.service$", "", name)


def args(name):
    """What copytaster is started with."""
    (line,) = unit(name)["Service", "ExecStart"]
    line = line.replace("$ARGS", environment(name).get("ARGS", "")).replace("%i", instance(name)).replace("%%", "%")
    return shlex.split(re.search(rf"{PROGRAM} ([^']+)", line)[1])


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units as systemd would find them, each instance as a file of its own; their program is one that is there."""
    folder = tmp_path_factory.mktemp("systemd")
    for path in UNITS.iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    for name, origin in INSTANCES.items():
        text = (UNITS / origin).read_text("utf-8").replace(PROGRAM, "/bin/true")
        (folder / name).write_text(text, "utf-8")
    return folder


def analyze(installed, *args):
    variables = {**os.environ, "SYSTEMD_UNIT_PATH": f"{installed}:/lib/systemd/system", "SYSTEMD_COLORS": "0"}
    program = [finding.need("systemd-analyze"), *args]
    return subprocess.run(program, env=variables, cwd=installed, capture_output=True, text=True, check=False)


@pytest.mark.service
def test_systemd_understands_every_line_of_every_unit(installed):
    units = [*INSTANCES, "copytaster.target", "copytaster-backup.timer"]
    done = analyze(installed, "verify", "--man=no", *(f"./{name}" for name in units))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.service
def test_systemd_finds_little_that_any_of_them_could_do_harm_with(installed):
    """Of 10; 1.4 is what is left to a program that must reach the network."""
    done = analyze(installed, "security", "--offline=true", "--threshold=15", "--no-pager", *(f"./{name}" for name in INSTANCES))
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line.startswith("✗") or "→" in line)
    assert done.stdout.count("Overall exposure level") == len(INSTANCES)


@every
def test_each_command_is_one_that_copytaster_has(name):
    kind = name.removeprefix("copytaster-").partition("@")[0].removesuffix(".service")
    assert command(args(name)) == ["status" if kind == "migrate" else kind]


@every
def test_each_setting_is_one_that_copytaster_has(name, monkeypatch):
    config = configured(monkeypatch, {key: value for key, value in environment(name).items() if key != "COPYTASTER_CONFIG"})
    (folder,) = unit(name)["Service", "StateDirectory"]
    assert str(config.data_dir) == f"/var/lib/{folder}"


def test_no_two_processes_of_a_machine_want_one_port(monkeypatch):
    ports = [environment(name).get("COPYTASTER_METRICS__PORT") for name in INSTANCES]
    taken = [port for port in ports if port] + [str(WEB_PORT)]
    assert len(taken) == len(set(taken)) == len(STAGES) + 4  # two crawlers, beat, web
    assert str(METRICS_PORT) in taken


def test_a_command_by_hand_runs_with_the_user_and_the_settings_of_the_units(tmp_path):
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', "utf-8")
    (tmp_path / "systemd-run").chmod(0o755)
    variables = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    program = [UNITS / "copytaster.sh", "source", "add", "two words"]
    said = subprocess.run(program, env=variables, capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[said.index(PROGRAM) :] == [PROGRAM, "source", "add", "two words"]
    given, units = said[: said.index(PROGRAM)], read(UNITS / "copytaster-.service.d/10-hardened.conf")
    for name, option in (
        ("User", "--uid="),
        ("Group", "--gid="),
        ("WorkingDirectory", "--working-directory="),
        ("UMask", "--property=UMask="),
        ("EnvironmentFile", "--property=EnvironmentFile="),
    ):
        assert option + units["Service", name][0] in given
    settings = units["Service", "Environment"][0].split()
    assert {f"--setenv={each}" for each in settings if "LOG_FORMAT" not in each} <= set(given)


def test_prometheus_reads_each_process_where_its_unit_lets_it_listen():
    ports = {}
    for group in yaml.safe_load((DEPLOY / "prometheus/targets/copytaster.yml").read_text("utf-8")):
        asked = {target.rpartition(":")[2] for target in group["targets"]}
        ports.setdefault(group["labels"]["role"], set()).update(asked)
    given = {"web": {str(WEB_PORT)}}
    for name in INSTANCES:
        port = environment(name).get("COPYTASTER_METRICS__PORT")
        if port:
            kind = name.removeprefix("copytaster-").removesuffix(".service")
            role = kind.partition("@")[2] if kind.startswith("worker@") else kind.partition("@")[0]
            given.setdefault(role, set()).add(port)
    assert ports == given


def test_every_stage_has_a_worker_that_may_finish_its_task():
    for stage in STAGES:
        found = unit(f"copytaster-worker@{stage}.service")
        assert int(found["Service", "TimeoutStopSec"][-1]) > TASK_SECONDS
        assert found["Service", "KillMode"] == ["mixed"]  # the pool's children are ended by their own master


@every
def test_what_ends_is_started_again_even_where_it_ended_well(name):
    """A crawler's run is bounded."""
    found = unit(name)
    assert found.get(("Service", "Restart")) == (None if name in ONCE else ["always"])
    assert found.get(("Unit", "StartLimitIntervalSec")) == (None if name in ONCE else ["0"])
    assert found["Service", "Type"] == ["oneshot" if name in ONCE else "exec"]


@every
def test_each_has_limits_and_a_page_that_tells_of_it(name):
    found = unit(name)
    assert found["Service", "MemoryMax"]
    assert found["Service", "TasksMax"]
    (page,) = found["Unit", "Documentation"]
    assert (DEPLOY.parent / page.removeprefix("file:/usr/share/doc/copytaster/")).exists()


def test_the_target_takes_all_but_the_single_machine_with_it():
    members = {name for name in INSTANCES if unit(name).get(("Install", "WantedBy")) == ["copytaster.target"]}
    assert members == INSTANCES.keys() - {"copytaster-up.service", "copytaster-backup.service"}
    assert all(unit(name)["Unit", "PartOf"] == ["copytaster.target"] for name in members)
    single = unit("copytaster-up.service")
    assert single["Unit", "Conflicts"] == ["copytaster.target"]
    assert single["Install", "Alias"] == ["copytaster.service"]


@pytest.mark.service
def test_each_backup_has_a_name_of_its_own_in_a_folder_that_is_made_for_it(tmp_path):
    finding.need("systemd-analyze")
    (line,) = unit("copytaster-backup.service")["Service", "ExecStart"]
    shell, option, script = shlex.split(line.replace("%%", "%"))
    said = subprocess.run(
        [shell, option, script.replace(f"exec {PROGRAM}", "echo")], capture_output=True, text=True, check=True
    ).stdout
    assert re.fullmatch(r"backup /var/backups/copytaster/\d{4}-\d\d-\d\dT\d{6}\.backup\n", said)
    (writable,) = unit("copytaster-backup.service")["Service", "ReadWritePaths"]
    assert writable == "/var/backups/copytaster"
    assert f"d {writable} " in (UNITS / "tmpfiles.conf").read_text("utf-8")
    again = analyze(tmp_path, "calendar", read(UNITS / "copytaster-backup.timer")["Timer", "OnCalendar"][0])
    assert again.returncode == 0, again.stderr


@pytest.mark.service
def test_its_user_and_its_folders_are_made_so_that_nobody_else_reads_them(tmp_path):
    finding.need("systemd-analyze")  # these come with it
    for folder in ("etc/copytaster", "var/backups", "var/lib"):
        (tmp_path / folder).mkdir(parents=True)
    for secret in ("environment", "copytaster.toml"):
        (tmp_path / "etc/copytaster" / secret).write_text("x", "utf-8")
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", UNITS / "sysusers.conf"], check=True, capture_output=True)
    assert re.search(r"^copytaster:.*:/var/lib/copytaster:", (tmp_path / "etc/passwd").read_text("utf-8"), re.MULTILINE)
    if os.getuid() == 0:  # it gives folders to others
        program = ["systemd-tmpfiles", f"--root={tmp_path}", "--create", UNITS / "tmpfiles.conf"]
        subprocess.run(program, check=True, capture_output=True)
        modes = {
            path: (tmp_path / path).stat().st_mode & 0o777 for path in ("var/backups/copytaster", "etc/copytaster/environment")
        }
        assert modes == {"var/backups/copytaster": 0o700, "etc/copytaster/environment": 0o600}
