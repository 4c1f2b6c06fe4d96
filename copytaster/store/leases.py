"""Named leases: one holder at a time does a chore, however many processes would. It must not know the chores."""

import datetime as dt

from copytaster.store.db import Tx
from copytaster.store.schema import leases


def take(tx: Tx, name: str, token: str, *, seconds: float) -> bool:
    """True if ``token`` holds the lease until ``seconds`` from now: it was free, had run out, or was ours."""
    until = tx.now + dt.timedelta(seconds=seconds)
    row = tx.insert(leases).values(name=name, token=token, leased_until=until)
    free = (leases.c.token == token) | (leases.c.leased_until <= tx.now)
    held = {"token": token, "leased_until": until}
    return tx.conn.execute(row.on_conflict_do_update(index_elements=["name"], set_=held, where=free)).rowcount == 1
