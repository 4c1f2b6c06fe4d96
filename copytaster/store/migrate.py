"""Brings a database to the newest schema. It owns when and under which lock; the steps are in ``migrations/versions``."""

import pathlib

from sqlalchemy import Connection, insert, inspect, select, text

from copytaster.store import schema
from copytaster.store.db import Store

HEAD = "0001"
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
    if version(store) == HEAD:
        return False
    with store.write() as tx:
        if tx.dialect == "postgresql":
            tx.conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        _upgrade(tx.conn)
        if tx.conn.execute(select(schema.watch_epoch.c.epoch)).scalar() is None:
            tx.conn.execute(insert(schema.watch_epoch).values(id=1, epoch=1))
    return True


def _upgrade(conn: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
