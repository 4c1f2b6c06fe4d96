"""The chore that keeps the heartbeat's rows, or takes them away where it is switched off. It must not know what a beat does."""

import logging

from copytaster.config import Config
from copytaster.store import Store
from copytaster.store import heartbeat as rows

log = logging.getLogger("copytaster.heartbeat")


def keep(store: Store, config: Config) -> None:
    """Once a minute; a few small statements, and nothing is written where there is none and never was."""
    url = config.heartbeat_url
    if url:
        with store.write() as tx:
            rows.keep(tx, url, config.heartbeat.every_seconds)
        return
    with store.read() as tx:
        kept = rows.is_kept(tx)
    if kept:
        with store.write() as tx:
            rows.end(tx)
        log.info("the heartbeat is switched off")
