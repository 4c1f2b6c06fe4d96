"""Moving the truth: into a file, out of it, and from one database into another, with what a person should know of it.

It owns what is refused and what is said; how rows travel is the store's.
"""

import datetime as dt
import pathlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial

from copytaster import __version__
from copytaster.config import Config
from copytaster.errors import Rejected
from copytaster.store import Store, backup, copying
from copytaster.store.copying import Copied
from copytaster.store.migrate import migrate, version
from desk import output
from workers.takedown import bury_remembered, remembered

SECRET = "secret"  # noqa: S105  the name of it


def back_up(config: Config, store: Store, path: pathlib.Path, *, force: bool) -> Copied:
    from workers.bootstrap import server_secret

    if path.exists() and not force:
        raise Rejected("exists", f"{path} is there already: name another file, or say --force to replace it.")
    if not path.parent.is_dir():
        raise Rejected("no_folder", f"{path.parent} is no folder: make it first.")
    keep = {"made_at": dt.datetime.now(dt.UTC).isoformat(), "release": __version__, SECRET: server_secret(config)}
    return backup.back_up(store, path, keep=keep, watched=_watched("Backing up"))


def restore(config: Config, store: Store, path: pathlib.Path) -> backup.Restored:
    if not path.is_file():
        raise Rejected("no_file", f"{path} is no file: name a backup.")
    _refuse_running(store, force=False)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    held = remembered(config.data_dir)  # what was taken down since, in the same transaction: nothing of it can come in or go out
    also = partial(bury_remembered, held=held)
    done = backup.restore(path, store, folder=config.data_dir, watched=_watched("Restoring"), also=also)
    _keep_secret(config, done.kept.get(SECRET, ""))
    return done


def _keep_secret(config: Config, secret: str) -> None:
    """The links in mails that were sent before the backup go on working, unless there is a secret here already."""
    path = config.data_dir / "secret"
    if secret and not config.web.secret and not path.exists():
        path.touch(0o600)
        path.write_text(secret, "ascii")


def copy(source: Store, target: Store, *, force: bool) -> Copied:
    _refuse_running(source, force=force)
    _refuse_running(target, force=False)
    return backup.carry(source, target, _watched("Copying"))


def _refuse_running(store: Store, *, force: bool) -> None:
    with store.read() as tx:
        running = copying.alive(tx)
    if running and not force:
        more = f" and {len(running) - 1} more" if len(running) > 1 else ""
        seconds = copying.ALIVE_SECONDS
        raise Rejected("running", f"{running[0]}{more} got on within the last {seconds} s: stop copytaster, wait, and try again.")


@contextmanager
def opened(url: str, *, new: bool) -> Iterator[Store]:
    """A store beside the configured one, brought to the newest schema; one that is not ``new`` must be there already."""
    with closing(Store(url)) as store:
        path = store.path()
        if not new and ((path and not path.exists()) or version(store) is None):
            raise Rejected("no_store", f"{_shown(store)} holds no store of copytaster's: check the URL.")
        migrate(store)
        yield store


def _shown(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=True)


def _watched(doing: str) -> backup.Watched:
    def watched(steps: Iterable[str], total: int) -> Iterator[str]:
        return output.progress(steps, doing, total=total)

    return watched
