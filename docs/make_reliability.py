"""Writes the tables of ``reliability.md`` from what ``make chaos`` and the soak kept. It owns which figures stand there, and
measures none.
"""

import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

HERE = pathlib.Path(__file__).parent
PAGE, RESULTS, SOAK = HERE / "reliability.md", HERE / "chaos.json", HERE / "benchmarks" / "soak.json"
HEAD = (
    "fault",
    "scenario",
    "injected",
    "alerts",
    "repeats",
    "kills",
    "last alert after the last fault",
    "I1 to I8",
    "times in a row",
)


def filled(page: str, results: Mapping[str, Any], soak: Mapping[str, Any]) -> str:
    for name, lines in (("chaos", table(results)), ("soak", memory(soak))):
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not (begin and end):
            raise SystemExit(f"reliability.md needs <!-- {name} --> and <!-- end --> around the table.")
        page = before + begin + "".join(f"{line}\n" for line in lines) + end + after
    return page


def memory(soak: Mapping[str, Any]) -> Iterable[str]:
    """What each kind of process held for itself in the second quarter of the day and in the last."""
    yield _line(("process", "MB, second quarter", "MB, last quarter", "open files and sockets, second quarter", "last quarter"))
    yield "|--|--:|--:|--:|--:|"
    for role, held in soak["roles"].items():
        yield _line((role, held["mb_before"], held["mb_after"], held["files_before"], held["files_after"]))


def table(results: Mapping[str, Any]) -> Iterable[str]:
    yield _line(HEAD)
    yield "|--|--|--|--:|--:|--:|--:|--|--:|"
    yield from (_row(each) for each in sorted(results["runs"].values(), key=lambda run: (_number(run["fault"]), run["scenario"])))


def _number(fault: str) -> int:
    """What is no single fault comes last."""
    return int(fault[1:]) if fault[1:] else 1_000


def _row(run: Mapping[str, Any]) -> str:
    figures = run["figures"]
    after = figures.get("recovery_seconds")
    wrong = [code for code, ok, _ in run["verdicts"] if not ok]
    counts = (figures.get(name, "–") for name in ("alerts", "repeats", "kills"))
    injected = _few(run["injected"])
    return _line(
        (
            run["fault"],
            run["name"],
            injected,
            *counts,
            "–" if after is None else f"{after} s",
            ", ".join(wrong) or "hold",
            run["in_a_row"],
        )
    )


def _few(injected: list[str]) -> str:
    """The same thing said twice is said once, with its count."""
    counted = {what: injected.count(what) for what in injected}
    return "; ".join(what if times == 1 else f"{times} × {what}" for what, times in counted.items())


def _line(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    results, soak = (json.loads(path.read_text("utf-8")) for path in (RESULTS, SOAK))
    PAGE.write_text(filled(PAGE.read_text("utf-8"), results, soak), "utf-8")


if __name__ == "__main__":
    main()
