"""From the bytes of a page to what its article says: decode, parse once, read body and metadata, judge.

It owns the order of these steps; it must not know where the bytes came from, and never fetches anything.
"""

import contextlib
import functools
import importlib.metadata

from copytaster.charset import decode
from copytaster.errors import Rejected
from copytaster.news import Extracted
from copytaster.text import words
from workers.extraction import dates, metadata, verdict
from workers.extraction.authors import authors
from workers.extraction.body import body as read_body
from workers.extraction.document import Document, line, read_document
from workers.extraction.language import language

MAX_BYTES = 10_000_000
MOST_CHARACTERS = 400_000  # of text; it is matched, compared and indexed whole
MOST_WORDS = 50_000  # of text, as a short novel has; in Chinese each letter counts
_MOST_IN_ONE = 18  # words that one letter may stand for: an Arabic ligature of a phrase has as many letters
VERSION = 1  # raised when the same page would be read differently
_OTHER_KINDS = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"PK\x03\x04": "an archive",
    b"\x1f\x8b": "compressed data",
}

MOST_KICKER_WORDS = 4


def extract(body: bytes, url: str | None, content_type: str | None = None) -> Extracted:
    """Read one article.

    Raises ``Rejected`` with ``too_big``, ``not_html``, ``too_deep``, ``soft_404``, ``blocked``, ``needs_javascript`` or
    ``no_text``; there is never an empty article. It takes no care of time: see ``boxed.extract_boxed``.
    """
    _check_kind(body, content_type)
    document = read_document(decode(body, content_type)[0], url)
    text = read_body(document)
    if len(text) > MOST_CHARACTERS:
        raise Rejected("too_big", f"The text has {len(text)} characters; at most {MOST_CHARACTERS} are read.")
    if len(text) > MOST_WORDS / _MOST_IN_ONE and (number := len(words(text))) > MOST_WORDS:
        raise Rejected("too_big", f"The text has {number} words; at most {MOST_WORDS} are read.")
    title = metadata.title(document)
    verdict.check(document, title, text)
    return _extracted(document, title or line(text.split("\n", 1)[0], 200), _below_headline(text, title))


def _below_headline(text: str, title: str) -> str:
    """The text without the headline that opens it, and the section's name above that: the title is a field of its own."""
    paragraphs = text.split("\n")
    for number, paragraph in enumerate(paragraphs[:2]):
        if words(paragraph) == words(title) and len(paragraphs) > number + 1:
            above = paragraphs[:number]
            return text if any(len(each.split()) > MOST_KICKER_WORDS for each in above) else "\n".join(paragraphs[number + 1 :])
    return text


def _check_kind(body: bytes, content_type: str | None) -> None:
    if len(body) > MAX_BYTES:
        raise Rejected("too_big", f"The page has {len(body)} bytes; at most {MAX_BYTES} are read.")
    named = (content_type or "").split(";")[0].strip().lower()
    if named and not any(part in named for part in ("html", "xml", "text/plain", "octet-stream")):
        raise Rejected("not_html", f"The server calls the page {line(named, 80)}; only HTML pages can be read as articles.")
    for start, kind in _OTHER_KINDS.items():
        if body.startswith(start):
            raise Rejected("not_html", f"The page is {kind}; only HTML pages can be read as articles.")


def _extracted(document: Document, title: str, text: str) -> Extracted:
    return Extracted(
        title=title,
        text=text,
        authors=authors(document),
        published=dates.published(document),
        modified=dates.modified(document),
        language=language(text, _claims(document)),
        site_name=metadata.site_name(document),
        topics=metadata.topics(document),
        image=metadata.image(document),
        canonical_url=metadata.canonical_url(document),
        extractor=_extractor(),
    )


def _claims(document: Document) -> list[str | None]:
    """What the page says of its language, the most believable first."""
    stated = document.article.get("inLanguage")
    stated = stated.get("alternateName") or stated.get("name") if isinstance(stated, dict) else stated
    metas = document.all_metas("content-language", "og:locale", "language", "dc.language")
    return [*document.languages[:1], stated if isinstance(stated, str) else None, *metas]


def warm_up() -> None:
    """Import what is imported late and load the language model: before a pool forks, so that its children share it."""
    with contextlib.suppress(Rejected):
        extract(b"<html><title>A page to read</title><p>" + b"Some words to read once, before any page is here. " * 9, None)


@functools.cache
def _extractor() -> str:
    return f"copytaster/{VERSION} trafilatura/{importlib.metadata.version('trafilatura')}"
