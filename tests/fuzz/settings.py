"""Targets that read what the operator writes: the configuration file and the environment."""

import os
import pathlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from copytaster.config import load, template
from copytaster.errors import Rejected
from copytaster.store.db import Store
from desk.opening import config
from tests.fuzz.targets import check_sentence, naughty, target, text_of
from workers.notifiers.relay import Relay

TOML = (
    b"[store]\n", b"url = ", b'"', b"'", b"[guard]\n", b"allow = [", b"]", b"[web]\nport = ", b"99999999999999999999", b"nan", b"1979-05-27",
    b"data_dir = ", b"\\u0000", b"[mail]\n", b"[crawl]\ndelay_seconds = ", b"-inf", b"=", b"\n", b"[[x]]\n", b"{a=1}", b"\xff", b"log_level = 3",
)  # fmt: skip
NAMES = ("STORE__URL", "GUARD__ALLOW", "WEB__PORT", "DATA_DIR", "OPERATOR__TO", "CRAWL", "LOG_FORMAT", "STORE", "SEARCH__INDEX")


@contextmanager
def _environment(**names: str) -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("COPYTASTER_")}
    for name in before:
        del os.environ[name]
    os.environ.update(names)
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


@target("config", seeds=lambda: [template().encode(), template().replace("\n#", "\n").encode()], tokens=TOML)
def config_file(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "copytaster.toml"
        path.write_bytes(data)
        with _environment(COPYTASTER_CONFIG=str(path)):
            read = config()
            assert read.store_url
            assert read.redis_url


def attempt_config() -> None:
    """Raises only what is no refusal in one sentence."""
    try:
        config()
    except Rejected as error:
        check_sentence(str(error))


@target(
    "environment", seeds=naughty, tokens=(b'["', b'"]', b"{", b"}", b"sqlite:///", b"postgresql://", b"1e9", b"true", b"\xff")
)
def environment(data: bytes) -> None:
    """Each setting by its variable; what the shell can't hold is left out."""
    value = os.fsdecode(data.replace(b"\0", b""))
    for name in NAMES:
        with _environment(**{f"COPYTASTER_{name}": value}):
            attempt_config()


@target("store_url", seeds=naughty, tokens=(b"postgresql://", b"mysql://", b"@", b":", b"/", b"?", b"%", b"[", b"99999"))
def store_url(data: bytes) -> None:
    url = text_of(data)
    Store(url if not url.startswith("sqlite") else "x" + url).close()


@target("mail_url", seeds=naughty, tokens=(b"smtp://", b"smtps://", b"@", b":", b"/", b"[", b"%", b"99999"))
def mail_url(data: bytes) -> None:
    Relay.of(text_of(data))


@target("override", seeds=naughty, tokens=TOML)
def override(data: bytes) -> None:
    with _environment():
        load(data_dir=text_of(data).replace("\0", ""), log_level=text_of(data))
