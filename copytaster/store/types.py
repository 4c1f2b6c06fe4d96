"""Column types that mean the same on SQLite and PostgreSQL. They must not know any table."""

import datetime as dt
import json
import re
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


class Instant(TypeDecorator[dt.datetime]):
    """An aware UTC datetime: ``timestamptz`` in PostgreSQL, whole microseconds since 1970 in SQLite.

    SQLite has no such type, and text would compare wrongly once a fraction is left out.
    """

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: dt.datetime = value
            return moment.astimezone(dt.UTC)
        return EPOCH + dt.timedelta(microseconds=value)


class Words(TypeDecorator[str]):
    """Text that every dialect can hold: PostgreSQL has no NUL, and no encoding has half a surrogate pair.

    A site may print either, in a header or a title; it is kept as U+FFFD, and the same on both.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return value if value is None else storable(value)


def storable(text: str) -> str:
    """``text`` with U+FFFD for what can't be stored; two halves of a pair that stand together become one letter."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def to_json(value: Any) -> str:
    """JSON that every dialect can hold; the same for the same value, however its keys were ordered."""
    made = json.dumps(value, separators=(",", ":"), sort_keys=True)
    if _UNSTORABLE.search(made):
        made = json.dumps(_storable(value), separators=(",", ":"), sort_keys=True)
    return made


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(name)): _storable(each) for name, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, list | tuple) else value


_UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])")

Json = JSON().with_variant(postgresql.JSONB(), "postgresql")
# SQLite numbers rows by itself only in a column that is exactly INTEGER.
Serial = BigInteger().with_variant(Integer(), "sqlite")
