"""Every row in another database: compared, numbered on, all or nothing, and none into a store that is in use."""

import pytest
from sqlalchemy import insert, select, text

from copytaster.errors import Permanent, Rejected
from copytaster.store import Store, backup, copying, leases, marks, processes, refusals, schema
from copytaster.store.rawrows import Shape, Tally, read
from tests.copytaster import full_store


def quietly(steps, total):
    del total
    return iter(steps)


def tables(store):
    with store.read() as tx:
        return {table.name: full_store.rows_of(tx.conn, table) for table in schema.metadata.sorted_tables}


def fill(store):
    with store.write() as tx:
        tx.conn.execute(schema.watch_epoch.delete())
        full_store.fill(tx.conn, schema.metadata)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service)])
def other(request, tmp_path, fake_clock):
    """An empty store in each dialect, beside ``store``."""
    from copytaster.store.migrate import migrate

    if request.param == "sqlite":
        made = Store(f"sqlite:///{tmp_path / 'other.db'}", clock=fake_clock)
        migrate(made)
        yield made
        made.close()
        return
    with request.getfixturevalue("postgresql_server").database(migrated=True) as url:
        made = Store(url, clock=fake_clock)
        yield made
        made.close()


def test_every_row_of_every_table_arrives_in_either_dialect(store, other):
    fill(store)
    copied = backup.carry(store, other, quietly)
    assert tables(other) == tables(store)
    assert {name: tally.rows for name, tally in copied.tallies.items()} == {
        name: len(rows) for name, rows in tables(store).items()
    }


def test_rows_that_number_themselves_go_on_after_the_last_one(store, other):
    fill(store)
    backup.carry(store, other, quietly)
    with other.write() as tx:
        refusals.put(tx, refusals.Refusal(stage="fetch", key="new", url="https://x.example/", reason="r", detail="d"))
        last = max(row.id for row in tx.conn.execute(select(schema.refusals.c.id)))
    assert last == 5


def test_a_number_that_no_row_had_begins_at_one(store, other):
    backup.carry(store, other, quietly)
    with other.write() as tx:
        refusals.put(tx, refusals.Refusal(stage="fetch", key="new", url="https://x.example/", reason="r", detail="d"))
        assert tx.conn.execute(select(schema.refusals.c.id)).scalars().all() == [1]


def test_more_rows_than_a_batch_arrive(store, other, monkeypatch):
    monkeypatch.setattr("copytaster.store.rawrows.BATCH", 7)
    with store.write() as tx:
        tx.insert_new(schema.seen, [{"link_id": f"link-{number}", "seen_at": tx.now} for number in range(100)])
    steps = []

    def watched(each, total):
        for step in each:
            steps.append(step)
            yield step
        assert len(steps) == total

    backup.carry(store, other, watched)
    assert steps.count("seen") == 2 * 15
    assert tables(other)["seen"] == tables(store)["seen"]


def test_a_store_with_rows_is_no_target_and_stays_as_it_was(store, other):
    fill(store)
    with other.write() as tx:
        tx.insert_new(schema.seen, {"link_id": "mine", "seen_at": tx.now})
    before = tables(other)
    with pytest.raises(Rejected, match=r"is not empty \(1 rows in seen\)"):
        backup.carry(store, other, quietly)
    assert tables(other) == before


def test_a_store_that_was_started_once_and_has_nothing_yet_is_a_target(store, other):
    fill(store)
    with other.write() as tx:
        marks.put(tx, "facts.sources", marks.Mark())
        leases.take(tx, "reconcile", "me", seconds=5)
    backup.carry(store, other, quietly)
    assert tables(other) == tables(store)


def test_a_row_that_changes_on_its_way_is_noticed_and_nothing_is_kept(store, other, monkeypatch):
    fill(store)
    empty = tables(other)
    carry = copying.carry

    def spoilt(source, target, copied):
        yield from carry(source, target, copied)
        target.conn.execute(schema.articles.update().values(title="another"))

    monkeypatch.setattr(copying, "carry", spoilt)
    with pytest.raises(Permanent, match=r"table articles did not arrive as it was read \(4 rows sent, 4 rows? found|differ"):
        backup.carry(store, other, quietly)
    assert tables(other) == empty


def test_what_is_written_while_it_is_copied_is_not_half_there(store, store_url, other):
    fill(store)
    before = tables(store)
    writer = Store(store_url)

    def watched(steps, total):
        del total
        for number, step in enumerate(steps):
            if number == 0:
                with writer.write() as tx:
                    tx.insert_new(schema.seen, {"link_id": "later", "seen_at": tx.now})
            yield step

    backup.carry(store, other, watched)
    writer.close()
    assert tables(other) == before
    assert len(tables(store)["seen"]) == len(before["seen"]) + 1


def test_letters_that_postgresql_can_not_hold_are_kept_as_marks_in_both(store):
    """NUL and half a surrogate pair may come from any header; neither may stop an article or a copy."""
    detail = "a\0b\ud800c 🗞"
    with store.write() as tx:
        refusals.put(tx, refusals.Refusal(stage="fetch", key="k", url="https://x.example/", reason="r", detail=detail))
        row = full_store.value
        values = {column.name: row(column, 0) for column in schema.sources.columns}
        tx.conn.execute(insert(schema.sources), {**values, "headers": {"X": detail, "Y\0": [detail]}})
    with store.read() as tx:
        assert refusals.every(tx)[0].detail == "a\ufffdb\ufffdc 🗞"
        kept = tx.conn.execute(select(schema.sources.c.headers)).scalar_one()
    assert kept == {"X": "a\ufffdb\ufffdc 🗞", "Y\ufffd": ["a\ufffdb\ufffdc 🗞"]}


def test_what_an_older_release_let_into_sqlite_is_mended_on_its_way(tmp_path, other):
    from copytaster.store.migrate import migrate

    store = Store(f"sqlite:///{tmp_path / 'old.db'}")
    migrate(store)
    fill(store)
    with store.write() as tx:  # past the types, as a release without them wrote it
        tx.conn.execute(text("UPDATE watches SET name = 'a' || char(0) || 'b', aliases = :raw"), {"raw": '["x\\u0000y\\ud800z"]'})
    backup.carry(store, other, quietly)
    with other.read() as tx:
        found = {tuple(map(str, row)) for row in tx.conn.execute(select(schema.watches.c.name, schema.watches.c.aliases))}
    assert found == {("a\ufffdb", "['x\ufffdy\ufffdz']")}
    store.close()


def test_a_tally_sees_any_change_and_no_order(store):
    shape = Shape(schema.articles)
    fill(store)
    with store.read() as tx:
        rows = [row for batch in read(tx, shape) for row in batch]

    def tally(some):
        made = Tally(shape)
        made.add(some)
        return made.rows, made.digest

    assert tally(rows) == tally(rows[::-1])
    for place in range(len(rows[0])):
        changed = [(*rows[0][:place], "changed", *rows[0][place + 1 :]), *rows[1:]]
        assert tally(changed) != tally(rows)


def test_processes_that_got_on_lately_count_as_running(store, fake_clock):
    with store.write() as tx:
        processes.note(tx, "worker@here/1", "worker")
        assert copying.alive(tx) == ["worker@here/1"]
    fake_clock.advance(copying.ALIVE_SECONDS + 1)
    with store.read() as tx:
        assert copying.alive(tx) == []
