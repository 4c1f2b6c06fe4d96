"""Draws the plots of ``performance.md`` from the results in ``benchmarks/``, so that the two never differ (a test draws again).

It owns how figures look; it must not know how they are measured.
"""

import json
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HERE = pathlib.Path(__file__).parent
WIDTH, LEFT, RIGHT = 720, 150, 64
STYLE = """\
<style>
svg { --paper: #fcfcfb; --ink: #1c1c1a; --dim: #5f5e59; --line: #dddcd6; --c0: #2a78d6; --c1: #1baf7a; --c2: #eda100;
 --c3: #4a3aa7; --c4: #8b8a84; --peer: #c4501f; font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
@media (prefers-color-scheme: dark) {
svg { --paper: #1a1a19; --ink: #f3f2ee; --dim: #b4b3ad; --line: #3b3a37; --c0: #4a93ea; --c1: #24b582; --c2: #d09a1b;
 --c3: #9085e9; --c4: #85847e; --peer: #e57a4c } }
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


def plots() -> dict[str, str]:
    """Every plot by its file name."""
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in (HERE / "benchmarks").glob("*.json")}
    corpora = [results["pipeline-articles"], results["pipeline-articles-world"]]
    return {"matching.svg": _matching(results["match"]), "cpu-per-page.svg": _cpu(corpora)}


def _matching(result: Mapping[str, Any]) -> str:
    """Both axes in powers of ten: each gridline is ten times the one before."""
    top, bottom, left, right = 64, 326, 86, WIDTH - 170
    runs = result["runs"]

    def across(watches: float) -> float:
        return left + (math.log10(watches) - 2) / 3 * (right - left)

    def down(rate: float) -> float:
        return bottom - (math.log10(rate) - 2) / 2 * (bottom - top)

    lines = [_line(left, down(rate), right, down(rate)) for rate in (100, 1_000, 10_000)]
    lines += [_text(left - 10, down(rate) + 4, f"{rate:,}", "dim right") for rate in (100, 1_000, 10_000)]
    lines += [_text(across(run["watches"]), bottom + 22, f"{run['watches']:,}", "dim mid") for run in runs]
    lines += [_text((left + right) / 2, bottom + 46, "watches", "dim mid")]
    ours = [(run["watches"], run["articles_per_second"]) for run in runs]
    peers = [(run["watches"], run["peer"]["articles_per_second"]) for run in runs]
    for color, name, points, shift in (("c0", "copytaster", ours, 20), ("peer", "pyahocorasick", peers, -11)):
        at = [(across(watches), down(rate)) for watches, rate in points]
        lines.append(f'<polyline points="{_points(at)}" fill="none" stroke="var(--{color})" stroke-width="2"/>')
        for (x, y), (_, rate) in zip(at, points, strict=True):
            lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="var(--{color})"/>')
            lines.append(_text(x, y + shift, f"{rate:,}", "mid"))
        lines.append(_text(at[-1][0] + 34, at[-1][1] + 4, name))
    words = result["input"]["words"]
    title = f"Articles of {words} words matched in a second of one core"
    return _svg(title, "both axes logarithmic; pyahocorasick finds plain strings and answers no query", lines, bottom + 62)


def _cpu(results: Sequence[Mapping[str, Any]]) -> str:
    longest = max(sum(part(run) for _, part in PARTS) for run in results)
    reach = math.ceil(longest / 50) * 50
    scale = (WIDTH - LEFT - RIGHT) / reach
    top = 112
    bottom = top + 94 * len(results) - 14
    lines = [_line(LEFT + at * scale, top - 10, LEFT + at * scale, bottom) for at in range(0, reach + 1, 50)]
    lines += [_text(LEFT + at * scale, bottom + 20, str(at), "dim mid") for at in range(0, reach + 1, 50)]
    lines += [_text(LEFT + (WIDTH - LEFT - RIGHT) / 2, bottom + 42, "ms of CPU time a page", "dim mid")]
    lines += _legend()
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


def _legend() -> Iterable[str]:
    x = 8.0
    for color, (name, _) in enumerate(PARTS):
        yield f'<rect x="{x:.1f}" y="69" width="11" height="11" rx="2" fill="var(--c{color})"/>'
        yield _text(x + 16, 79, name, "dim")
        x += 40 + 6.6 * len(name)


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
