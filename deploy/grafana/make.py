"""Writes the dashboards of panels.py as JSON for Grafana: ``python deploy/grafana/make.py [folder]``.

It owns their looks and places; the same panels always give the same bytes.
"""

import json
import pathlib
import sys
from collections.abc import Iterator, Sequence
from itertools import count

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DataTransformerConfig, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from panels import BOARDS, Board, Panel

HERE = pathlib.Path(__file__).parent
WIDTH = 24
HEIGHTS = {"number": 4, "line": 8, "stack": 8, "table": 8}
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
Builder = timeseries.Panel | stat.Panel | table.Panel


def main(folder: pathlib.Path) -> None:
    for board in BOARDS:
        (folder / f"{board.uid}.json").write_text(text_of(board), "utf-8")


def text_of(board: Board) -> str:
    made = json.loads(JSONEncoder(sort_keys=True).encode(build(board)))
    return json.dumps({**made, "id": None}, indent=2, sort_keys=True) + "\n"  # null: Grafana gives it one of its own


def build(board: Board) -> object:
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags(["copytaster"])
        .time("now-3h", "now")
        .refresh("30s")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(dashboard.DashboardLink("copytaster").type("dashboards").tags(["copytaster"]).as_dropdown(True).keep_time(True))
    )
    numbers = count(1)
    for title, panels in board.rows:
        made.with_row(dashboard.Row(title).id(next(numbers)))
        for panel, width in zip(panels, widths(panels), strict=True):
            made.with_panel(of_panel(panel, width).id(next(numbers)))
    return made.build()


def widths(panels: Sequence[Panel]) -> Iterator[int]:
    """As they are wanted; the last of a row takes what is left of its 24 columns."""
    used = 0
    for number, panel in enumerate(panels):
        last = number == len(panels) - 1
        width = WIDTH - used if last else panel.width
        yield width
        used = (used + width) % WIDTH


def of_panel(panel: Panel, width: int) -> Builder:
    made = {"number": a_number, "table": a_table}.get(panel.kind, lines)(panel)
    made.title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit)
    made.height(HEIGHTS[panel.kind]).span(width)
    for letter, (expression, legend) in zip("ABCDEFGH", panel.asked, strict=False):
        query = prometheus.Dataquery().expr(expression).ref_id(letter).datasource(SOURCE)
        query = query.legend_format(legend) if legend else query
        made.with_target(query.instant().format(PromQueryFormat.TABLE) if panel.kind == "table" else query.range())
    return made


def lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
    made = timeseries.Panel().legend(legend).tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    made.show_points(VisibilityMode.NEVER).line_width(1).min(0)
    if panel.kind == "stack":
        made.fill_opacity(25).stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    return made


def a_number(panel: Panel) -> stat.Panel:
    made = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    if panel.bad is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=panel.bad, color="red")]
    elif panel.unit == "bool_yes_no":
        steps = [Threshold(value=None, color="red"), Threshold(value=1, color="green")]
    else:
        return made.color_mode(BigValueColorMode.NONE)
    return made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def a_table(panel: Panel) -> table.Panel:
    """What it is now, without the column that says when now is."""
    del panel
    hidden = DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}})
    return table.Panel().show_header(True).filterable(True).with_transformation(hidden)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "dashboards")
