"""Brings a database to the newest schema. It owns when and under which lock; the steps are in ``migrations/versions``."""

import pathlib

from sqlalchemy import Connection, insert, inspect, select, text

from copytaster.errors import Permanent
from copytaster.store import months, schema
from copytaster.store.db import Store

HEAD = "0007"
HERE = pathlib.Path(__file__).parent / "migrations"
LOCK = 7_020_417_411  # any number of our own: PostgreSQL's advisory locks are told apart by it


def version(store: Store) -> str | None:
    """The schema version that the database is at; None for an empty one."""
    with store.read() as tx:
        if not inspect(tx.conn).has_table("alembic_version"):
            return None
        found: str | None = tx.conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found


def migrate(store: Store) -> bool:
    """Runs the missing steps, each once however many processes start together; True if there was anything to do."""
    found = version(store)
    if found == HEAD:
        return False
    if found is not None and found > HEAD:
        raise Permanent(f"{_name(store)} has schema {found}, and this release knows {HEAD} at most: run the newer copytaster.")
    with store.write() as tx:
        tx.take_time()
        if tx.dialect == "postgresql":
            tx.conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        _upgrade(tx.conn)
        if tx.conn.execute(select(schema.watch_epoch.c.epoch)).scalar() is None:
            tx.conn.execute(insert(schema.watch_epoch).values(id=1, epoch=1))
        months.make_ahead(tx)
    return True


def _name(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=True)


def _upgrade(conn: Connection, to: str = "head") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = conn
    command.upgrade(config, to)
