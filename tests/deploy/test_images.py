"""The image, without an engine to build it: its Dockerfile is read, and its build's commands are run in a folder."""

import contextlib
import fnmatch
import http.server
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import threading
import tomllib

import pytest

from tests.deploy.deployed import DEPLOY, METRICS_PORT, ROOT, WEB_PORT, command, configured, environment, stages

FINAL = ("service", "browser")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def copied(steps):
    """What COPY takes from the tree."""
    return [source for step in steps if step.does == "COPY" and "--from=" not in step.text for source in step.words[:-1]]


def let_through(path):
    """Whether the builder gets to see it: the last rule that names it or a folder above it decides."""
    seen = True
    for rule in (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines():
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!")
            above = [path, *map(str, pathlib.PurePosixPath(path).parents)][:-1]
            if any(fnmatch.fnmatch(each, pattern) for each in above):
                seen = rule.startswith("!")
    return seen


@pytest.mark.parametrize("source", sorted({each for steps in stages().values() for each in copied(steps)}))
def test_what_is_copied_is_there_and_reaches_the_builder(source):
    assert (ROOT / source).exists()
    assert let_through(source)


@pytest.mark.parametrize("path", [".git/config", ".venv/bin/python", "deploy/.env", "copytaster.toml", "copytaster-data/secret"])
def test_history_data_and_secrets_do_not_reach_the_builder(path):
    assert not let_through(path)


def test_the_wheel_s_packages_are_what_the_builder_gets():
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) <= set(copied(stages()["wheel"]))


def test_every_stage_starts_from_one_image_that_is_named_with_its_version():
    (image,) = {step.text for step in stages()[""]}
    name, _, tag = image.partition("=")[2].partition(":")
    assert name == "python"
    assert re.fullmatch(r"3\.\d+-slim-[a-z]+", tag)
    origins = {step.words[0] for steps in stages().values() for step in steps if step.does == "FROM"}
    assert origins <= {"${PYTHON_IMAGE}", *stages()}


@pytest.mark.parametrize("stage", FINAL)
def test_it_runs_as_nobody_that_the_host_knows(stage):
    assert [step.text for step in stages()[stage] if step.does == "USER"][-1] == "10001:10001"
    assert stages()[stage][-1].does == "USER"


def test_the_last_stage_is_the_one_without_a_browser():
    assert list(stages())[-1] == "service"
    assert "chromium" not in " ".join(step.text for step in stages()["service"])


@pytest.mark.parametrize("stage", FINAL)
def test_its_settings_are_ones_that_copytaster_has(stage, monkeypatch):
    config = configured(monkeypatch, environment(stages()[stage]))
    assert (config.web.port, config.metrics.port) == (WEB_PORT, METRICS_PORT)
    assert {config.web.host, config.metrics.host} == {"0.0.0.0"}
    assert config.crawl.render == (stage == "browser")


@pytest.mark.parametrize("stage", FINAL)
def test_it_exposes_the_ports_on_which_it_listens_and_keeps_its_data_in_a_volume(stage):
    steps = {step.does: step for step in stages()[stage]}
    assert steps["EXPOSE"].words == [str(WEB_PORT), str(METRICS_PORT)]
    assert steps["VOLUME"].words == [environment(stages()[stage])["COPYTASTER_DATA_DIR"]]


def test_no_secret_is_built_in():
    names = [
        word.partition("=")[0]
        for steps in stages().values()
        for step in steps
        if step.does in ("ENV", "ARG")
        for word in step.words
    ]
    assert [name for name in names if re.search("SECRET|TOKEN|PASSWORD|KEY|URL", name)] == []


def test_signals_reach_copytaster_and_a_stuck_process_can_end_itself():
    """Process 1 is tini: the kernel ignores a SIGKILL that process 1 sends itself, as a stuck worker does."""
    steps = {step.does: step for step in stages()["service"]}
    entry = json.loads(steps["ENTRYPOINT"].text)
    assert entry == ["/usr/bin/tini", "--", "copytaster"]
    assert command(json.loads(steps["CMD"].text)) == ["up"]


def test_its_version_is_the_project_s():
    labels = " ".join(step.text for step in stages()["service"] if step.does == "LABEL")
    assert f'org.opencontainers.image.version="{PROJECT["project"]["version"]}"' in labels
    assert f'org.opencontainers.image.licenses="{PROJECT["project"]["license"]}"' in labels


# -- its health ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def answering(path, status=200):
    """A server on loopback that knows one path; its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status if self.path == path else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


def exit_code(monkeypatch, web, metrics):
    monkeypatch.setenv("COPYTASTER_WEB__PORT", web)
    monkeypatch.setenv("COPYTASTER_METRICS__PORT", metrics)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(DEPLOY / "healthy.py"), run_name="__main__")
    return int(ended.value.code)


@pytest.mark.slow
def test_a_web_page_or_metrics_that_answer_are_healthy_and_silence_or_an_error_is_not(monkeypatch):
    nobody = "1"  # nothing listens there
    with answering("/health/live") as web, answering("/metrics") as metrics, answering("/metrics", 500) as ill:
        assert exit_code(monkeypatch, web, nobody) == 0
        assert exit_code(monkeypatch, nobody, metrics) == 0
        assert exit_code(monkeypatch, nobody, ill) == 1
        assert exit_code(monkeypatch, nobody, nobody) == 1


# -- its build ----------------------------------------------------------------------------------------------------------


def elsewhere(line, folder):
    """The same command with the image's folders below this one, and without the builder's caches."""
    places = {"/opt/copytaster": folder / "opt", "/dist": folder / "dist", "/tmp": folder}
    return re.sub("|".join(places), lambda found: str(places[found[0]]), re.sub(r"--mount=\S+", "", line))


def builders():
    """The environment of a build; what is compiled there needs no time here."""
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "UV_LINK_MODE": "hardlink", "UV_PYTHON": sys.executable}


@pytest.mark.slow
def test_what_the_build_runs_gives_a_program_that_an_unprivileged_user_can_run(tmp_path):
    """The builder's own RUN lines, in a folder instead of an image; only the base's apt-get can't be run so."""
    source = tmp_path / "src"
    source.mkdir()
    for name in dict.fromkeys(copied(stages()["wheel"]) + copied(stages()["plain"])):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    lines = [step.text for step in stages()["wheel"] + stages()["plain"] if step.does == "RUN"]
    ours = [line for line in dict.fromkeys(lines) if "--root-user-action" not in line]  # that one brings uv, which is here
    assert len(ours) == 3
    for line in ours:
        done = subprocess.run(
            ["/bin/sh", "-c", elsewhere(line, tmp_path)], cwd=source, env=builders(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    version = subprocess.run(
        [tmp_path / "opt/bin/copytaster", "--version"], cwd="/", env={"HOME": "/"}, capture_output=True, text=True, check=True
    )
    assert version.stdout == f"copytaster {PROJECT['project']['version']}\n"
    tools = {path.name for path in (tmp_path / "opt/bin").iterdir()}
    assert not tools & {"pytest", "ruff", "mypy", "playwright"}
