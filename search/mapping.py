"""What is indexed of an article and under which fields: one truth for both engines.

It owns the fields and their version; it must not know how an engine stores or finds them.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from copytaster.news import Article, ArticleId, Printed, StoryId
from copytaster.watches import WatchId
from search import names
from search.document import Document

VERSION = 1
WORD_FIELDS = ("title", "text", "source", "author", "lang")
DEFAULT_FIELDS = ("title", "text")  # where a term without a field is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """One article as an engine gets it. ``version`` is its ``document_version``: a lower one never replaces a higher."""

    id: ArticleId
    version: int
    url: str
    story_id: StoryId
    first_seen_at: dt.datetime  # aware; search is ordered and bounded by it
    published: Printed | None = None
    document: Document
    watches: Sequence[WatchId] = ()  # that it satisfied

    @classmethod
    def of(cls, article: Article, watches: Sequence[WatchId] = ()) -> "IndexDocument":
        return cls(
            id=article.id,
            version=article.document_version,
            url=article.url,
            story_id=article.story_id,
            first_seen_at=article.first_seen_at,
            published=article.extracted.published,
            document=Document.of(article),
            watches=tuple(watches),
        )


def word_fields(document: Document) -> Mapping[str, str]:
    """The searchable fields in normal form, words joined by blanks: fit for an analyser that splits at blanks alone."""
    printed = (document.title, document.text, document.source, document.author, document.language or "")
    return {field: names.normal(text) for field, text in zip(WORD_FIELDS, printed, strict=True)}
