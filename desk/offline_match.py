"""``copytaster match``: watches and articles as JSON lines in, matches as JSON lines out, with no store and no service.

It owns the offline formats of watches, articles and matches; it must not know files, options or how a line is printed.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, cast

from copytaster.errors import Rejected
from copytaster.watches import DEFAULT_LEVEL, LEVELS, Level, WatchId
from search.document import Document, author_line, source_line
from search.matcher import Found, Matcher
from search.query import parse

Line = str | bytes


def match_lines(watches: Iterable[Line], articles: Iterable[Line]) -> Iterator[dict[str, Any]]:
    """What ``copytaster match`` prints: matches by article, then watch, as they come in; bad lines as ``{"error"}``.

    A watch is ``{"id","query","level"?,"aliases"?,"vetoes"?}``, an article ``{"id","url"?,"title"?,"text"?,"language"?,
    "source"?,"authors"?}``. Lines end at ``\\n`` only: give lines of a file opened in binary mode, which is so split.
    Bad watches are told before the first article is read.
    """
    matcher = Matcher()
    ids: dict[Any, None] = {}
    for number, line in enumerate(watches, 1):
        try:
            if (watch := _object(line)) is not None:
                _add(matcher, ids, watch)
        except _BAD as error:
            yield _error("watches", number, error)
    yield from _matches(matcher, list(ids), articles)


_BAD = (Rejected, ValueError, RecursionError)


def _matches(matcher: Matcher, ids: list[Any], articles: Iterable[Line]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(articles, 1):
        try:
            if (article := _object(line)) is None:
                continue
            document, article_id = _document(article), _id(article)
        except _BAD as error:
            yield _error("articles", number, error)
            continue
        yield from (_printed(ids, article_id, found) for found in matcher.match(document))


def _error(kind: str, number: int, error: Exception) -> dict[str, Any]:
    said = "it is nested too deeply." if isinstance(error, RecursionError) else str(error)
    return {"error": f"Line {number} of the {kind}: {said}"}


def _object(line: Line) -> dict[str, Any] | None:
    """The JSON object of a line; None for an empty one."""
    try:
        text = line.decode("utf-8") if isinstance(line, bytes) else line
        if not text.strip(" \t\r\n"):
            return None
        value = json.loads(text)
    except ValueError as error:  # a bad byte, bad JSON, a number of too many digits
        raise Rejected("json", f"it is not JSON in UTF-8 ({error}). Write one JSON object a line.") from error
    if not isinstance(value, dict):
        raise Rejected("json", "it is not a JSON object. Write one JSON object a line.")
    return value


def _add(matcher: Matcher, ids: dict[Any, None], watch: dict[str, Any]) -> None:
    """Watches are held by their number, since ids may be of any type; a later one of the same id would be confusing."""
    watch_id = _id(watch)
    if watch_id in ids:
        raise Rejected("id", f"the id {watch_id!r} was used by a line before. Give each watch its own.")
    level = watch.get("level") or DEFAULT_LEVEL
    if level not in LEVELS:
        raise Rejected("level", f"there is no level {level!r}. Use {', '.join(LEVELS)}.")
    query = parse(_text(watch, "query"))
    forms = {name: _texts(watch, name) for name in ("aliases", "vetoes")}
    matcher.add(WatchId(str(len(ids))), query, level=cast("Level", level), **forms)
    ids[watch_id] = None


def _document(article: dict[str, Any]) -> Document:
    return Document(
        title=_text(article, "title"),
        text=_text(article, "text"),
        language=_text(article, "language") or None,
        source=source_line(_text(article, "source"), _text(article, "url")),
        author=author_line(_texts(article, "authors")),
    )


def _id(value: dict[str, Any]) -> Any:
    found = value.get("id")
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise Rejected("id", 'it has no "id" of text or a whole number. Add one.')
    return found


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Rejected(name, f'"{name}" is not a text. Put it in quotes.')
    return found


def _texts(value: dict[str, Any], name: str) -> list[str]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise Rejected(name, f'"{name}" is not a list of texts. Write ["one", "two"].')
    return found


def _printed(ids: list[Any], article_id: Any, found: Found) -> dict[str, Any]:
    return {"watch": ids[int(found.watch_id)], "article": article_id, "hits": [asdict(hit) for hit in found.hits]}
