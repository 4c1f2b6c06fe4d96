"""The command line as tests call it: in this process with its exit code and both streams, or as the real console script."""

import io
import json
import os
import pathlib
import subprocess
import sys

import pytest

from copytaster.config import load
from desk.cli import main
from workers.bootstrap import open_store

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = "import sys\nfrom desk.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


class Done:
    """What a call left: ``code``, ``out``, ``err``."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def records(self):
        return [json.loads(line) for line in self.out.split("\n") if line]

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with no configuration but that loopback may be reached and no heart beats."""
    for name in [name for name in os.environ if name.startswith("COPYTASTER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COPYTASTER_HEARTBEAT__EVERY_SECONDS", "0")
    monkeypatch.setenv("COPYTASTER_GUARD__ALLOW", '["127.0.0.1"]')
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_store(folder):
    """The store that the configuration of the folder names, by the real clock."""
    opened = open_store(load())
    yield opened
    opened.close()


@pytest.fixture
def call(folder, capsys, monkeypatch):
    """``call("watch", "list", stdin=b"")``: the whole command line but for the start of an interpreter."""

    def called(*args, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(arg) for arg in args])
        said = capsys.readouterr()
        return Done(ended.value.code, said.out, said.err)

    return called


@pytest.fixture(scope="session")
def script(tmp_path_factory):
    """A console script as installers write it; ours, not that of whatever release is on the path."""
    path = tmp_path_factory.mktemp("bin") / "copytaster"
    path.write_text(f"#!{sys.executable}\n{SCRIPT}")
    path.chmod(0o755)
    return path


@pytest.fixture
def run(folder, script):
    """``run("--help")``: the real script in a process of its own."""

    def ran(*args, env=None, **options):
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        how = {"capture_output": True, "timeout": 60, "cwd": folder} | options
        return subprocess.run([script, *map(str, args)], env=variables, check=False, **how)

    return ran


def is_one_sentence(err):
    """One line that a person can read, and never a traceback."""
    lines = [line for line in err.strip().split("\n") if line]
    return len(lines) == 1 and lines[0].startswith("copytaster: ") and lines[0][-1] in ".?…" and "Traceback" not in err
