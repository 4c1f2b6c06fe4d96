"""An article as matcher and engines see it: its searchable fields, and their words in normal form.

It owns which text each field of the watch language looks into; it must not know queries, watches or engines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from copytaster.news import Article
from copytaster.text import Placed
from search import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is searched. ``source`` is the name of the source with its host, ``author`` all authors, as one text each:
    hits give offsets into them.
    """

    title: str = ""
    text: str = ""
    language: str | None = None
    source: str = ""
    author: str = ""

    @classmethod
    def of(cls, article: Article) -> "Document":
        return cls(
            title=article.title,
            text=article.text,
            language=article.extracted.language,
            source=source_line(article.source_name, article.url),
            author=author_line(article.extracted.authors),
        )


def source_line(name: str, url: str) -> str:
    """``name (host)``, so that both ``source:bbc`` and ``source:bbc.co.uk`` find it."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # "http://[" and its like
        host = ""
    if not host or host == name:
        return name or host
    return f"{name} ({host})" if name else host


def author_line(authors: Sequence[str]) -> str:
    return ", ".join(authors)


class Page:
    """A document with its words in normal form; what only some queries need is made when it is asked for.

    Words run on over sentences and paragraphs (a line break in a page is no reason to miss a name), but never from the
    title into the text.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.title = names.placed(document.title)
        self.text = names.placed(document.text)
        self.body = f" {self.title.joined} \n {self.text.joined} "

    @cached_property
    def source(self) -> Placed:
        return names.placed(self.document.source)

    @cached_property
    def author(self) -> Placed:
        return names.placed(self.document.author)

    @cached_property
    def lang(self) -> Placed:
        return names.placed(self.document.language or "")

    def placed(self, field: str) -> Placed:
        found: Placed = getattr(self, field)
        return found

    @cached_property
    def distinct(self) -> frozenset[str]:
        """The different words of title and text."""
        return frozenset(self.body.split())
