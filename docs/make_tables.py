"""Writes the tables of ``performance.md`` from the results in ``benchmarks/``, each between its two comments.

It owns which figures stand in a table; it must not know how they are measured. The sentences around them are written by hand.
"""

import json
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

HERE = pathlib.Path(__file__).parent
PAGE = HERE / "performance.md"
Row = Sequence[Any]
Result = Mapping[str, Any]
CORPORA = ("articles", "articles-world", "articles-unpaced", "articles-world-unpaced")


def filled(page: str, results: Mapping[str, Result]) -> str:
    """The page with every table made anew."""
    for name, table in TABLES.items():
        told = "\n".join(table(results)) + "\n"
        page, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, told=told: m[1] + told + m[2], page, flags=re.DOTALL
        )
        if count != 1:
            raise SystemExit(f"performance.md needs <!-- {name} --> and <!-- end --> once, around the table.")
    return page


def read() -> dict[str, Result]:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (HERE / "benchmarks").glob("*.json")}


def _table(head: Row, rows: Iterable[Row], *, left: int = 0) -> list[str]:
    """``left``: so many columns of words, the others are of figures."""
    ruled = ["--"] * left + ["--:"] * (len(head) - left)
    return ["| " + " | ".join(map(str, head)) + " |", "|" + "|".join(ruled) + "|", *map(_line, rows)]


def _line(row: Row) -> str:
    return "| " + " | ".join("–" if cell is None else str(cell) for cell in row) + " |"


def _matching(results: Mapping[str, Result]) -> list[str]:
    head = ("watches", "articles a second", "of pyahocorasick's", "memory, MB", "adding all, s")
    return _table(
        head,
        (
            (f"{run['watches']:,}", f"{run['articles_per_second']:,}", run["peer"]["ratio"], run["memory_mb"], run["add_seconds"])
            for run in results["match"]["runs"]
        ),
    )


def _percolator(results: Mapping[str, Result]) -> list[str]:
    head = ("watches", "articles a request", "its articles a second", "a CPU second", "**ours by its**", "by CPU time")
    rows = []
    for run in results["match"]["runs"]:
        beside, watches = run["percolator"], f"{run['watches']:,}"
        for batch, suffix in ((beside["articles_a_request"], ""), (1, "_one_a_request")):
            keys = ("articles_per_second", "articles_per_cpu_second", "ratio", "ratio_cpu")
            rows.append((watches, batch, *(beside[key + suffix] for key in keys)))
    return _table(head, rows)


def _extraction(results: Mapping[str, Result]) -> list[str]:
    rows = (
        (
            f"`{name}`",
            *(results[f"extract-{name}"][key] for key in ("ms_per_page", "trafilatura_ms_per_page", "ratio_trafilatura")),
        )
        for name in CORPORA[:2]
    )
    return _table(("corpus", "CPU ms a page", "trafilatura", "ratio"), rows, left=1)


def _wrong(run: Result) -> str:
    return f"{run['alerts_missed']}, {run['alerts_invented']}, {run['repeats']}"


WHOLE: Sequence[tuple[str, Callable[[Result], Any]]] = (
    ("pages served a second", lambda run: run["pages_per_second_served"] or "as asked"),
    ("articles a second", lambda run: run["articles_per_second"]),
    ("alerts", lambda run: run["alerts"]),
    ("… missed, invented, sent twice", _wrong),
    ("page answered to alert received, median, s", lambda run: run["fetch_to_delivery_p50"]),
    ("its 99th percentile, s", lambda run: run["fetch_to_delivery_p99"]),
    ("extraction, CPU ms a page", lambda run: run["stage_cpu_ms_per_page"]["extract"]),
    ("beyond extraction, CPU ms a page", lambda run: run["beyond_extraction_ms_per_page"]),
    ("trafilatura alone, CPU ms a page", lambda run: run["trafilatura_ms_per_page"]),
    ("**beyond extraction, of trafilatura's**", lambda run: f"**{run['beyond_extraction_over_trafilatura']}**"),
)


def _whole(results: Mapping[str, Result]) -> list[str]:
    runs = [results[f"pipeline-{name}"] for name in CORPORA]
    head = ("", *(f"`{name}`".replace("-unpaced`", "`, unpaced") for name in CORPORA))
    return _table(head, ((name, *map(cell, runs)) for name, cell in WHOLE), left=1)


SERVICES: Sequence[tuple[str, Callable[[Result], Any]]] = (
    ("**articles a second**", lambda run: f"**{run['articles_per_second']}**"),
    ("… at its steady pace", lambda run: run["steady_articles_per_second"]),
    ("what set the pace", lambda run: run["limit"]),
    ("the machine's utilisation", lambda run: run["machine_utilisation"]),
    ("alerts", lambda run: run["alerts"]),
    ("… missed, invented, sent twice", _wrong),
    ("page answered to alert received, median, s", lambda run: run["fetch_to_delivery_p50"]),
    *(
        (f"CPU ms a page: {name}", lambda run, role=role: run["cpu_ms_per_page"].get(role))
        for name, role in (
            ("crawlers", "crawl"),
            ("reading workers", "read"),
            ("sending worker", "send"),
            ("PostgreSQL", "postgresql"),
            ("Elasticsearch", "elasticsearch"),
            ("Redis", "redis"),
            ("scheduler", "beat"),
            ("web page", "web"),
            ("supervisor", "up"),
        )
    ),
    *(
        (f"… of it {name}", lambda run, stage=stage: run["stage_cpu_ms_per_page"].get(stage))
        for name, stage in (
            ("extraction", "extract"),
            ("store, match, plan", "land"),
            ("delivery", "send"),
            ("indexing", "index"),
        )
    ),
    ("sites, receiver, measuring, the system", lambda run: run["other_cpu_ms_per_page"]),
    ("**beyond extraction, of extraction's**", lambda run: f"**{run['beyond_extraction_over_extraction']}**"),
)  # fmt: skip


def _services(results: Mapping[str, Result]) -> list[str]:
    runs = results["pipeline-services"]["runs"]
    head = ("workers / crawlers", *(f"{run['workers']} / {run['crawlers']}" for run in runs))
    return _table(head, ((name, *map(cell, runs)) for name, cell in SERVICES), left=1)


def _peers(results: Mapping[str, Result]) -> list[str]:
    result = results["pipeline-services"]
    one = result["runs"][0]
    extracted = one["stage_cpu_ms_per_page"]["extract"]
    all_of_it = round(extracted + one["beyond_extraction_ms_per_page"], 2)
    rows: list[Row] = [
        ("copytaster, extraction alone", one["pages"], one["articles"], extracted),
        ("copytaster, from feed to alert", one["pages"], one["articles"], all_of_it),
        ("trafilatura, the body alone", one["pages"], None, one["trafilatura_ms_per_page"]),
    ]
    for peer in result["peers"]:
        cells = (peer.get(key) for key in ("taken", "read", "cpu_ms_per_page"))
        rows.append((f"{peer['name']}: {peer['what']}", *cells))
    return _table(("what was run", "pages given", "read", "CPU ms a page"), rows, left=1)


UNMEASURED = ["Not measured yet: `python docs/measure.py names` does."]
OF_SCRIPTS = {"latin": "Latin", "cyrillic": "Cyrillic", "arabic": "Arabic and Persian"}


def _names(results: Mapping[str, Result]) -> list[str]:
    if "names" not in results:
        return UNMEASURED
    head = ["watches", "level", *(cell for name in OF_SCRIPTS.values() for cell in (f"**{name}**", "first"))]
    rows: list[Row] = []
    for run in results["names"]["runs"]:
        row = [f"{run['watches']:,}", f"`{run['level']}`"]
        for script in OF_SCRIPTS:
            told = run["scripts"].get(script, {})
            row += [told.get("articles_per_second"), told.get("first_articles_per_second")]
        rows.append(row)
    told = _table(head, rows, left=2)
    drawn = "![Articles with names read in a second of CPU time, by number of watches](benchmarks/names.svg)"
    return [drawn, "", *told, "", "![CPU time of an article by part](benchmarks/names-parts.svg)"]


def _names_table(results: Mapping[str, Result]) -> list[str]:
    if "names" not in results:
        return UNMEASURED
    runs = results["names"]["runs"]
    head = ("watches", "level", "of real names", "table, MB", "start, s", "adding one, ms", "the slowest of these, ms")
    keys = ("real", "memory_mb", "start_seconds", "add_ms_median", "add_ms_worst")
    return _table(head, ((f"{run['watches']:,}", f"`{run['level']}`", *(run.get(key) for key in keys)) for run in runs), left=2)


def _names_beside(results: Mapping[str, Result]) -> list[str]:
    if "names" not in results:
        return UNMEASURED
    result = results["names"]
    head = (
        "what was run",
        "watches",
        "articles",
        "hits an article",
        "articles a second",
        "**ours by its**",
        "forms put in",
        "found",
    )
    rows: list[Row] = []
    for run in result["runs"]:
        if run["level"] != "exact":
            latin = run["scripts"]["latin"]
            told = (latin["articles"], _hits(latin), latin["articles_per_second"], None, latin["planted"], latin["planted_found"])
            rows.append((f"copytaster, `{run['level']}`", f"{run['watches']:,}", *told))
    for peer in result.get("peers", ()):
        keys = ("articles_per_second", "ratio", "planted", "planted_found")
        told = (peer.get("articles"), _hits(peer), *map(peer.get, keys))
        rows.append((f"{peer['name']}: {peer['what']}", f"{peer['watches']:,}", *told))
    if beside := result.get("percolator"):
        for kind, suffix in ((f"{beside['articles_a_request']} articles a request", ""), ("one a request", "_one_a_request")):
            rates = (beside[f"articles_per_second{suffix}"], beside[f"ratio{suffix}"])
            counts = (None, None) if suffix else (beside["articles"], _hits(beside))
            forms = (None, None) if suffix else (beside["planted"], beside["planted_found"])
            told = (*counts, *rates, *forms)
            rows.append((f"{beside['name']}: percolator, {kind}", f"{beside['watches']:,}", *told))
    return _table(head, rows, left=1)


def _hits(told: Result) -> float | None:
    return round(told["matches"] / told["articles"], 2) if told.get("articles") else None


TABLES: Mapping[str, Callable[[Mapping[str, Result]], list[str]]] = {
    "matching": _matching,
    "percolator": _percolator,
    "names": _names,
    "names-table": _names_table,
    "names-beside": _names_beside,
    "extraction": _extraction,
    "whole": _whole,
    "services": _services,
    "peers": _peers,
}

if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8"), read()), "utf-8")
