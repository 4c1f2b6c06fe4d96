"""Named leases: one holder at a time does a chore, however many processes would. It must not know the chores."""

import datetime as dt

from sqlalchemy import delete, select

from copytaster.store.db import Tx
from copytaster.store.schema import leases


def take(tx: Tx, name: str, token: str, *, seconds: float) -> bool:
    """True if ``token`` holds the lease until ``seconds`` from now: it was free, had run out, or was ours."""
    until = tx.now + dt.timedelta(seconds=seconds)
    row = tx.insert(leases).values(name=name, token=token, leased_until=until)
    free = (leases.c.token == token) | (leases.c.leased_until <= tx.now)
    held = {"token": token, "leased_until": until}
    return tx.conn.execute(row.on_conflict_do_update(index_elements=["name"], set_=held, where=free)).rowcount == 1


def drop(tx: Tx, name: str, token: str) -> None:
    """Whoever held it is done; that it ran out, or is another's by now, is no error."""
    tx.conn.execute(delete(leases).where(leases.c.name == name, leases.c.token == token))


def until(tx: Tx, name: str) -> dt.datetime | None:
    """When the lease runs out, if nobody prolongs it; None: it is free."""
    at = tx.conn.execute(select(leases.c.leased_until).where(leases.c.name == name)).scalar()
    return at if at and at > tx.now else None
