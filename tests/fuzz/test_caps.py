"""No input takes a crawler or worker past 5 s of CPU or 300 MB: each bomb and each corpus page goes the whole way and is measured."""

import gzip
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.fuzz.bombs import BOMBS
from tests.fuzz.targets import CORPORA

ROOT = pathlib.Path(__file__).parents[2]
CPU_SECONDS, MEGABYTES, WORST = 5.0, 300.0, 10
KINDS = {
    "page": "page",
    "section": "page",
    "feed": "feed",
    "sitemap": "sitemap",
    "robots": "robots",
}  # how read, from which bombs

# Those that cost most of their kind, or did before they were bounded.
SOME = {
    "page": (
        "a million bold tags",
        "one word a million times",
        "capitals 49,500 times",
        "Han letters",
        "an Arabic ligature of a phrase",
    ),
    "section": ("300,000 attributes", "9 MB of paragraphs without an end"),
    "feed": ("200,000 items", "a megabyte of unclosed tags", "billion laughs"),
    "sitemap": ("a million URLs, packed", "a text of 50 MB", "long addresses", "attributes"),
    "robots": ("one agent and as many rules", "agents and rules", "many wildcards"),
}
by_hand = pytest.mark.skipif("COPYTASTER_BOMBS" not in os.environ, reason="it takes half an hour: COPYTASTER_BOMBS=1")


class Measured:
    """A warm process that reads one input after the other, each in a fork of its own."""

    def __init__(self):
        variables = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.fuzz.worker_path"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=variables, text=True
        )

    def __call__(self, kind, name, path):
        self.process.stdin.write(json.dumps({"kind": kind, "name": name, "path": str(path)}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def measured():
    made = Measured()
    yield made
    made.close()


def judged(kind, rows):
    """Prints the worst and finds none beyond the caps."""
    print(f"\n{len(rows)} inputs as {kind}; the worst:")
    for row in sorted(rows, key=lambda row: -max(row.get("cpu", 99) / CPU_SECONDS, row.get("mb", 0) / MEGABYTES))[:WORST]:
        print(
            f"  {row.get('cpu', 0):5.2f} s {row.get('mb', 0):6.1f} MB  {row['name'][:50]:50} {row.get('outcome', row.get('broke'))}"
        )
    beyond = [row for row in rows if "broke" in row or row["cpu"] > CPU_SECONDS or row["mb"] > MEGABYTES]
    assert beyond == []


def measured_bombs(measured, tmp_path, kind, names):
    bomb = tmp_path / "bomb"
    for name in names:
        bomb.write_bytes(BOMBS[KINDS[kind]][name]())
        yield measured(kind, name, bomb)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", SOME)
def test_no_bomb_of_a_few_takes_more_than_its_share_and_the_worker_lives(measured, tmp_path, kind):
    judged(kind, list(measured_bombs(measured, tmp_path, kind, SOME[kind])))


@by_hand
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("kind", KINDS)
def test_no_bomb_takes_more_than_its_share_and_the_worker_lives(measured, tmp_path, kind):
    judged(kind, list(measured_bombs(measured, tmp_path, kind, BOMBS[KINDS[kind]])))


def corpus(kind):
    """Each input of the corpora that is read in this way, unpacked, with its name."""
    if kind == "robots":
        for number, line in enumerate((CORPORA / "robots" / "vectors.jsonl").read_bytes().splitlines(), 1):
            yield f"robots/vectors.jsonl:{number}", bytes.fromhex(json.loads(line)["robots"])
        return
    for folder in ("feeds",) if kind == "feed" else ("articles", "articles-world", "encoding", "dates", "strings"):
        for path in sorted(each for each in (CORPORA / folder).rglob("*") if each.is_file()):
            data = path.read_bytes()
            yield str(path.relative_to(CORPORA)), gzip.decompress(data) if path.suffix == ".gz" else data


@by_hand
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("kind", ["page", "section", "feed", "robots"])
def test_no_input_of_the_corpora_takes_more_than_its_share(measured, corpora, tmp_path, kind):
    rows = []
    for name, data in corpus(kind):
        (tmp_path / "input").write_bytes(data)
        rows.append(measured(kind, name, tmp_path / "input"))
    judged(kind, rows)
