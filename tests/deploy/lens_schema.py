# ruff: noqa: N815  the names are Kibana's
"""Our own schema of a Lens panel by value, as we write it. Unknown keys are forbidden.

Drawn up from the shapes that Kibana 8.19 and 9.x read; no Kibana was at hand to ask.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Reference(Strict):
    id: str
    name: str
    type: Literal["index-pattern", "search"]


class Query(Strict):
    language: Literal["kuery"]
    query: str


class DurationParams(Strict):
    decimals: int
    fromUnit: Literal["seconds"]
    toUnit: Literal["humanizePrecise"]


class Duration(Strict):
    id: Literal["duration"]
    params: DurationParams


class PercentParams(Strict):
    decimals: int


class Percent(Strict):
    id: Literal["percent"]
    params: PercentParams


Format = Annotated[Duration | Percent, Field(discriminator="id")]


class AColumn(Strict):
    label: str = Field(min_length=1)
    customLabel: Literal[True]
    isBucketed: bool


class Numeric(AColumn):
    dataType: Literal["number"]
    isBucketed: Literal[False]
    scale: Literal["ratio"]


class OfRecords(Strict):
    emptyAsNull: bool


class Count(Numeric):
    operationType: Literal["count"]
    sourceField: Literal["___records___"]
    params: OfRecords
    filter: Query | None = None


class UniqueCount(Numeric):
    operationType: Literal["unique_count"]
    sourceField: str
    params: OfRecords


class PlainParams(Strict):
    format: Format | None = None


class Plain(Numeric):
    operationType: Literal["median", "max"]
    sourceField: str
    params: PlainParams


class SumParams(Strict):
    emptyAsNull: bool
    format: Format | None = None


class Sum(Numeric):
    operationType: Literal["sum"]
    sourceField: str
    params: SumParams


class PercentileParams(Strict):
    percentile: int = Field(gt=0, lt=100)
    format: Format


class Percentile(Numeric):
    operationType: Literal["percentile"]
    sourceField: str
    params: PercentileParams


class LastValueParams(Strict):
    sortField: str
    showArrayValues: Literal[True]  # as top_hits; False would be top_metrics


class LastValue(AColumn):
    operationType: Literal["last_value"]
    dataType: Literal["string"]
    scale: Literal["ordinal"]
    isBucketed: Literal[False]
    sourceField: str
    params: LastValueParams
    filter: Query


class Location(Strict):
    min: int
    max: int


class Tree(Strict):
    type: Literal["function"]
    name: Literal["divide"]
    args: list[str] = Field(min_length=2, max_length=2)
    text: str
    location: Location


class MathParams(Strict):
    tinymathAst: Tree


class Math(Numeric):
    operationType: Literal["math"]
    params: MathParams
    references: list[str]


class FormulaParams(Strict):
    formula: str
    isFormulaBroken: Literal[False]
    format: Format


class Formula(Numeric):
    operationType: Literal["formula"]
    params: FormulaParams
    references: list[str]


class Bucketed(AColumn):
    isBucketed: Literal[True]
    sourceField: str


class HistogramParams(Strict):
    interval: Literal["auto", "1h"]
    includeEmptyRows: bool
    dropPartials: bool


class DateHistogram(Bucketed):
    operationType: Literal["date_histogram"]
    dataType: Literal["date"]
    scale: Literal["interval"]
    params: HistogramParams


class ByColumn(Strict):
    type: Literal["column"]
    columnId: str


class ByCustom(Strict):
    type: Literal["custom"]


class ParentFormat(Strict):
    id: Literal["terms"]


class TermsParams(Strict):
    size: int = Field(gt=0, le=1000)
    orderBy: ByColumn | ByCustom
    orderAgg: Count | None = None
    orderDirection: Literal["asc", "desc"]
    otherBucket: bool
    missingBucket: bool
    parentFormat: ParentFormat
    include: list[str]
    exclude: list[str]
    includeIsRegex: bool
    excludeIsRegex: bool


class Terms(Bucketed):
    operationType: Literal["terms"]
    dataType: Literal["string"]
    scale: Literal["ordinal"]
    params: TermsParams


Column = Annotated[
    Count | UniqueCount | Plain | Sum | Percentile | LastValue | Math | Formula | DateHistogram | Terms,
    Field(discriminator="operationType"),
]


class Layer(Strict):
    columns: dict[str, Column]
    columnOrder: list[str]
    incompleteColumns: dict[str, None]
    sampling: Literal[1]


class FormBased(Strict):
    layers: dict[str, Layer]


class Datasources(Strict):
    formBased: FormBased


class Shown(Strict):
    layerId: str
    layerType: Literal["data"]


class Metric(Shown):
    metricAccessor: str


class Series(Shown):
    seriesType: Literal["bar_stacked", "bar_horizontal", "bar_percentage_stacked", "line"]
    xAccessor: str
    accessors: list[str]
    splitAccessor: str | None = None


class Legend(Strict):
    isVisible: bool
    position: Literal["right"]


class Axes(Strict):
    x: bool
    yLeft: bool
    yRight: bool


class Chart(Strict):
    legend: Legend
    valueLabels: Literal["hide"]
    fittingFunction: Literal["None", "Linear"]
    axisTitlesVisibilitySettings: Axes
    tickLabelsVisibilitySettings: Axes
    gridlinesVisibilitySettings: Axes
    preferredSeriesType: str
    layers: list[Series]


class HeatLegend(Legend):
    type: Literal["heatmap_legend"]


class HeatGrid(Strict):
    type: Literal["heatmap_grid"]
    isCellLabelVisible: bool
    isXAxisLabelVisible: bool
    isYAxisLabelVisible: bool
    isXAxisTitleVisible: bool
    isYAxisTitleVisible: bool


class Heat(Shown):
    shape: Literal["heatmap"]
    xAccessor: str
    yAccessor: str
    valueAccessor: str
    legend: HeatLegend
    gridConfig: HeatGrid


class Slices(Shown):
    primaryGroups: list[str]
    metrics: list[str]
    numberDisplay: Literal["percent"]
    categoryDisplay: Literal["default"]
    legendDisplay: Literal["default"]
    nestedLegend: bool


class Pie(Strict):
    shape: Literal["donut"]
    layers: list[Slices]


class TableColumn(Strict):
    columnId: str


class Table(Shown):
    columns: list[TableColumn]


VISUALIZATIONS: dict[str, type[Strict]] = {
    "lnsMetric": Metric,
    "lnsXY": Chart,
    "lnsHeatmap": Heat,
    "lnsPie": Pie,
    "lnsDatatable": Table,
}


class State(Strict):
    datasourceStates: Datasources
    visualization: dict[str, Any]  # by VISUALIZATIONS
    query: Query
    filters: list[None] = Field(max_length=0)
    internalReferences: list[None] = Field(max_length=0)
    adHocDataViews: dict[str, None] = Field(max_length=0)


class LensAttributes(Strict):
    type: Literal["lens"]
    title: str = Field(min_length=1)
    visualizationType: Literal["lnsMetric", "lnsXY", "lnsHeatmap", "lnsPie", "lnsDatatable"]
    references: list[Reference]
    state: State

    def visualization(self) -> Strict:
        return VISUALIZATIONS[self.visualizationType].model_validate(self.state.visualization)
