"""Writes the table of ``reliability.md`` from what ``make chaos`` kept. It owns which figures stand there, and measures none."""

import json
import pathlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

HERE = pathlib.Path(__file__).parent
PAGE, RESULTS = HERE / "reliability.md", HERE / "chaos.json"
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


def filled(page: str, results: Mapping[str, Any]) -> str:
    told = "\n".join(table(results)) + "\n"
    made, count = re.subn(r"(<!-- chaos -->\n).*?(<!-- end -->)", lambda m: m[1] + told + m[2], page, flags=re.DOTALL)
    if count != 1:
        raise SystemExit("reliability.md needs <!-- chaos --> and <!-- end --> once, around the table.")
    return made


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
    PAGE.write_text(filled(PAGE.read_text("utf-8"), json.loads(RESULTS.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
