"""What is indexed of an article and under which fields: one truth for both engines.

It owns the fields and their version; it must not know how an engine stores or finds them.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from copytaster.news import Article, ArticleId, Printed, SourceId, StoryId
from copytaster.watches import WatchId
from search import names
from search.document import Document

VERSION = 1
WORD_FIELDS = ("title", "text", "source", "author", "lang")
DEFAULT_FIELDS = ("title", "text")  # where a term without a field is looked for
NO_SOURCE = SourceId("")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexDocument:
    """One article as an engine gets it. ``version`` is its ``document_version``: a lower one never replaces a higher."""

    id: ArticleId
    version: int
    url: str
    story_id: StoryId
    first_seen_at: dt.datetime  # aware; search is ordered and bounded by it
    read_at: dt.datetime | None = None
    published: Printed | None = None
    modified: Printed | None = None
    document: Document
    source_id: SourceId = NO_SOURCE
    source_name: str = ""
    authors: Sequence[str] = ()
    topics: Sequence[str] = ()
    extractor: str = ""
    revision: int = 1
    watches: Sequence[WatchId] = ()  # that it satisfied
    watch_names: Sequence[str] = ()  # their names, for people who look at it in Kibana

    @classmethod
    def of(cls, article: Article, watches: Mapping[WatchId, str] | None = None) -> "IndexDocument":
        """``watches``: the name of each watch that it satisfied, by id."""
        named = watches or {}
        return cls(
            id=article.id,
            version=article.document_version,
            url=article.url,
            story_id=article.story_id,
            first_seen_at=article.first_seen_at,
            read_at=article.read_at,
            published=article.extracted.published,
            modified=article.extracted.modified,
            document=Document.of(article),
            source_id=article.source_id,
            source_name=article.source_name,
            authors=article.extracted.authors,
            topics=article.extracted.topics,
            extractor=article.extracted.extractor,
            revision=article.revision,
            watches=tuple(named),
            watch_names=tuple(named.values()),
        )


def word_fields(document: Document) -> Mapping[str, str]:
    """The searchable fields in normal form, words joined by blanks: fit for an analyser that splits at blanks alone."""
    printed = (document.title, document.text, document.source, document.author, document.language or "")
    return {field: names.normal(text) for field, text in zip(WORD_FIELDS, printed, strict=True)}
