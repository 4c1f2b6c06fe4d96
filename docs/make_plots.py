"""Draws the plots of ``performance.md`` from the results in ``benchmarks/``, so that the two never differ (a test draws again).

It owns how figures look; it must not know how they are measured.
"""

import json
import math
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

HERE = pathlib.Path(__file__).parent
WIDTH, LEFT, RIGHT = 720, 150, 64
STYLE = """\
<style>
svg { --paper: #fcfcfb; --ink: #1c1c1a; --dim: #5f5e59; --line: #dddcd6; --c0: #2a78d6; --c1: #1baf7a; --c2: #eda100;
 --c3: #4a3aa7; --c4: #8b8a84; --peer: #c4501f; --c5: #b0477e;
 --c6: #57a6a1; font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
@media (prefers-color-scheme: dark) {
svg { --paper: #1a1a19; --ink: #f3f2ee; --dim: #b4b3ad; --line: #3b3a37; --c0: #4a93ea; --c1: #24b582; --c2: #d09a1b;
 --c3: #9085e9; --c4: #85847e; --peer: #e57a4c;
 --c5: #d4739f; --c6: #6fc0bb } }
text { fill: var(--ink); font-size: 13px } .dim { fill: var(--dim) } .title { font-size: 15px; font-weight: 600 }
.right { text-anchor: end } .mid { text-anchor: middle }
</style>"""
PARTS = (  # what the bars are made of: its name, and its share of one result
    ("extraction", lambda run: run["stage_cpu_ms_per_page"]["extract"]),
    ("rest of the reading worker", lambda run: run["cpu_ms_per_page"]["read"] - run["stage_cpu_ms_per_page"]["extract"]),
    ("crawler", lambda run: run["cpu_ms_per_page"]["crawl"]),
    ("sending worker", lambda run: run["cpu_ms_per_page"]["send"]),
    ("all others", lambda run: sum(run["cpu_ms_per_page"][role] for role in ("beat", "redis", "up", "web"))),
)


DECADES = (10, 100, 1_000, 10_000)
PROCESSES = (  # of a run on real services: what its bars are made of
    ("extraction", lambda run: run["stage_cpu_ms_per_page"]["extract"]),
    ("rest of reading", lambda run: run["cpu_ms_per_page"]["read"] - run["stage_cpu_ms_per_page"]["extract"]),
    ("crawlers", lambda run: run["cpu_ms_per_page"]["crawl"]),
    ("sending", lambda run: run["cpu_ms_per_page"]["send"]),
    ("PostgreSQL", lambda run: run["cpu_ms_per_page"]["postgresql"]),
    ("Elasticsearch", lambda run: run["cpu_ms_per_page"]["elasticsearch"]),
    ("all others", lambda run: sum(run["cpu_ms_per_page"][role] for role in ("beat", "redis", "up", "web"))),
)


def plots() -> dict[str, str]:
    """Every plot by its file name."""
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in (HERE / "benchmarks").glob("*.json")}
    corpora = [results["pipeline-articles"], results["pipeline-articles-world"]]
    names = results.get("names")
    of_names = {"names.svg": _names(names), "names-parts.svg": _names_parts(names)} if names else {}
    of_soak = {"soak.svg": _soak(results["soak"])} if "soak" in results else {}
    return {
        **of_names,
        **of_soak,
        "matching.svg": _matching(results["match"]),
        "cpu-per-page.svg": _cpu(corpora),
        "services.svg": _services(results["pipeline-services"]),
    }


def _matching(result: Mapping[str, Any]) -> str:
    """Both axes in powers of ten: each gridline is ten times the one before."""
    top, bottom, left, right = 64, 456, 86, WIDTH - 170
    runs = result["runs"]

    def across(watches: float) -> float:
        return left + (math.log10(watches) - 2) / 3 * (right - left)

    def down(rate: float) -> float:
        return bottom - (math.log10(rate) - 1) / 3 * (bottom - top)

    lines = [_line(left, down(rate), right, down(rate)) for rate in DECADES]
    lines += [_text(left - 10, down(rate) + 4, f"{rate:,}", "dim right") for rate in DECADES]
    lines += [_text(across(run["watches"]), bottom + 22, f"{run['watches']:,}", "dim mid") for run in runs]
    lines += [_text((left + right) / 2, bottom + 46, "watches", "dim mid")]
    lines += list(_curves(runs, across, down))
    words = result["input"]["words"]
    title = f"Articles of {words} words matched in a second of CPU time"
    return _svg(title, "both axes logarithmic; pyahocorasick finds plain strings and answers no query", lines, bottom + 62)


def _curves(runs: Sequence[Mapping[str, Any]], across: Callable[[float], float], down: Callable[[float], float]) -> Iterable[str]:
    """Ours and the peers', each with its name at its end and its figures beside its points."""
    percolators = [run["percolator"] for run in runs]
    for color, name, rates, shift, aside in (
        ("peer", "pyahocorasick", [run["peer"]["articles_per_second"] for run in runs], -11, 4),
        ("c0", "copytaster", [run["articles_per_second"] for run in runs], -11, 4),
        ("c3", "percolator, batches", [each["articles_per_cpu_second"] for each in percolators], -11, -4),
        ("c4", "percolator, singly", [each["articles_per_cpu_second_one_a_request"] for each in percolators], 20, 13),
    ):
        points = [(across(run["watches"]), down(rate)) for run, rate in zip(runs, rates, strict=True)]
        yield f'<polyline points="{_points(points)}" fill="none" stroke="var(--{color})" stroke-width="2"/>'
        for (x, y), rate in zip(points, rates, strict=True):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="var(--{color})"/>'
            yield _text(x, y + shift, f"{rate:,}", "mid")
        x, y = points[-1]
        yield _text(x + 34, y + aside, name)


SCRIPTS = {"latin": "Latin", "cyrillic": "Cyrillic", "arabic": "Arabic, Persian"}


def _names(result: Mapping[str, Any]) -> str:
    """At ``strict``, both axes in powers of ten. Names of curves keep their distance at the right."""
    curves = list(_name_curves(result))
    sizes = sorted({size for _, _, _, points in curves for size, _ in points})
    rates = [rate for _, _, _, points in curves for _, rate in points]
    low, high = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))
    top, bottom, left, right = 64, 484, 86, WIDTH - 190
    span = max(math.log10(sizes[-1] / sizes[0]), 1e-9)

    def place(size: float, rate: float) -> tuple[float, float]:
        across = math.log10(size / sizes[0]) / span * (right - left)
        return left + across, bottom - (math.log10(rate) - low) / (high - low) * (bottom - top)

    grid = [(10.0**power, place(sizes[0], 10.0**power)[1]) for power in range(low, high + 1)]
    lines = [_line(left, y, right, y) for _, y in grid]
    lines += [_text(left - 10, y + 4, f"{rate:,g}", "dim right") for rate, y in grid]
    lines += [_text(place(size, 10.0**low)[0], bottom + 22, f"{size:,}", "dim mid") for size in sizes]
    lines += [_text((left + right) / 2, bottom + 46, "watches", "dim mid")]
    ends: list[tuple[float, float, str]] = []
    for color, name, dashes, points in curves:
        placed = [place(size, rate) for size, rate in points]
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        lines.append(f'<polyline points="{_points(placed)}" fill="none" stroke="var(--{color})" stroke-width="2"{dashed}/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="var(--{color})"/>' for x, y in placed]
        ends.append((placed[-1][1], placed[-1][0], name))
    lower = -math.inf
    for y, x, name in sorted(ends):
        lower = max(y, lower + 15)
        lines.append(_text(x + 10, lower + 4, name))
    subtitle = "level strict, both axes logarithmic; dashed: every word is read for the first time"
    return _svg(
        f"Articles of {result['input']['words']} words read for names in a second of CPU time", subtitle, lines, bottom + 62
    )


def _name_curves(result: Mapping[str, Any]) -> Iterable[tuple[str, str, str, Sequence[tuple[int, float]]]]:
    """Colour, name, dashes, and articles a second by watches."""
    runs = [run for run in result["runs"] if run["level"] == "strict"]
    for color, (script, name) in zip(("c0", "c1", "c2"), SCRIPTS.items(), strict=True):
        read = [(run["watches"], run["scripts"][script]) for run in runs if script in run["scripts"]]
        yield color, name, "", [(watches, told["articles_per_second"]) for watches, told in read]
        yield color, f"{name}, first", "5 4", [(watches, told["first_articles_per_second"]) for watches, told in read]
    peers = [peer for peer in result.get("peers", ()) if "articles_per_second" in peer]
    for color, what in zip(("peer", "c5", "c6"), dict.fromkeys((peer["name"], peer["what"]) for peer in peers), strict=False):
        points = [(peer["watches"], peer["articles_per_second"]) for peer in peers if (peer["name"], peer["what"]) == what]
        yield color, f"{what[0].split()[0]}, {what[1].split(',')[0].split()[-1]}", "", points
    if beside := result.get("percolator"):
        for color, name, suffix in (("c3", "percolator, batches", ""), ("c4", "percolator, singly", "_one_a_request")):
            if rate := beside[f"articles_per_cpu_second{suffix}"]:  # where its process could be seen
                yield color, name, "", [(beside["watches"], rate)]


def _names_parts(result: Mapping[str, Any]) -> str:
    """Of each size and script, the shares of a steady reading: bars of one length, for their costs differ by hundreds."""
    told = [
        (run["watches"], name, _together(run["scripts"][script]["parts_ms"]))
        for run in result["runs"]
        for script, name in SCRIPTS.items()
        if "parts_ms" in run["scripts"].get(script, {})
    ]
    parts = list(told[0][2])
    left, top, step = 210, 104, 46
    reach = WIDTH - left - 110
    lines = [*_legend(parts)]
    for number, (watches, script, spent) in enumerate(told):
        y, at, total = top + step * number, float(left), sum(spent.values())
        lines.append(_text(left - 10, y + 21, f"{watches:,}, {script}", "right"))
        for color, part in enumerate(parts):
            lines.append(_bar(at, y, spent[part] / total * reach, f"c{color}"))
            at += spent[part] / total * reach
        lines.append(_text(at + 6, y + 21, f"{total:,.1f} ms"))
    title = "What reading an article for names is made of"
    return _svg(title, "level strict, words known; CPU time of an article at the right", lines, top + step * len(told) + 8)


def _together(parts: Mapping[str, float]) -> dict[str, float]:
    """What is no part of reading names as one, for there are seven colours."""
    rest = ("folding", "other")
    return {**{part: spent for part, spent in parts.items() if part not in rest}, "all else": sum(parts[part] for part in rest)}


def _cpu(results: Sequence[Mapping[str, Any]]) -> str:
    longest = max(sum(part(run) for _, part in PARTS) for run in results)
    reach = math.ceil(longest / 50) * 50
    scale = (WIDTH - LEFT - RIGHT) / reach
    top = 112
    bottom = top + 94 * len(results) - 14
    lines = [_line(LEFT + at * scale, top - 10, LEFT + at * scale, bottom) for at in range(0, reach + 1, 50)]
    lines += [_text(LEFT + at * scale, bottom + 20, str(at), "dim mid") for at in range(0, reach + 1, 50)]
    lines += [_text(LEFT + (WIDTH - LEFT - RIGHT) / 2, bottom + 42, "ms of CPU time a page", "dim mid")]
    lines += _legend([name for name, _ in PARTS])
    for number, run in enumerate(results):
        y = top + 94 * number
        lines.append(_text(8, y + 20, run["corpus"], "title"))
        lines.append(_text(8, y + 38, f"{run['pages']} pages", "dim"))
        at = float(LEFT)
        for color, (_, part) in enumerate(PARTS):
            width = part(run) * scale
            lines.append(_bar(at, y, width, f"c{color}"))
            at += width
        total = sum(part(run) for _, part in PARTS)
        lines.append(_text(at + 6, y + 21, f"{total:.1f}"))
        alone = run["trafilatura_ms_per_page"]
        lines.append(_bar(LEFT, y + 38, alone * scale, "peer"))
        lines.append(_text(LEFT + alone * scale + 6, y + 59, f"{alone} trafilatura alone"))
    return _svg("What a page costs, from feed to alert", "100 watches, sites that answer 10 pages a second", lines, bottom + 56)


def _services(result: Mapping[str, Any]) -> str:
    runs = result["runs"]
    reach = math.ceil(max(sum(part(run) for _, part in PROCESSES) for run in runs) / 50) * 50
    left, top, step = 190, 122, 46
    scale = (WIDTH - left - 110) / reach
    bottom = top + step * len(runs) - 14
    lines = [_line(left + at * scale, top - 10, left + at * scale, bottom) for at in range(0, reach + 1, 50)]
    lines += [_text(left + at * scale, bottom + 20, str(at), "dim mid") for at in range(0, reach + 1, 50)]
    lines += [_text(left + (WIDTH - left - 110) / 2, bottom + 42, "ms of CPU time a page", "dim mid")]
    lines += _legend([name for name, _ in PROCESSES])
    for number, run in enumerate(runs):
        y, at = top + step * number, float(left)
        lines.append(_text(left - 10, y + 21, f"{_counted(run, 'worker')}, {_counted(run, 'crawler')}", "right"))
        for color, (_, part) in enumerate(PROCESSES):
            lines.append(_bar(at, y, part(run) * scale, f"c{color}"))
            at += part(run) * scale
        lines.append(_text(at + 6, y + 21, f"{run['steady_articles_per_second']} a second"))
    machine = result["machine"]
    subtitle = f"every service and the sites on the same {machine['cores']} cores; articles a second at its steady pace"
    return _svg("What a page costs on PostgreSQL, Redis and Elasticsearch", subtitle, lines, bottom + 56)


def _soak(result: Mapping[str, Any]) -> str:
    """Every process a line, in the colour of its role."""
    top, bottom, left, right = 112, 430, 60, WIDTH - 24
    minutes = max(at for at, *_ in result["samples"]) / 60
    reach = 50 * math.ceil(max(mb for *_, mb, _ in result["samples"]) / 50)
    roles = list(dict.fromkeys(role for _, role, *_ in result["samples"]))

    def down(mb: float) -> float:
        return bottom - mb / reach * (bottom - top)

    lives: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for at, role, pid, mb, _ in result["samples"]:
        lives.setdefault((role, pid), []).append((left + at / 60 / minutes * (right - left), down(mb)))
    lines = [_line(left, down(mb), right, down(mb)) for mb in range(0, reach + 1, 50)]
    lines += [_text(left - 8, down(mb) + 4, str(mb), "dim right") for mb in range(0, reach + 1, 50)]
    lines += [_text(left + part / 6 * (right - left), bottom + 20, f"{part / 6 * minutes:.0f}", "dim mid") for part in range(7)]
    lines += [_text((left + right) / 2, bottom + 42, "minutes", "dim mid"), *_legend(roles)]
    for (role, _), places in lives.items():
        color = roles.index(role)
        lines.append(f'<polyline points="{_points(places)}" fill="none" stroke="var(--c{color})" stroke-width="1.5"/>')
    title = f"MB of each process while {result['articles']:,} articles come by the rhythm of a day"
    return _svg(title, f"{result['sources']:,} sources, {result['watches']:,} watches", lines, bottom + 56)


def _counted(run: Mapping[str, Any], thing: str) -> str:
    return f"{run[f'{thing}s']} {thing}{'s' if run[f'{thing}s'] > 1 else ''}"


def _legend(names: Iterable[str]) -> Iterable[str]:
    x, y = 8.0, 69
    for color, name in enumerate(names):
        wide = 40 + 6.6 * len(name)
        if x + wide > WIDTH:
            x, y = 8.0, y + 18
        yield f'<rect x="{x:.1f}" y="{y}" width="11" height="11" rx="2" fill="var(--c{color})"/>'
        yield _text(x + 16, y + 10, name, "dim")
        x += wide


def _bar(x: float, y: float, width: float, color: str) -> str:
    """With a gap of paper at its end, so that neighbours are told apart without their colours."""
    return f'<rect x="{x:.1f}" y="{y}" width="{max(width - 1.5, 0.5):.1f}" height="32" rx="2" fill="var(--{color})"/>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="var(--line)"/>'


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{text}</text>'


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _svg(title: str, subtitle: str, lines: Iterable[str], height: float) -> str:
    size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    paper = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    words = [_text(8, 24, title, "title"), _text(8, 44, subtitle, "dim")]
    return "\n".join([head, f"<title>{title}</title>", STYLE, paper, *words, *lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    for name, drawn in plots().items():
        (HERE / "benchmarks" / name).write_text(drawn, "utf-8")
