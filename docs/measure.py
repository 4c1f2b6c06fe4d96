"""Measures ``performance.md`` anew, unattended, and writes its tables and plots: ``python docs/measure.py [PART…]``.

It owns which runs there are and starts the services that they need; it must not know what is measured in them. Nothing else
should run on the machine meanwhile. It takes about three quarters of an hour, and without the corpora only the matcher with
made-up watches can be measured.
"""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
CORPORA = ROOT.parent / "shared" / "corpora"
NAMES = ("articles", "articles-world")
sys.path.insert(0, str(ROOT))  # the services' scripts are the tests'

from tests.services import elasticsearch, percolator, postgresql, redis  # noqa: E402

# As Debian sets it up: the tests' own settings, which never wait for a disk, would flatter us.
POSTGRESQL = ("shared_buffers=128MB",)


def bench(result: str, *options: str, variables: Mapping[str, str] | None = None) -> None:
    """One run of ``copytaster bench``; what it prints is kept only if it came to its end."""
    sys.stderr.write(f"{result}: copytaster bench {' '.join(options)}\n")
    command = [sys.executable, "-P", "-m", "desk.cli", "bench", *options, "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
    (HERE / "benchmarks" / f"{result}.json").write_bytes(done.stdout)


def matching(_: pathlib.Path) -> None:
    subprocess.run([percolator.INSTALL], check=True, stdout=subprocess.DEVNULL)
    with percolator.started() as url:
        bench("match", "match", "--percolator", url)


def names(corpora: pathlib.Path) -> None:
    subprocess.run([percolator.INSTALL], check=True, stdout=subprocess.DEVNULL)
    with percolator.started() as url:
        bench("names", "match", "--names", "--corpora", str(corpora), "--peers", "--percolator", url)


def extraction(corpora: pathlib.Path) -> None:
    for name in NAMES:
        bench(f"extract-{name}", "extract", "--corpus", str(corpora / name))


def pipeline(corpora: pathlib.Path) -> None:
    for name in NAMES:
        for suffix, pace in (("", "10"), ("-unpaced", "0")):
            bench(f"pipeline-{name}{suffix}", "pipeline", "--corpus", str(corpora / name), "--pages-per-second", pace)


def services(corpora: pathlib.Path) -> None:
    """On PostgreSQL, Redis and Elasticsearch of its own, all on this machine, beside the peers on the same pages."""
    options = [option for name in NAMES for option in ("--corpus", str(corpora / name))]
    options += [option for workers in (1, 2, 4) for option in ("--workers", str(workers))]
    with contextlib.ExitStack() as stack:
        truth = stack.enter_context(postgresql.started(POSTGRESQL))
        variables = {
            "COPYTASTER_STORE__URL": truth.url("postgres"),
            "COPYTASTER_REDIS__URL": stack.enter_context(redis.started()),
            "COPYTASTER_SEARCH__URL": stack.enter_context(elasticsearch.started()).url,
            "COPYTASTER_SEARCH__REPLICAS": "0",
        }
        options += ["--crawlers", "1", "--crawlers", "2", "--pages-per-second", "0", "--services", "--peers"]
        bench("pipeline-services", "pipeline", *options, variables=variables)


PARTS = {"match": matching, "names": names, "extract": extraction, "pipeline": pipeline, "services": services}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the figures of docs/performance.md anew.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them unless some are named")
    parser.add_argument(
        "--corpora", type=pathlib.Path, default=CORPORA, help="the folder that has articles, articles-world and names"
    )
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {min(unknown)}")
    for part in given.parts or PARTS:
        PARTS[part](given.corpora)
    for maker in ("make_tables.py", "make_plots.py"):
        subprocess.run([sys.executable, HERE / maker], check=True)


if __name__ == "__main__":
    main()
