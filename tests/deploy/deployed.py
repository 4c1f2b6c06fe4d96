"""What lies under deploy/ for images, compose, Kubernetes and systemd, as data, and what it must agree with."""

import functools
import pathlib
import re
import shlex
from dataclasses import dataclass

import yaml

from copytaster.config import Config, Section
from desk.commands.root import root

ROOT = pathlib.Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
WEB_PORT, METRICS_PORT = 8750, 9464
CHANGES = re.compile(r"\$\$|\$\{(?P<name>\w+)(?P<form>:[-?])?(?P<rest>[^}]*)\}")  # compose's variables


def settings():
    """Every environment variable that Config reads."""
    names = {"COPYTASTER_CONFIG"}
    for name, field in Config.model_fields.items():
        inner = type(field.default).model_fields if isinstance(field.default, Section) else None
        names |= {f"COPYTASTER_{name}__{each}".upper() for each in inner} if inner else {f"COPYTASTER_{name}".upper()}
    return names


def configured(monkeypatch, variables):
    """The configuration of a process with these variables; raises where one has no meaning or no valid value."""
    ours = {name: value for name, value in variables.items() if name.startswith("COPYTASTER_")}
    assert ours.keys() <= settings(), ours.keys() - settings()
    with monkeypatch.context() as patched:
        for name in settings():
            patched.delenv(name, raising=False)
        for name, value in ours.items():
            patched.setenv(name, value)
        return Config()


def command(args):
    """The names of the command that ``copytaster ARGS`` is; raises where the command line would refuse it."""
    here, context, names, left = _found(args)
    with here.make_context(names[-1], left, parent=context):
        return names


def unknown(args):
    """Those of the options that the command has not; it may lack arguments, as in a text that speaks of it."""
    here, _, _, left = _found(args)
    known = {option for param in here.params for option in (*param.opts, *param.secondary_opts)}
    return [arg for arg in left if arg.startswith("-") and arg not in known]


def _found(args):
    here, context, names, left = root(), None, [], [str(arg) for arg in args]
    while hasattr(here, "resolve_command"):  # a group; typer brings a click of its own, so its type tells nothing
        context = here.make_context("copytaster", left, parent=context, allow_extra_args=True, ignore_unknown_options=True)
        name, found, left = here.resolve_command(context, left)
        assert found is not None
        names.append(name)
        here = found
    return here, context, names, left


def dotenv(text):
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def interpolated(value, variables):
    """A compose file as it is with these variables; raises KeyError with the file's own sentence where one must be set."""
    if isinstance(value, dict):
        return {key: interpolated(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, variables) for each in value]
    return CHANGES.sub(lambda found: _put(found, variables), value) if isinstance(value, str) else value


def _put(found, variables):
    if found[0] == "$$":
        return "$"
    said = variables.get(found["name"], "")
    if not said and found["form"] == ":?":
        raise KeyError(found["rest"])
    return said or (found["rest"] if found["form"] == ":-" else "")


@functools.cache
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


# -- the Dockerfile ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile: its name, and what follows without continuation lines."""

    does: str
    text: str

    @property
    def words(self):
        return [word for word in shlex.split(self.text) if not word.startswith("--")]


def stages():
    """The steps of each stage, by name, each after those of the stages that it comes from; ``""``: before the first."""
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    made, name = {"": []}, ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        step = Step(*re.match(r"(\w+)\s+(.*)", line).groups())
        if step.does == "FROM":
            origin, _, name = step.words
            made[name] = list(made.get(origin, ()))
        made[name].append(step)
    return made


def environment(steps):
    """What ENV says; a value may hold an equals sign."""
    pairs = [word.split("=", 1) for step in steps if step.does == "ENV" for word in shlex.split(step.text)]
    return dict(pairs)
