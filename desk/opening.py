"""Configuration, store and engine for one command, closed again when it ends. It decides nothing."""

import os
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from copytaster.config import FILE, Config, load
from copytaster.errors import Rejected
from copytaster.guard import Guard
from copytaster.store import Store
from search.generations import FullEngine
from workers.notifiers import Notifiers


def config() -> Config:
    """As ``load``; what pydantic raises for a setting in the environment that is no JSON becomes a sentence too."""
    try:
        return load()
    except UnicodeDecodeError as error:
        raise Rejected(
            "bad_config", f"The configuration is not UTF-8 ({error.reason} at byte {error.start}): mend it."
        ) from error
    except ValueError as error:
        raise Rejected("bad_config", f"The configuration can't be read: {str(error).splitlines()[0]}.") from error


def config_path() -> pathlib.Path:
    """The file that ``config`` reads, and that ``init`` writes."""
    return pathlib.Path(os.environ.get("COPYTASTER_CONFIG") or FILE)


@dataclass
class Desk:
    """What a command works with; each part is made when it is first asked for."""

    config: Config
    store: Store

    @cached_property
    def engine(self) -> FullEngine:
        from workers.bootstrap import open_engine

        return open_engine(self.config, self.store)

    @cached_property
    def notifiers(self) -> Notifiers:
        from workers.bootstrap import open_notifiers, server_secret

        return open_notifiers(self.config, server_secret(self.config))

    @cached_property
    def guard(self) -> Guard:
        return Guard(self.config.guard.allow)


@contextmanager
def desk() -> Iterator[Desk]:
    """The store is brought to the newest schema; no other process need run."""
    from workers.bootstrap import open_store

    settings = config()
    store = open_store(settings)
    opened = Desk(settings, store)
    try:
        yield opened
    finally:
        if "notifiers" in vars(opened):
            opened.notifiers.close()
        store.close()
