"""One set-up of logging for every process: a line of text for people or of JSON for machines, on stderr.

It must not know what is logged; the libraries' own loggers pass through the same formatter.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")  # controls, bidi overrides
NOISY = ("scrapy", "twisted", "asyncio", "http", "trafilatura", "htmldate", "celery", "kombu", "apprise", "uvicorn", "alembic")


def set_up(log_format: str, level: str) -> None:
    """Replaces whatever handlers there are. ``log_format`` is ``text`` or ``json``."""
    import structlog

    shared = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name]
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    last: structlog.typing.Processor = _plain_line
    if log_format == "json":
        last = structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, stamp, structlog.processors.format_exc_info],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    handler.setLevel(level.upper())
    handler.addFilter(_worth_saying)


def _worth_saying(record: logging.LogRecord) -> bool:
    """Libraries report each step of theirs; Scrapy sets its loggers' levels itself, so levels set here would not hold.

    Elasticsearch's client warns of a node that is away with a traceback each time; we say it in a sentence. Celery tells with
    one of a child that was killed and of a broker that is gone: its sentence is enough, for the rows wait.
    """
    if record.name.startswith("elastic_transport"):
        return record.levelno >= logging.ERROR
    if record.name.startswith(("celery.worker.request", "celery.worker.consumer", "kombu")):
        record.exc_info = record.exc_text = None
    return record.levelno >= logging.WARNING or not record.name.startswith(NOISY)


def _plain_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """``12:00:01 warning copytaster.crawl: what happened``; a traceback follows on its own lines.

    One line whatever a page or an answer put into it: a line end would forge another, an escape colour the terminal.
    """
    at, level, name = event.get("timestamp", ""), event.get("level", ""), event.get("logger", "")
    happened = _UNFIT.sub(lambda found: ascii(found[0])[1:-1], str(event.get("event", "")))
    line = f"{str(at)[11:19]} {level} {name}: {happened}"
    return f"{line}\n{event['exception']}" if event.get("exception") else line
