"""Kibana's saved objects: data views, saved searches and dashboards of rows of panels, as NDJSON that is the same each time.

It owns their form, which is that of the dashboard's model version 1: later Kibanas bring it up, none brings a later one down.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lens import Lens, attributes, kuery, reference

Json = dict[str, Any]
COLUMNS = 48
PANEL_VERSION = "8.19.0"
SOURCE_REFERENCE = "kibanaSavedObjectMeta.searchSourceJSON.index"


@dataclass(frozen=True, slots=True)
class View:
    """A data view; without ``time`` all that it holds is shown whatever span of time was chosen."""

    key: str
    name: str
    pattern: str
    time: str | None = "@timestamp"
    formats: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)  # field: what it is, for who looks at it


@dataclass(frozen=True, slots=True)
class Search:
    key: str
    title: str
    description: str
    view: str
    columns: Sequence[str]
    sort: str = "@timestamp"
    kql: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """A list above a dashboard to choose values from."""

    title: str
    view: str
    field: str


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side, each with its width; the widths of a row are 48 together."""

    height: int
    panels: Sequence[tuple[Lens | Search, int]]


@dataclass(frozen=True, slots=True)
class Dashboard:
    key: str
    title: str
    description: str
    since: str
    rows: Sequence[Row]
    controls: Sequence[Control] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """All that is loaded together; ``prefix`` keeps the ids of two installations apart."""

    prefix: str
    views: Sequence[View]
    searches: Sequence[Search]
    dashboards: Sequence[Dashboard]

    def ndjson(self) -> str:
        objects = [*map(self._view, self.views), *map(self._search, self.searches), *map(self._dashboard, self.dashboards)]
        return "".join(f"{_text(each)}\n" for each in objects)

    def _id(self, key: str) -> str:
        return f"{self.prefix}-{key}"

    def _view(self, view: View) -> Json:
        made = {
            "title": view.pattern,
            "name": view.name,
            "fields": "[]",
            "fieldAttrs": _text({name: {"customDescription": told} for name, told in view.told.items()}),
            "fieldFormatMap": _text(view.formats),
            "runtimeFieldMap": "{}",
            "typeMeta": "{}",
            "sourceFilters": "[]",
        }
        return _object(
            "index-pattern", self._id(view.key), made | ({"timeFieldName": view.time} if view.time else {}), "8.0.0", []
        )

    def _search(self, search: Search) -> Json:
        source = {"query": kuery(search.kql), "filter": [], "indexRefName": SOURCE_REFERENCE}
        made = {
            "title": search.title,
            "description": search.description,
            "columns": list(search.columns),
            "sort": [[search.sort, "desc"]],
            "grid": {},
            "hideChart": False,
            "isTextBasedQuery": False,
            "timeRestore": False,
            "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
        }
        view = {"id": self._id(search.view), "name": SOURCE_REFERENCE, "type": "index-pattern"}
        return _object("search", self._id(search.key), made, "10.1.0", [view])

    def _dashboard(self, dashboard: Dashboard) -> Json:
        placed = list(_placed(dashboard.rows))
        made = {
            "title": dashboard.title,
            "description": dashboard.description,
            "timeRestore": True,
            "timeFrom": dashboard.since,
            "timeTo": "now",
            "refreshInterval": {"pause": False, "value": 60_000},
            "kibanaSavedObjectMeta": {"searchSourceJSON": _text({"query": kuery(), "filter": []})},
            "optionsJSON": _text({"useMargins": True, "syncColors": True, "syncCursor": True, "syncTooltips": False}),
            "panelsJSON": _text([self._panel(panel, name, grid) for name, panel, grid in placed]),
            "version": 1,
        }
        if dashboard.controls:
            made["controlGroupInput"] = _controls(dashboard.controls)
        references = [self._reference(panel, name) for name, panel, _ in placed]
        for number, control in enumerate(dashboard.controls):
            name = f"controlGroup_control{number}:optionsListDataView"
            references.append({"id": self._id(control.view), "name": name, "type": "index-pattern"})
        return _object("dashboard", self._id(dashboard.key), made, "10.1.0", references)

    def _panel(self, panel: Lens | Search, name: str, grid: Json) -> Json:
        place = {"version": PANEL_VERSION, "panelIndex": name, "gridData": grid, "title": panel.title}
        if isinstance(panel, Search):
            return {**place, "type": "search", "panelRefName": f"panel_{name}", "embeddableConfig": {"enhancements": {}}}
        shown = {"attributes": attributes(panel, self._id(panel.view)), "enhancements": {}, "hidePanelTitles": False}
        return {**place, "type": "lens", "embeddableConfig": shown}

    def _reference(self, panel: Lens | Search, name: str) -> Json:
        """The dashboard repeats its panels' references, by the panel's name."""
        if isinstance(panel, Search):
            return {"id": self._id(panel.key), "name": f"{name}:panel_{name}", "type": "search"}
        made = reference(self._id(panel.view))
        return made | {"name": f"{name}:{made['name']}"}


def _placed(rows: Sequence[Row]) -> Iterable[tuple[str, Lens | Search, Json]]:
    top = number = 0
    for row in rows:
        left = 0
        for panel, width in row.panels:
            name = f"p{number}"
            yield name, panel, {"x": left, "y": top, "w": width, "h": row.height, "i": name}
            left, number = left + width, number + 1
        if left != COLUMNS:
            raise ValueError(f"the row at {top} is {left} wide")
        top += row.height


def _controls(controls: Sequence[Control]) -> Json:
    lists = {}
    for number, control in enumerate(controls):
        name = f"control{number}"
        asked = {"id": name, "title": control.title, "fieldName": control.field, "enhancements": {}}
        lists[name] = {"order": number, "width": "medium", "grow": True, "type": "optionsListControl", "explicitInput": asked}
    ignored = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    style = {"controlStyle": "oneLine", "chainingSystem": "HIERARCHICAL"}
    return {**style, "panelsJSON": _text(lists), "ignoreParentSettingsJSON": _text(ignored)}


def _object(kind: str, name: str, made: Json, version: str, references: Sequence[Json]) -> Json:
    return {
        "id": name,
        "type": kind,
        "attributes": made,
        "references": list(references),
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": version,
        "managed": False,
    }


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
