"""What is fuzzed: each target takes any bytes and comes back, or raises one of our three errors with one sentence.

It owns the list and that rule; the targets themselves lie in the modules beside it. Nothing here may need atheris.
"""

import importlib
import json
import pathlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from copytaster.errors import CopytasterError

HERE = pathlib.Path(__file__).parent
CORPORA = HERE.parents[2] / "shared" / "corpora"
FOUND = HERE / "found"
MODULES = ("documents", "words", "answers", "settings")
MOST_SAID = 1_000  # characters of one sentence; more is a document that was printed
Run = Callable[[bytes], None]
TARGETS: dict[str, "Target"] = {}


@dataclass(frozen=True)
class Target:
    """``seeds`` are whole inputs to begin from, ``tokens`` what its grammar is made of."""

    name: str
    run: Run
    seeds: Callable[[], Iterable[bytes]]
    tokens: Sequence[bytes]
    slow: bool = False  # talks over a socket or starts a child: fewer examples


def target(
    name: str, *, seeds: Callable[[], Iterable[bytes]] = tuple, tokens: Sequence[bytes] = (), slow: bool = False
) -> Callable[[Run], Run]:
    """Puts a function on the list."""

    def put(run: Run) -> Run:
        TARGETS[name] = Target(name, run, seeds, tokens, slow)
        return run

    return put


def all_targets() -> dict[str, Target]:
    for module in MODULES:
        importlib.import_module(f"tests.fuzz.{module}")
    return TARGETS


def attempt(one: Target, data: bytes) -> None:
    """An answer, or a refusal that a person can read; anything else is a find."""
    try:
        one.run(data)
    except CopytasterError as error:
        check_sentence(str(error))


def check_sentence(said: str) -> None:
    assert said.strip(), "it says nothing"
    assert "\n" not in said, f"more than one line: {said[:300]!r}"
    assert "Traceback" not in said, said
    assert len(said) <= MOST_SAID, f"{len(said)} characters: {said[:300]!r} …"


def found(name: str) -> list[pathlib.Path]:
    """Inputs that once broke a target, kept for ever; what each did stands in found/README.md."""
    return sorted(path for path in (FOUND / name).glob("*") if path.is_file())


def files_below(*folders: str, most: int = 400, largest: int = 60_000) -> Callable[[], list[bytes]]:
    """Small files of the corpora, evenly chosen; none where the corpora are not here."""

    def read() -> list[bytes]:
        paths = [path for folder in folders for path in sorted((CORPORA / folder).rglob("*")) if path.is_file()]
        paths = [path for path in paths if path.name != "LICENSE" and path.stat().st_size <= largest]
        return [path.read_bytes() for path in paths[:: max(len(paths) // most, 1)]]

    return read


def naughty() -> list[bytes]:
    """The big list of naughty strings."""
    path = CORPORA / "strings" / "blns.json"
    return [each.encode("utf-8", "surrogatepass") for each in json.loads(path.read_text("utf-8"))] if path.exists() else []


def lines_of(name: str, field: str) -> Callable[[], list[bytes]]:
    """A field of hex digits out of a corpus of JSON lines."""

    def read() -> list[bytes]:
        path = CORPORA / name
        rows = map(json.loads, path.read_text("utf-8").splitlines()) if path.exists() else ()
        return [bytes.fromhex(row[field]) for row in rows if isinstance(row.get(field), str)]

    return read


_HALF = re.compile("[\ud800-\udfff]")


def text_of(data: bytes) -> str:
    """Bytes as a text in which what is no UTF-8 becomes half a surrogate pair, as hostile JSON can bring them."""
    return data.decode("utf-8", "surrogateescape")


def check_storable(value: object) -> None:
    """What a page brings can be written to every store and sent by every channel: no NUL, no half of a pair."""
    if isinstance(value, str):
        assert "\0" not in value, f"a NUL in {value[:200]!r}"
        assert not _HALF.search(value), f"half of a surrogate pair in {value[:200]!r}"
    elif isinstance(value, dict):
        for key, each in value.items():
            check_storable(key)
            check_storable(each)
    elif isinstance(value, list | tuple):
        for each in value:
            check_storable(each)
