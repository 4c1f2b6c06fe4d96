"""The same pages through news-please and fundus, each in a Python environment of its own, for they pin other libraries.

It owns their environments, what of theirs is run and what counts as a page that was read; it must not know ours.
"""

import json
import os
import pathlib
import shutil
import subprocess
import venv
from collections.abc import Sequence
from typing import Any, NamedTuple

from copytaster.charset import decode
from desk import output
from desk.bench.corpus_site import CorpusPage

# Each prints its CPU seconds, the pages that it took and those of which it gave both a title and a text. The page is given
# as decoded text, as to trafilatura; the first three go through once before, for what is loaded at first use is no page's cost.
FRAME = """
import json, sys, time
pages = json.load(sys.stdin)
{prepare}
taken = [page for page in pages if takes(page)]
def attempt(page):
    try:
        title, text = read(page)
        return bool(title and text)
    except Exception as error:
        failures.add(type(error).__name__)
        return False
failures = set()
for page in taken[:3]:
    attempt(page)
failures.clear()
began = time.process_time()
read_well = sum([attempt(page) for page in taken])
used = time.process_time() - began
json.dump({{"cpu_seconds": used, "taken": len(taken), "read": read_well, "failures": sorted(failures)}}, open(sys.argv[1], "w"))
"""
NEWS_PLEASE = """
from newsplease import NewsPlease
def takes(page):
    return True
def read(page):
    article = NewsPlease.from_html(page["html"], url=page["url"], fetch_images=False)
    return article.title, article.maintext
"""
FUNDUS = """
import datetime
from urllib.parse import urlsplit
from fundus import PublisherCollection
def host(url):
    return (urlsplit(url).hostname or "").removeprefix("www.")
known = {host(publisher.domain): publisher for publisher in PublisherCollection}
def publisher_of(page):
    name = host(page["url"])
    while name and name not in known:
        name = name.partition(".")[2]
    return known.get(name)
def takes(page):
    return publisher_of(page) is not None
def read(page):
    parser = publisher_of(page).parser(datetime.date.fromisoformat(page["date"]))
    found = parser.parse(page["html"], error_handling="suppress")
    return found.get("title"), str(found.get("body") or "")
"""


class Peer(NamedTuple):
    name: str
    requirements: tuple[str, ...]
    what: str  # of it is run
    code: str


PEERS = (
    Peer("news-please", ("news-please", "newspaper4k[all]"), "NewsPlease.from_html", NEWS_PLEASE),  # all: its languages
    # fundus 0.5.7 imports a function that curl-cffi 0.16 no longer has, and allows it
    Peer("fundus", ("fundus", "curl-cffi<0.16"), "the parser of each publisher that it knows", FUNDUS),
)
VERSION = "import sys, importlib.metadata; print(importlib.metadata.version(sys.argv[1]))"
INSTALL_SECONDS, RUN_SECONDS = 900, 1800


def measure(pages: Sequence[CorpusPage]) -> list[dict[str, Any]]:
    """One entry each; where one can't be installed or fails as a whole, its ``error`` says why."""
    given = json.dumps(
        [{"html": decode(page.body)[0], "url": page.original_url, "date": page.published_at.date().isoformat()} for page in pages]
    )
    return [{"pages": len(pages), **_measured(peer, given)} for peer in PEERS]


def _measured(peer: Peer, given: str) -> dict[str, Any]:
    told = {"name": peer.name, "what": peer.what}
    try:
        python = environment(peer)
        found = run(python, FRAME.format(prepare=peer.code), given)
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return {**told, "error": str(said).strip()[-300:]}
    taken = found["taken"]
    return {
        **told,
        "name": f"{peer.name} {version_of(peer, python)}",
        "taken": taken,
        "read": found["read"],
        "failures": found["failures"],
        "cpu_ms_per_page": round(1000 * found["cpu_seconds"] / taken, 2) if taken else None,
    }


def version_of(peer: Peer, python: pathlib.Path) -> str:
    command = [str(python), "-c", VERSION, peer.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return str(done.stdout).strip()


def run(python: pathlib.Path, code: str, given: str) -> dict[str, Any]:
    """What it logs goes nowhere; its result comes in a file, for a peer may print."""
    result = python.parents[1] / f"result-{os.getpid()}.json"
    try:
        command = [str(python), "-c", code, str(result)]
        subprocess.run(command, input=given, text=True, capture_output=True, check=True, timeout=RUN_SECONDS)
        found: dict[str, Any] = json.loads(result.read_text("utf-8"))
        return found
    finally:
        result.unlink(missing_ok=True)


def environment(peer: Peer) -> pathlib.Path:
    """The Python of its own environment in the cache folder, made once; an unfinished one is made anew."""
    folder = _cache() / "peers" / peer.name
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        output.note(f"Installing {peer.name} into {folder}, once.")
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.requirements]
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS)
        ready.touch()
    return python


def _cache() -> pathlib.Path:
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "copytaster"
