"""``copytaster extract``: files in, JSON lines out, with no services and no network.

It owns that command's formats; it must not know how a page is read.
"""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from copytaster.errors import CopytasterError, Rejected
from copytaster.news import Extracted

_MAX_BYTES = 10_000_000


def extract_file(path: str, url: str | None) -> dict[str, Any]:
    """One page, plain or ``.gz``, as the command prints it; a failure is ``{"file", "error"}``."""
    from workers.extraction.boxed import extract_boxed

    try:
        return _printed(path, url, extract_boxed(_content(path), url))
    except (CopytasterError, OSError, EOFError, zlib.error, ValueError) as error:
        return {"file": path, "error": _sentence(error)}


def extract_batch(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every line ``{"file", "url"}`` gives one answer, in order; blank lines none."""
    from workers.extraction.read import warm_up

    warm_up()
    for line in lines:
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
        except (ValueError, RecursionError):
            asked = None
        if isinstance(asked, dict) and isinstance(asked.get("file"), str) and isinstance(asked.get("url"), str | None):
            yield extract_file(asked["file"], asked.get("url"))
        else:
            named = asked.get("file") if isinstance(asked, dict) else None
            yield {"file": named, "error": 'The line is not {"file": "…", "url": "…" or null} in JSON.'}


def _content(path: str) -> bytes:
    """The bytes of a file, unpacked to no more than a page may have."""
    with Path(path).open("rb") as file:
        packed = path.endswith(".gz") or file.peek(2)[:2] == b"\x1f\x8b"
        data = gzip.GzipFile(fileobj=file).read(_MAX_BYTES + 1) if packed else file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise Rejected("too_big", f"The page has more than {_MAX_BYTES} bytes; it was not read.")
    return data


def _sentence(error: Exception) -> str:
    if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile):
        return "The packed file is broken or cut off."
    if isinstance(error, OSError) and error.strerror:
        return f"The file could not be read: {error.strerror}."
    return str(error) or f"The file could not be read ({type(error).__name__})."


def _printed(path: str, url: str | None, article: Extracted) -> dict[str, Any]:
    return {
        "file": path,
        "url": url,
        "canonical_url": article.canonical_url,
        "title": article.title,
        "authors": list(article.authors),
        "published_at": article.published.isoformat() if article.published else None,
        "modified_at": article.modified.isoformat() if article.modified else None,
        "language": article.language,
        "text": article.text,
        "site_name": article.site_name,
        "topics": list(article.topics),
        "image": article.image,
        "extractor": article.extractor,
    }
