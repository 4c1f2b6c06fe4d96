"""A feed parsed in a child process that can be killed: some bytes hold any parser for minutes.

It owns the child's limits and the form in which its answer comes back; it must not know what the feed is for.
"""

import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from copytaster.caps import CPU_SECONDS, MORE_BYTES, WALL_SECONDS, limit_self
from copytaster.errors import Rejected
from copytaster.news import Printed
from scrapers.discovery.feed import FeedDocument, FeedItem
from scrapers.discovery.feeds import MAX_BYTES, needs_box, parse_feed

_ROOT = str(Path(__file__).parents[2])
_DATES = ("published", "updated")


def parse_feed_boxed(
    data: bytes, url: str = "", content_type: str | None = None, *, max_seconds: float = WALL_SECONDS
) -> FeedDocument:
    """``parse_feed`` where no feed can hold the process: large or odd ones go to a child with a time and memory limit.

    Raises as ``parse_feed``, and ``Rejected("too_slow")``.
    """
    if len(data) > MAX_BYTES or not needs_box(data):
        return parse_feed(data, url, content_type)
    return parse_in_child(data, url, content_type, max_seconds=max_seconds)


def parse_in_child(data: bytes, url: str, content_type: str | None, *, max_seconds: float) -> FeedDocument:
    """A plain program, not ``multiprocessing``: Celery's children may have none, and a reactor must not be forked.

    Raises ``Rejected`` with ``too_slow``, or the reason that the child gave.
    """
    head = json.dumps({"url": url, "content_type": content_type}).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scrapers.discovery.boxed"],
            input=head + b"\n" + data,
            capture_output=True,
            timeout=max_seconds,
            check=False,
            env={**os.environ, "PYTHONPATH": _ROOT},
        )
    except subprocess.TimeoutExpired:
        raise _slow(max_seconds) from None
    if done.returncode != 0:
        raise _slow(max_seconds) if done.returncode == -signal.SIGXCPU else _big()
    answer = json.loads(done.stdout)
    if "reason" in answer:
        raise Rejected(answer["reason"], answer["message"])
    return load(answer)


def dump(document: FeedDocument) -> dict[str, Any]:
    """As JSON can carry it."""
    row = {field.name: getattr(document, field.name) for field in fields(document)}
    return {**_dates_out(row), "items": [_item_out(item) for item in document.items]}


def load(row: Mapping[str, Any]) -> FeedDocument:
    items = tuple(FeedItem(**_dates_in(item) | {"authors": tuple(item["authors"])}) for item in row["items"])
    return FeedDocument(**_dates_in(row) | {"items": items})


def _item_out(item: FeedItem) -> dict[str, Any]:
    return _dates_out({field.name: getattr(item, field.name) for field in fields(item)})


def _dates_out(row: dict[str, Any]) -> dict[str, Any]:
    for name in _DATES:
        if printed := row[name]:
            row[name] = [printed.at.isoformat(), printed.offset_minutes, printed.precision]
    return row


def _dates_in(row: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(row)
    for name in _DATES:
        if printed := row[name]:
            found[name] = Printed(dt.datetime.fromisoformat(printed[0]), printed[1], printed[2])
    return found


def _slow(max_seconds: float) -> Rejected:
    return Rejected("too_slow", f"Parsing the feed took more than {CPU_SECONDS} s of CPU or {max_seconds:g} s; it was given up.")


def _big() -> Rejected:
    return Rejected("too_big", f"Parsing the feed took more than {MORE_BYTES // 1_000_000} MB of memory; it was given up.")


def main() -> None:
    """The child: a line of JSON and the feed come in, a document or a refusal goes out as JSON."""
    asked = json.loads(sys.stdin.buffer.readline())
    limit_self()
    try:
        answer = dump(parse_feed(sys.stdin.buffer.read(), asked["url"], asked["content_type"]))
    except Rejected as refused:
        answer = {"reason": refused.reason, "message": str(refused)}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
