"""What Kibana asks Elasticsearch for: a Lens layer as aggregations, a KQL sentence as a query. Only of what our panels use."""

import re
from typing import Any

from tests.deploy.lens_schema import Column, Count, DateHistogram, LastValue, Layer, Terms

Json = dict[str, Any]
_KQL = re.compile(r'^"?(?P<field>[@\w.]+)"?: (?:(?P<any>\*)|(?P<word>\w+)|\((?P<words>\w+(?: or \w+)*)\))$')
AUTO = "1h"  # Kibana takes what makes about a hundred bars of the chosen span


def kql(text: str) -> Json:
    """As Kibana translates it. What is not of the few forms that we write is an error here, not a guess."""
    if not text:
        return {"match_all": {}}
    told = _KQL.match(text)
    assert told, f"not of the forms that we use: {text}"
    if told["any"]:
        return {"bool": {"should": [{"exists": {"field": told["field"]}}], "minimum_should_match": 1}}
    words = told["words"].split(" or ") if told["words"] else [told["word"]]
    return {"bool": {"should": [{"match": {told["field"]: word}} for word in words], "minimum_should_match": 1}}


def fields_of_kql(text: str) -> set[str]:
    return {_KQL.match(text)["field"]} if text else set()


def fields_of(column: Column) -> set[str]:
    """Every field that a column names, in its own place, its order and its filter."""
    named = {getattr(column, "sourceField", "___records___")} - {"___records___"}
    if isinstance(column, LastValue):
        named |= {column.params.sortField}
    if isinstance(column, Count | LastValue) and column.filter:
        named |= fields_of_kql(column.filter.query)
    return named


def aggregations(layer: Layer) -> Json:
    """Buckets in each other in their order, and in the innermost all that is counted."""
    buckets = [name for name in layer.columnOrder if layer.columns[name].isBucketed]
    counted = [name for name in layer.columnOrder if asked(layer.columns[name])]
    made: Json = {name: _metric(layer.columns[name]) for name in counted if not _of_the_bucket(layer.columns[name])}
    for name in reversed(buckets):
        orders = {key: agg for key, agg in _orders(layer, layer.columns[name]).items() if key not in made}
        made = {name: {**_bucket(layer, layer.columns[name]), "aggs": {**made, **orders}}}
    return made


def asked(column: Column) -> bool:
    """Formula and math are computed by Kibana from what the others gave."""
    return not column.isBucketed and column.operationType not in {"formula", "math"}


def _of_the_bucket(column: Column) -> bool:
    return isinstance(column, Count) and column.filter is None


def _bucket(layer: Layer, column: Column) -> Json:
    if isinstance(column, DateHistogram):
        interval = AUTO if column.params.interval == "auto" else column.params.interval
        least = 0 if column.params.includeEmptyRows else 1
        return {"date_histogram": {"field": column.sourceField, "fixed_interval": interval, "min_doc_count": least}}
    assert isinstance(column, Terms)
    order = {_order(layer, column): column.params.orderDirection}
    return {"terms": {"field": column.sourceField, "size": column.params.size, "order": order}}


def _order(layer: Layer, column: Terms) -> str:
    """By the bucket's own count, or by what the column counts, which must then stand in the bucket itself."""
    if column.params.orderBy.type == "custom":
        assert column.params.orderAgg is not None
        assert _of_the_bucket(column.params.orderAgg)
        return "_count"
    by = column.params.orderBy.columnId
    return "_count" if _of_the_bucket(layer.columns[by]) else by


def _orders(layer: Layer, column: Column) -> Json:
    """What a bucket is ordered by stands beside the buckets within it."""
    if not isinstance(column, Terms) or column.params.orderBy.type == "custom":
        return {}
    by = layer.columns[column.params.orderBy.columnId]
    return {} if _of_the_bucket(by) else {column.params.orderBy.columnId: _metric(by)}


def _metric(column: Column) -> Json:
    match column.operationType:
        case "count":
            return {"filter": kql(column.filter.query)}
        case "unique_count":
            return {"cardinality": {"field": column.sourceField}}
        case "median":
            return {"percentiles": {"field": column.sourceField, "percents": [50]}}
        case "percentile":
            return {"percentiles": {"field": column.sourceField, "percents": [column.params.percentile]}}
        case "max" | "sum":
            return {column.operationType: {"field": column.sourceField}}
        case "last_value":
            newest = {"sort": [{column.params.sortField: "desc"}], "size": 1, "_source": False}
            hits = {"top_hits": {**newest, "fields": [column.sourceField]}}
            return {"filter": kql(column.filter.query), "aggs": {"newest": hits}}
    raise AssertionError(f"no panel of ours counts by {column.operationType}")


def values(layer: Layer, name: str, bucket: Json) -> Any:
    """What a column shows of one innermost bucket; None: nothing."""
    column = layer.columns[name]
    if column.operationType in {"formula", "math"}:
        return _computed(layer, name, bucket)
    if _of_the_bucket(column):
        return bucket["doc_count"]
    answer = bucket[name]
    if column.operationType == "count":
        return answer["doc_count"]
    if column.operationType == "last_value":
        found = answer["newest"]["hits"]["hits"]
        return found[0]["fields"][column.sourceField][0] if found else None
    if "values" in answer:
        return next(iter(answer["values"].values()))
    return answer["value"]


def _computed(layer: Layer, name: str, bucket: Json) -> float | None:
    column = layer.columns[name]
    if column.operationType == "formula":
        return _computed(layer, column.references[0], bucket)
    above, below = (values(layer, each, bucket) for each in column.params.tinymathAst.args)
    return above / below if below else None


def rows(layer: Layer, answer: Json) -> list[Json]:
    """The innermost buckets; of a layer without any, the whole answer."""
    found = [{"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}]
    for name in (each for each in layer.columnOrder if layer.columns[each].isBucketed):
        found = [bucket for outer in found for bucket in outer[name]["buckets"]]
    return found
