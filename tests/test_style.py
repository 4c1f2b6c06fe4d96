"""The house's own measures: small files, small functions, one way of importing, tests named as sentences."""

import ast
import functools
import pathlib
import re
import statistics
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
ROOMS = ("copytaster", "scrapers", "search", "workers", "desk")
FILE_LINES, FUNCTION_LINES_P95, FUNCTION_LINES_MEDIAN, POSITIONAL = 300, 30, 8, 5
DECLARATIONS = ("copytaster/store/schema.py", "copytaster/store/migrations")  # lists of columns, with nothing to understand
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "base"}
HOMES = {  # a library: the only places that may import it
    "scrapy": ("scrapers/",),
    "twisted": ("scrapers/",),
    "celery": ("workers/app.py", "workers/tasks.py"),
    "feedparser": ("scrapers/discovery/",),
    "trafilatura": ("workers/extraction/", "desk/bench/"),
    "fastapi": ("desk/",),
    "typer": ("desk/",),
    "elasticsearch": ("search/elastic",),
}
ENVIRONMENT = {
    "copytaster/config.py": "the settings",
    "desk/opening.py": "where the settings' file is, to name it in an error",
    "desk/roles.py": "prometheus-client's folder, which must be set before it looks",
    "desk/web.py": "the same folder, to read it",
    "workers/tasks.py": "the same folder, to mark the dead",
    "desk/cli.py": "whether a shell asks for completion",
    "desk/output.py": "NO_COLOR and TERM",
    "desk/bench/rig.py": "handed on to children",
    "desk/bench/peers.py": "where caches lie",
    "desk/demo/run.py": "handed on to children",
    "scrapers/discovery/boxed.py": "handed on to children",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[pathlib.Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions() -> list[tuple[str, Function]]:
    return [
        (f"{name_of(path)}:{node.lineno} {node.name}", node)
        for path in sources()
        if not name_of(path).startswith(DECLARATIONS)
        for node in ast.walk(tree(path))
        if isinstance(node, Function)
    ]


def lines_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imports(path: pathlib.Path) -> set[str]:
    """The first names of all that a file imports, at its head or later."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_no_file_is_longer_than_a_reader_holds_in_mind():
    counts = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {name: lines for name, lines in counts.items() if lines > FILE_LINES and not name.startswith(DECLARATIONS)} == {}


def test_functions_are_small():
    measured = sorted((lines_of(function), name) for name, function in functions())
    lengths = [length for length, _ in measured]
    longest = [f"{length} {name}" for length, name in measured[-len(measured) // 20 :] if length > FUNCTION_LINES_P95]
    assert statistics.quantiles(lengths, n=20)[-1] <= FUNCTION_LINES_P95, longest
    assert statistics.median(lengths) <= FUNCTION_LINES_MEDIAN


def test_no_function_takes_more_than_five_arguments_by_position():
    def positional(function: Function) -> int:
        given = [*function.args.posonlyargs, *function.args.args]
        return len(given) - (bool(given) and given[0].arg in ("self", "cls"))

    ours = [(name, function) for name, function in functions() if not _of_a_command(function)]
    assert [name for name, function in ours if positional(function) > POSITIONAL] == []


def _of_a_command(function: Function) -> bool:
    """A command's parameters are options of the command line, which typer reads by name."""
    return any("command" in ast.unparse(each) or "callback" in ast.unparse(each) for each in function.decorator_list)


def test_no_module_or_class_has_a_name_that_says_nothing():
    modules = [name_of(path) for path in sources() if VAGUE & set(path.stem.split("_"))]
    classes = [
        f"{name_of(path)}: {node.name}"
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?|Base)$", node.name)
    ]
    assert modules + classes == []


def test_every_module_opens_by_saying_what_it_owns():
    assert [name_of(path) for path in sources() if tree(path).body and not ast.get_docstring(tree(path))] == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_in_its_room(library: str):
    strays = [name_of(path) for path in sources() if library in imports(path) and not name_of(path).startswith(HOMES[library])]
    assert strays == []


def test_the_environment_is_read_in_one_place():
    def reads(path: pathlib.Path) -> bool:
        return any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv") and ast.unparse(node.value) == "os"
            for node in ast.walk(tree(path))
        )

    assert {name_of(path) for path in sources() if reads(path)} - ENVIRONMENT.keys() == set()


def test_tests_are_sentences():
    short = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, Function) and node.name.startswith("test_") and node.name.count("_") < 3
    ]
    assert short == []


def test_tests_are_no_packages():
    assert [name_of(path) for path in (ROOT / "tests").rglob("__init__.py")] == []


def test_the_lock_file_pins_every_dependency_with_hashes_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {re.split(r"[\[>=<~! ;]", each)[0].lower().replace("_", "-") for each in wanted}
    pinned = set(re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", lock, re.MULTILINE))
    assert names - pinned == set()
    assert "://" not in lock
    stanzas = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert [stanza.splitlines()[0] for stanza in stanzas if "--hash=sha256:" not in stanza] == []


def test_the_pages_about_the_configuration_are_made_from_it():
    made: dict[str, object] = {"__file__": str(ROOT / "docs/make_configuration.py"), "__name__": "made"}
    exec(compile((ROOT / "docs/make_configuration.py").read_text("utf-8"), "make_configuration.py", "exec"), made)
    page = made["page"]
    assert callable(page)
    assert (ROOT / "docs/configuration.md").read_text("utf-8") == page(), "run: make docs"


def test_links_between_our_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    dead = [
        f"{name_of(page)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert dead == []


def test_every_test_that_a_promise_names_is_there():
    named = re.findall(r"`(tests/[\w/.]+)::(test_\w+)`", (ROOT / "README.md").read_text("utf-8"))
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text("utf-8")]
    assert named
    assert missing == []


def test_every_dependency_has_its_reason_written_down():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    page = (ROOT / "docs/decisions/0005-dependencies.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([^`]+)`", page, re.MULTILINE)) == {re.split(r"[>=<~! ;]", each)[0] for each in wanted}
