"""No call that is made again and again reads a whole table: shown by the plans of its real statements, in both dialects."""

import contextlib
import json
import pathlib
import re
import shutil

import pytest
from sqlalchemy import event, text

from copytaster.store import Store
from copytaster.store.schema import metadata
from tests.scale.asking import calls, overheard
from tests.scale.filling import Size, fill

SMALLER = 10  # times than the 100,000 sources of docs/benchmarks/scale.py; plans are the same
MOST_STEPS = 100  # thousands of SQLite's steps; to sort 10,000 rows takes it 200
BIG = {"sources", "endpoints", "hosts", "links", "watches", "watch_channels", "articles", "deliveries", "messages", "refusals"}
# What counts everything walks through one narrow index, and says so by its name here.
COUNTED = {"ix_sources_state", "ix_deliveries_state_id", "ix_deliveries_state_due_at", "ix_refusals_stage_reason"}
COUNTED_OF = {"articles", "deliveries", "refusals"}  # … of which all are counted, by whatever index is the smallest
INDEXES = {each.name: each for table in metadata.tables.values() for each in table.indexes}
NAMES = list(calls(None, pathlib.Path()))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def filled(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "copytaster.db")
        store = Store(f"sqlite:///{folder / 'copytaster.db'}")
        fill(store, Size().part(SMALLER))
        yield store, calls(store, folder)
        store.close()
        return
    with request.getfixturevalue("postgresql_server").database(migrated=True) as url:
        store = Store(url)
        fill(store, Size().part(SMALLER))
        yield store, calls(store, folder)
        store.close()


@pytest.mark.parametrize("name", NAMES)
def test_no_call_reads_a_whole_table(filled, name):
    store, asked = filled
    with overheard(store) as said:
        asked[name]()
    assert said
    walked = [f"{walk}\n    by {statement}" for statement, values in said for walk in walks(store, statement, values)]
    assert not walked, "\n".join(walked)


# What shows how all of them stand counts them all, each through a narrow index.
COUNTS_ALL = {"status", "status page", "metrics"}


@pytest.mark.parametrize("filled", ["sqlite"], indirect=True)  # the other does not count its steps
@pytest.mark.parametrize("name", [name for name in NAMES if name not in COUNTS_ALL])
def test_no_call_sorts_or_filters_more_than_it_needs(filled, name):
    store, asked = filled
    with counting(store) as steps:
        asked[name]()
    assert 0 < steps[0] < MOST_STEPS


@contextlib.contextmanager
def counting(store):
    """Thousands of steps that SQLite's machine takes meanwhile."""
    steps = [1]

    def step():
        steps[0] += 1

    def hear(raw, *_):
        raw.set_progress_handler(step, 1_000)

    event.listen(store.engine, "checkout", hear)
    try:
        yield steps
    finally:
        event.remove(store.engine, "checkout", hear)


def test_a_statement_without_an_index_is_noticed(filled):
    store, _ = filled
    for statement in ("SELECT id FROM sources WHERE user_agent = 'x'", "SELECT count(*) FROM links WHERE attempts > 3"):
        assert walks(store, statement, ())


def walks(store, statement, values):
    """The big tables, or their whole indexes, that a statement would read from end to end."""
    with store.engine.connect() as conn, conn.begin():
        if store.dialect == "sqlite":
            return [
                walk
                for (*_, line) in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                if (walk := _scan(line, statement))
            ]
        conn.execute(text("SET LOCAL enable_seqscan = off"))  # so that one is left only where there is no other way
        plan = conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    tree = plan if isinstance(plan, list) else json.loads(plan)
    return list(_walks_of(tree[0]["Plan"], limited=False))


def _scan(line, statement):
    found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
    if not found or _table(found[1], statement) not in BIG:
        return None
    ours = rf"(WHERE {found[1]}\.watch_id != \? )?"
    if re.search(rf"FROM {found[1]}\s+{ours}ORDER BY {found[1]}\.id DESC\s+LIMIT", statement):
        return None  # by the number of its rows, from the end, passing over the few of the heartbeat
    index = found[2] or ""
    few = "LIMIT" in statement or index in COUNTED or (index and _table(found[1], statement) in COUNTED_OF)
    return None if index and (few or _is_partial(index)) else line


def _table(name, statement):
    """An alias is told by its table."""
    found = re.search(rf"(\w+) AS {name}\b", statement)
    return found[1] if found else name


def _is_partial(index):
    return index in INDEXES and INDEXES[index].dialect_options["sqlite"]["where"] is not None


def _walks_of(node, *, limited):
    kind, index = node["Node Type"], node.get("Index Name", "")
    table = INDEXES[index].table.name if index in INDEXES else node.get("Relation Name")
    if kind == "Seq Scan" and table in BIG:
        yield f"Seq Scan on {table}"
    few = limited or _is_partial(index) or index in COUNTED or table in COUNTED_OF
    if "Index" in kind and "Index Cond" not in node and table in BIG and not few:
        yield f"{kind} through all of {index}"
    for inner in node.get("Plans", ()):
        yield from _walks_of(inner, limited=limited or kind == "Limit")
