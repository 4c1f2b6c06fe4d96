"""``make chaos``: every scenario, or those that are named, so many times; prints what was injected, what was seen and the
eight verdicts, and keeps them as JSON for the table of docs/reliability.md.

Example: python -m tests.chaos --times 3 F7 F8-redis_stopped
"""

import argparse
import json
import pathlib
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from typing import Any

import pytest

from desk.bench.machine import describe
from tests.chaos import registry
from tests.chaos.checker import CODES, MEANING, Verdict
from tests.chaos.run import Run

PREFIX = "ct-chaos-"
_FOLDER = re.compile(rf"/[^\s\"]*/{PREFIX}\w+")


def main() -> int:
    asked = argparse.ArgumentParser(prog="make chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("which", nargs="*", help="faults (F7) or scenarios (F7-redis_wiped); none: all")
    asked.add_argument("--times", type=int, default=1, help="each so often in a row")
    asked.add_argument("--first", type=int, default=1, help="the first turn: 2 goes on after one that held, by --json")
    asked.add_argument("--short", action="store_true", help="only the short form, as in CI")
    asked.add_argument("--list", action="store_true", help="only name them")
    asked.add_argument("--json", type=pathlib.Path, help="where to keep the results; those of other scenarios stay there")
    asked.add_argument("--keep", action="store_true", help="leave the folder of a run that failed")
    options = asked.parse_args()
    chosen = [
        each
        for each in registry.every()
        if (not options.which or {each.fault, each.slug} & set(options.which)) and (each.short or not options.short)
    ]
    if options.list:
        print("\n".join(f"{each.slug:32} {each.name}" for each in chosen))
        return 0
    if not chosen:
        print("No scenario is called so; --list names all.", file=sys.stderr)
        return 2
    return _run_all(chosen, options)


def _run_all(chosen: Sequence[registry.Scenario], options: argparse.Namespace) -> int:
    failed = []
    for number, each in enumerate(chosen, 1):
        for turn in range(options.first, options.times + 1):
            print(f"\n{each.slug} ({number} of {len(chosen)}, turn {turn} of {options.times}): {each.name}", flush=True)
            result = run_one(each, seed=turn, keep=options.keep)
            show(result)
            if options.json:
                keep(options.json, result, turn)
            if not all(ok for _, ok, _ in result["verdicts"]):
                failed.append(each.slug)
    print(f"\n{len(chosen)} scenarios, {options.times} times each: {f'{len(failed)} failed: {failed}' if failed else 'all held'}")
    return 1 if failed else 0


def run_one(one: registry.Scenario, *, seed: int = 1, keep: bool = False) -> dict[str, Any]:
    """What was injected, seen and judged. A run that ends early fails with its reason in each verdict."""
    folder, began = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX)), time.monotonic()
    figures: dict[str, Any] = {}
    with Run(folder, seed=seed) as run:
        try:
            one.act(run)
            found, figures = run.verdicts(), run.figures()
        except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:  # noqa: BLE001  the next one runs all the same
            why = f"the run did not end: {type(error).__name__}: {error}"[:1500]
            print("".join(traceback.format_exception(error)[-3:]))
            found = [Verdict(code, False, why) for code in CODES]
    well = all(each.ok for each in found)
    if well or not keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"    kept in {folder}")
    return {
        "scenario": one.slug,
        "fault": one.fault,
        "name": one.name,
        "short": one.short,
        "injected": run.injections,
        "seen": run.sights,
        "figures": figures,
        "verdicts": [(each.code, each.ok, each.why) for each in found],
        "seconds": round(time.monotonic() - began, 1),
    }


def show(result: dict[str, Any]) -> None:
    for what in ("injected", "seen"):
        for line in result[what]:
            print(f"    {what:9} {line}")
    print(f"    {'figures':9} " + ", ".join(f"{name} {value}" for name, value in result["figures"].items()))
    for code, ok, why in result["verdicts"]:
        print(f"    {code} {'ok   ' if ok else 'WRONG'} {MEANING[code]}: {why}")
    print(f"    {result['seconds']} s", flush=True)


def keep(path: pathlib.Path, result: dict[str, Any], turn: int) -> None:
    """The newest run of each scenario, and how many times in a row it held."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {"runs": {}}
    well = all(ok for _, ok, _ in result["verdicts"])
    before = kept["runs"].get(result["scenario"], {}).get("in_a_row", 0) if turn > 1 else 0
    kept["machine"] = describe("celery", "scrapy", "sqlalchemy")
    kept["runs"][result["scenario"]] = result | {"in_a_row": before + 1 if well else 0}
    told = json.dumps(kept, indent=1, ensure_ascii=False)
    path.write_text(_FOLDER.sub("…", told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
