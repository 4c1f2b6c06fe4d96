"""A store of any earlier release becomes one of this release with every row, however many processes start at once."""

import datetime as dt
import pathlib
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from copytaster.errors import Permanent
from copytaster.store import Store, audits, schema
from copytaster.store import migrate as migrating
from copytaster.store.migrate import HEAD, migrate, version
from tests.copytaster import full_store

STEPS = sorted(path.name[:4] for path in pathlib.Path(migrating.HERE, "versions").glob("0*.py"))
EARLIER = STEPS[:-1]


def at(url, step):
    """A store as the release of that step left it, with rows in every table."""
    store = Store(url)
    with store.write() as tx:
        migrating._upgrade(tx.conn, step)
    with store.write() as tx:
        full_store.fill(tx.conn, full_store.reflected(tx.conn))
    return store


def everything(store, tables):
    with store.read() as tx:
        return {
            table.name: sorted((tuple(row) for row in tx.conn.execute(select(*table.columns))), key=repr)
            for table in tables.sorted_tables
        }


def differences(store):
    def ours(change):
        partition = change[0] in ("remove_table", "remove_index") and re.search(r"(texts|matches)_(rest|\d{6})", str(change[1]))
        return not partition

    with store.read() as tx:
        context = MigrationContext.configure(tx.conn, opts={"compare_type": True, "compare_server_default": False})
        return [change for change in compare_metadata(context, schema.metadata) if ours(change)]


def test_the_newest_step_is_the_head():
    assert STEPS[-1] == HEAD


@pytest.mark.parametrize("step", EARLIER)
def test_every_row_of_an_earlier_release_is_there_after_the_migration(empty_store_url, step):
    store = at(empty_store_url, step)
    with store.read() as tx:
        tables = full_store.reflected(tx.conn)
    before = everything(store, tables)
    assert all(before.values())
    assert migrate(store)
    assert version(store) == HEAD
    after = everything(store, tables)
    if "marks" in after:
        after["marks"] = [row for row in after["marks"] if row[0] != audits.FROM]
    assert after == before
    assert differences(store) == []
    store.close()


def test_what_an_earlier_release_landed_is_not_audited(empty_store_url):
    store = at(empty_store_url, "0006")
    before = dt.datetime.now(dt.UTC)
    assert migrate(store)
    with store.read() as tx:
        assert before <= audits.judged_from(tx) <= dt.datetime.now(dt.UTC)
    store.close()


def test_a_new_store_is_audited_from_its_first_article_on(store):
    with store.read() as tx:
        assert audits.judged_from(tx) is None


def test_processes_that_start_together_on_an_earlier_release_migrate_it_once(empty_store_url):
    first = at(empty_store_url, EARLIER[0])
    stores = [Store(empty_store_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, stores))
    assert {version(store) for store in stores} == {HEAD}
    assert differences(first) == []
    with first.read() as tx:
        assert len(full_store.rows_of(tx.conn, schema.sources)) == 4
    for store in (first, *stores):
        store.close()


def test_a_store_of_a_newer_release_is_refused_in_a_sentence(store):
    with store.write() as tx:
        tx.conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Permanent, match=r"has schema 9999.*run the newer copytaster"):
        migrate(store)
