"""Lens panels for Kibana: columns, and the six charts that we draw of them. It owns their saved form, and knows no field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LAYER = "layer"
RECORDS = "___records___"
Json = dict[str, Any]
DURATION = {"id": "duration", "params": {"decimals": 1, "fromUnit": "seconds", "toUnit": "humanizePrecise"}}
PERCENT = {"id": "percent", "params": {"decimals": 1}}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a layer. ``parts`` are hidden columns that it is computed from, by their suffix."""

    label: str
    operation: str
    source: str | None = None
    data: str = "number"
    scale: str = "ratio"
    params: Mapping[str, Any] = field(default_factory=dict)
    kql: str | None = None
    parts: Mapping[str, "Column"] = field(default_factory=dict)
    references: Sequence[str] = ()

    @property
    def bucketed(self) -> bool:
        return self.operation in {"date_histogram", "terms", "filters"}

    def saved(self, name: str) -> Json:
        made: Json = {
            "label": self.label,
            "customLabel": True,
            "dataType": self.data,
            "operationType": self.operation,
            "isBucketed": self.bucketed,
            "scale": self.scale,
            "params": dict(self.params),
        }
        if self.source:
            made["sourceField"] = self.source
        if self.kql:
            made["filter"] = kuery(self.kql)
        if self.references:
            made["references"] = [f"{name}{suffix}" for suffix in self.references]
        return made


def kuery(text: str = "") -> Json:
    return {"language": "kuery", "query": text}


# -- columns ----------------------------------------------------------------------------------------------------------


def count(label: str, kql: str | None = None) -> Column:
    return Column(label, "count", RECORDS, params={"emptyAsNull": False}, kql=kql)


def unique(label: str, source: str) -> Column:
    return Column(label, "unique_count", source, params={"emptyAsNull": False})


def number(operation: str, label: str, source: str, form: Mapping[str, Any] | None = None) -> Column:
    """``median``, ``max``, ``sum`` of a field."""
    params = {"emptyAsNull": True} if operation == "sum" else {}
    return Column(label, operation, source, params={**params, "format": form} if form else params)


def percentile(rank: int, source: str, form: Mapping[str, Any]) -> Column:
    return Column(f"{rank} of 100 within", "percentile", source, params={"percentile": rank, "format": form})


def newest(label: str, source: str) -> Column:
    """The value of the newest document; as a list, which a table alone can show."""
    params = {"sortField": "@timestamp", "showArrayValues": True}
    return Column(label, "last_value", source, "string", "ordinal", params, kql=f'"{source}": *')


def share(label: str, kql: str) -> Column:
    """How many of all documents a query holds for: a formula, with the hidden columns that Lens computes it from."""
    formula = f"count(kql='{kql}') / count()"
    hidden = f"Part of {label}"
    tree = {"type": "function", "name": "divide", "args": ["X0", "X1"], "text": formula}
    tree["location"] = {"min": 0, "max": len(formula)}
    parts = {
        "X0": count(hidden, kql),
        "X1": count(hidden),
        "X2": Column(hidden, "math", params={"tinymathAst": tree}, references=("X0", "X1")),
    }
    params = {"formula": formula, "isFormulaBroken": False, "format": PERCENT}
    return Column(label, "formula", params=params, parts=parts, references=("X2",))


def over_time(label: str = "Time", interval: str = "auto") -> Column:
    params = {"interval": interval, "includeEmptyRows": True, "dropPartials": False}
    return Column(label, "date_histogram", "@timestamp", "date", "interval", params)


def top(label: str, source: str, size: int, *, by: str | None = "y0", other: bool = True) -> Column:
    """The values of a field with the most of the column ``by``; None: with the most documents, whatever is shown of them."""
    order: Json = {"orderBy": {"type": "column", "columnId": by}}
    if by is None:
        order = {"orderBy": {"type": "custom"}, "orderAgg": count("Records").saved("order")}
    params = {
        **order,
        "size": size,
        "orderDirection": "desc",
        "otherBucket": other,
        "missingBucket": False,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }
    return Column(label, "terms", source, "string", "ordinal", params)


# -- charts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lens:
    """A chart over one data view; ``view`` is the data view's key."""

    title: str
    view: str
    kind: str
    columns: Mapping[str, Column]
    visualization: Mapping[str, Any]
    kql: str = ""


def metric(title: str, view: str, value: Column) -> Lens:
    shown = {"layerId": LAYER, "layerType": "data", "metricAccessor": "y0"}
    return Lens(title, view, "lnsMetric", {"y0": value}, shown)


def chart(title: str, view: str, series: str, x: Column, *values: Column, split: Column | None = None) -> Lens:
    """``bar_stacked``, ``bar_horizontal``, ``bar_percentage_stacked`` or ``line``."""
    accessors = {f"y{place}": value for place, value in enumerate(values)}
    layer: Json = {"layerId": LAYER, "layerType": "data", "seriesType": series, "xAccessor": "x", "accessors": list(accessors)}
    columns = {"x": x, **accessors}
    if split:
        columns = {"split": split, **columns}
        layer["splitAccessor"] = "split"
    axes = {"x": True, "yLeft": True, "yRight": True}
    shown = {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "fittingFunction": "Linear" if series == "line" else "None",
        "axisTitlesVisibilitySettings": {**axes, "x": False},
        "tickLabelsVisibilitySettings": axes,
        "gridlinesVisibilitySettings": axes,
        "preferredSeriesType": series,
        "layers": [layer],
    }
    return Lens(title, view, "lnsXY", columns, shown)


def heat(title: str, view: str, x: Column, y: Column, value: Column) -> Lens:
    grid = {"isCellLabelVisible": False, "isXAxisLabelVisible": True, "isYAxisLabelVisible": True}
    shown = {
        "shape": "heatmap",
        "layerId": LAYER,
        "layerType": "data",
        "xAccessor": "x",
        "yAccessor": "split",
        "valueAccessor": "y0",
        "legend": {"isVisible": True, "position": "right", "type": "heatmap_legend"},
        "gridConfig": {"type": "heatmap_grid", **grid, "isXAxisTitleVisible": False, "isYAxisTitleVisible": False},
    }
    return Lens(title, view, "lnsHeatmap", {"split": y, "x": x, "y0": value}, shown)


def donut(title: str, view: str, group: Column, value: Column) -> Lens:
    layer = {"layerId": LAYER, "layerType": "data", "primaryGroups": ["x"], "metrics": ["y0"], "numberDisplay": "percent"}
    layer |= {"categoryDisplay": "default", "legendDisplay": "default", "nestedLegend": False}
    return Lens(title, view, "lnsPie", {"x": group, "y0": value}, {"shape": "donut", "layers": [layer]})


def table(title: str, view: str, group: Column, *values: Column, kql: str = "") -> Lens:
    columns = {"x": group, **{f"y{place}": value for place, value in enumerate(values)}}
    shown = {"layerId": LAYER, "layerType": "data", "columns": [{"columnId": name} for name in columns]}
    return Lens(title, view, "lnsDatatable", columns, shown, kql)


# -- their saved form -------------------------------------------------------------------------------------------------


def reference(view_id: str) -> Json:
    return {"id": view_id, "name": f"indexpattern-datasource-layer-{LAYER}", "type": "index-pattern"}


def attributes(lens: Lens, view_id: str) -> Json:
    """What a panel by value carries."""
    layer = {"columns": _columns(lens.columns), "columnOrder": _order(lens.columns), "incompleteColumns": {}, "sampling": 1}
    state = {
        "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
        "visualization": dict(lens.visualization),
        "query": kuery(lens.kql),
        "filters": [],
        "internalReferences": [],
        "adHocDataViews": {},
    }
    kind = {"type": "lens", "visualizationType": lens.kind, "title": lens.title}
    return {**kind, "references": [reference(view_id)], "state": state}


def _columns(columns: Mapping[str, Column]) -> Json:
    made = {}
    for name, column in columns.items():
        for suffix, part in column.parts.items():
            made[f"{name}{suffix}"] = _named(part.saved(name), name)
        made[name] = column.saved(name)
    return made


def _named(saved: Json, name: str) -> Json:
    """The tree of a formula names the columns in full."""
    if "tinymathAst" in saved["params"]:
        tree = saved["params"]["tinymathAst"]
        saved["params"] = {"tinymathAst": {**tree, "args": [f"{name}{suffix}" for suffix in tree["args"]]}}
    return saved


def _order(columns: Mapping[str, Column]) -> list[str]:
    """As Lens keeps it: buckets, what is counted, then what is computed from that."""
    plain = [(name, column) for name, column in columns.items()]
    parts = [(f"{name}{suffix}", part) for name, column in plain for suffix, part in column.parts.items()]
    every = [*plain, *parts]
    buckets = [name for name, column in every if column.bucketed]
    counted = [name for name, column in every if not column.bucketed and not column.references]
    return [*buckets, *counted, *(name for name, column in every if column.references)]
