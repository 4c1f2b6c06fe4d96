# ruff: noqa: N815  the names are Kibana's
"""Our own schema of Kibana's saved objects as we write them: dashboards of model version 1. Unknown keys are forbidden.

Drawn up from the shapes that Kibana 8.19 and 9.x read; no Kibana was at hand to ask.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from tests.deploy.lens_schema import LensAttributes, Query, Reference, Strict


def parsed(value: Any) -> Any:
    """What Kibana keeps as text that is JSON, and nothing else."""
    if not isinstance(value, str):
        raise TypeError("must be a string of JSON")
    return json.loads(value)


FromText = BeforeValidator(parsed)


class Grid(Strict):
    x: int = Field(ge=0, lt=48)
    y: int = Field(ge=0)
    w: int = Field(gt=0, le=48)
    h: int = Field(gt=0)
    i: str


class Panel(Strict):
    version: Literal["8.19.0"]
    panelIndex: str
    gridData: Grid
    title: str = Field(min_length=1)


class LensEmbeddable(Strict):
    attributes: LensAttributes
    enhancements: dict[str, None] = Field(max_length=0)
    hidePanelTitles: bool


class LensPanel(Panel):
    type: Literal["lens"]
    embeddableConfig: LensEmbeddable


class SearchEmbeddable(Strict):
    enhancements: dict[str, None] = Field(max_length=0)


class SearchPanel(Panel):
    type: Literal["search"]
    panelRefName: str
    embeddableConfig: SearchEmbeddable


class SearchSource(Strict):
    query: Query
    filter: list[None] = Field(max_length=0)
    indexRefName: str | None = None


class Meta(Strict):
    searchSourceJSON: Annotated[SearchSource, FromText]


class Refresh(Strict):
    pause: bool
    value: int


class Options(Strict):
    useMargins: bool
    syncColors: bool
    syncCursor: bool
    syncTooltips: bool


class ControlInput(Strict):
    id: str
    title: str
    fieldName: str
    enhancements: dict[str, None] = Field(max_length=0)


class Control(Strict):
    order: int
    width: Literal["small", "medium", "large"]
    grow: bool
    type: Literal["optionsListControl"]
    explicitInput: ControlInput


class Ignored(Strict):
    ignoreFilters: bool
    ignoreQuery: bool
    ignoreTimerange: bool
    ignoreValidations: bool


class ControlGroup(Strict):
    controlStyle: Literal["oneLine"]
    chainingSystem: Literal["HIERARCHICAL"]
    panelsJSON: Annotated[dict[str, Control], FromText]
    ignoreParentSettingsJSON: Annotated[Ignored, FromText]


class DashboardAttributes(Strict):
    title: str = Field(min_length=1)
    description: str
    timeRestore: Literal[True]
    timeFrom: str = Field(pattern=r"^now-\d+[hd]$")
    timeTo: Literal["now"]
    refreshInterval: Refresh
    kibanaSavedObjectMeta: Meta
    optionsJSON: Annotated[Options, FromText]
    panelsJSON: Annotated[list[Annotated[LensPanel | SearchPanel, Field(discriminator="type")]], FromText]
    version: Literal[1]
    controlGroupInput: ControlGroup | None = None


class SearchAttributes(Strict):
    title: str = Field(min_length=1)
    description: str
    columns: list[str] = Field(min_length=1)
    sort: list[list[str]]
    grid: dict[str, None] = Field(max_length=0)
    hideChart: bool
    isTextBasedQuery: Literal[False]
    timeRestore: bool
    kibanaSavedObjectMeta: Meta


class FieldAttribute(Strict):
    customDescription: str


class FieldFormat(Strict):
    id: Literal["duration", "url"]
    params: dict[str, str | int]


class ViewAttributes(Strict):
    title: str = Field(min_length=1)
    name: str = Field(min_length=1)
    timeFieldName: Literal["@timestamp"] | None = None
    fields: Annotated[list[None], FromText]
    fieldAttrs: Annotated[dict[str, FieldAttribute], FromText]
    fieldFormatMap: Annotated[dict[str, FieldFormat], FromText]
    runtimeFieldMap: Annotated[dict[str, None], FromText]
    typeMeta: Annotated[dict[str, None], FromText]
    sourceFilters: Annotated[list[None], FromText]


class SavedObject(Strict):
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    references: list[Reference]
    coreMigrationVersion: Literal["8.8.0"]
    managed: Literal[False]


class DataView(SavedObject):
    type: Literal["index-pattern"]
    typeMigrationVersion: Literal["8.0.0"]
    attributes: ViewAttributes


class SavedSearch(SavedObject):
    type: Literal["search"]
    typeMigrationVersion: Literal["10.1.0"]
    attributes: SearchAttributes


class Dashboard(SavedObject):
    type: Literal["dashboard"]
    typeMigrationVersion: Literal["10.1.0"]
    attributes: DashboardAttributes


SAVED: TypeAdapter[DataView | SavedSearch | Dashboard] = TypeAdapter(
    Annotated[DataView | SavedSearch | Dashboard, Field(discriminator="type")]
)


def read(ndjson: str) -> list[DataView | SavedSearch | Dashboard]:
    """Each line by its type; raises ValidationError for whatever we did not mean to write."""
    objects = [SAVED.validate_python(json.loads(line)) for line in ndjson.splitlines()]
    for each in objects:
        for panel in each.attributes.panelsJSON if isinstance(each, Dashboard) else ():
            if isinstance(panel, LensPanel):
                panel.embeddableConfig.attributes.visualization()
    return objects
