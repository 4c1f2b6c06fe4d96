"""What Elasticsearch holds of an article: its fields, their types, and the document made from an IndexDocument.

It owns the mapping and its version; it must not know indices, aliases, requests or queries. Fields that ECS has are named
as there, all others stand under ``copytaster.``; docs/kibana.md says what each is for.
"""

import datetime as dt
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from copytaster.news import Printed
from search import mapping, name_keys, names
from search.mapping import IndexDocument
from search.name_index import spellings

VERSION = 2  # of what is in this file alone
# Name keys are the words in normal form (search.names), so an index of another names.VERSION, or made by a Python with
# other Unicode tables, finds less than it should: another FORM is reported and asks for `copytaster rebuild`.
FORM = f"{VERSION}.{mapping.VERSION}.{names.VERSION}.{name_keys.VERSION}.{unicodedata.unidata_version}"

NO_KEY = "·"  # for that of a word without consonants, which is empty
LONGEST_WORD = 255  # UTF-16 units of a word that are indexed; Lucene refuses a document with a word over 32,766 bytes
STOCK = {  # language: the analyzer that Elasticsearch brings for it; Polish, Ukrainian and Hebrew need plugins
    "ar": "arabic", "bg": "bulgarian", "bn": "bengali", "ca": "catalan", "ckb": "sorani", "cs": "czech", "da": "danish",
    "de": "german", "el": "greek", "en": "english", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian",
    "fi": "finnish", "fr": "french", "ga": "irish", "gl": "galician", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "ja": "cjk", "ko": "cjk", "lt": "lithuanian", "lv": "latvian", "nb": "norwegian",
    "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "th": "thai", "tr": "turkish", "zh": "cjk",
}  # fmt: skip
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def _keyword(longest: int = 256) -> dict[str, Any]:
    """Longer values are kept and shown but not found: one of them must not fail its document."""
    return {"type": "keyword", "ignore_above": longest}


def _text(analyzer: str, **more: Any) -> dict[str, Any]:
    """Without norms: nothing is ordered by relevance, and they would be the greater part of a sparse field."""
    return {"type": "text", "analyzer": analyzer, "norms": False, **more}


def _of(**fields: Any) -> dict[str, Any]:
    return {"dynamic": False, "properties": fields}


def _instant() -> dict[str, Any]:
    """``printed`` as the page gave it, ``at`` in UTC, ``precision`` day or second."""
    return _of(printed=_keyword(), at={"type": "date"}, precision=_keyword())


# ``body`` is title and text: one field for a term without a field, so that the largest query (1,000 words) stays below
# 1,024 clauses, the least limit that a small node has. The gap keeps phrases and ~100 from running on into the text.
_WORDS = _of(
    **{field: _text("words") for field in ("title", "source", "author", "lang")},
    body=_text("words", position_increment_gap=2_000),
)
_STOCK = _of(**{analyzer: _text(analyzer) for analyzer in sorted(set(STOCK.values()))})
_ARTICLE = _of(
    id=_keyword(512),
    version={"type": "long"},
    order={"type": "long"},  # microseconds from 1970 to the first sight: dates hold milliseconds only
    story=_keyword(512),
    source=_keyword(),
    source_id=_keyword(512),
    source_line=_keyword(),
    author_line=_keyword(1_024),
    watches=_keyword(512),
    watch_names=_keyword(1_024),
    language=_keyword(),
    authors=_keyword(),
    topics=_keyword(),
    title=_text("standard", fields={"raw": _keyword(512)}),
    text=_text("standard"),
    published=_instant(),
    modified=_instant(),
    words={"type": "integer"},
    extractor=_keyword(),
    missing=_keyword(),
    revision={"type": "integer"},
)
MAPPINGS: Mapping[str, Any] = {
    "_meta": {"form": FORM},
    "_source": {"excludes": ["words.*", "stock.*", "spelling.*"]},  # made from title and text, and never shown
    "dynamic": False,
    "date_detection": False,
    "properties": {
        "@timestamp": {"type": "date"},
        "event": _of(created={"type": "date"}),
        "url": _of(full=_keyword(2_048), domain=_keyword()),
        "copytaster": _ARTICLE,
        "words": _WORDS,
        "stock": _STOCK,
        "spelling": _of(keys=_text("words", index_options="docs")),
    },
}
ARTICLES: Mapping[str, Any] = {"exists": {"field": "copytaster.id"}}  # for what counts or lists: there are spellings, too


def settings(replicas: int) -> dict[str, Any]:
    """Of each index. Words come in normal form, so they are only parted at blanks and cut where they are too long."""
    return {
        "number_of_shards": 1,
        "number_of_replicas": replicas,
        "codec": "best_compression",
        "gc_deletes": "0s",  # an article taken out may come back with the same version
        "query": {"default_field": ["copytaster.title", "copytaster.text"]},  # for words typed into Kibana
        "analysis": {
            "tokenizer": {"blanks": {"type": "whitespace", "max_token_length": 1_048_576}},
            "filter": {"cut": {"type": "truncate", "length": LONGEST_WORD}},
            "analyzer": {"words": {"type": "custom", "tokenizer": "blanks", "filter": ["cut"]}},
        },
    }


def index_body(replicas: int) -> dict[str, Any]:
    """Settings and mappings, as an index is made with."""
    return {"settings": {"index": settings(replicas)}, "mappings": MAPPINGS}


def template(index: str, replicas: int) -> dict[str, Any]:
    """The composable index template. A write to an index that is gone must fail, never bring it back without its alias.

    A longer name is more special and goes first; templates that overlap at the same priority are refused.
    """
    return {
        "index_patterns": [f"{index}-*.*-*"],
        "priority": 500 + len(index),
        "allow_auto_create": False,
        "template": index_body(replicas),
        "_meta": {"description": "Articles that copytaster read; `copytaster check --setup` writes it.", "form": FORM},
    }


def document_of(article: IndexDocument) -> dict[str, Any]:
    """What is sent. Raises TypeError for a first sight without a zone."""
    document = article.document
    words = mapping.word_fields(document)
    return {
        "@timestamp": article.first_seen_at.isoformat(),
        "event": {"created": (article.read_at or article.first_seen_at).isoformat()},
        "url": {"full": article.url, "domain": _domain(article.url)},
        "copytaster": {
            "id": article.id,
            "version": article.version,
            "order": micros(article.first_seen_at),
            "story": article.story_id,
            "source": article.source_name,
            "source_id": article.source_id,
            "source_line": document.source,
            "author_line": document.author,
            "watches": list(article.watches),
            "watch_names": list(article.watch_names),
            "language": document.language,
            "authors": list(article.authors),
            "topics": list(article.topics),
            "title": document.title,
            "text": document.text,
            "published": _printed(article.published),
            "modified": _printed(article.modified),
            "words": len(words["text"].split(" ")) if words["text"] else 0,
            "extractor": article.extractor,
            "missing": _missing(article),
            "revision": article.revision,
        },
        "words": {
            "title": words["title"],
            "source": words["source"],
            "author": words["author"],
            "lang": words["lang"],
            "body": [words["title"], words["text"]],
        },
        "stock": _stock(document.language, [document.title, document.text]),
    }


def spellings_of(article: IndexDocument) -> dict[str, str]:
    """Of the words that may be of a name, the keys, parted by blanks; the sign stands for an empty one."""
    return {spelled: as_words(keys) for spelled, keys in spellings(article.document).items()}


def as_words(keys: Iterable[str]) -> str:
    return " ".join(sorted(key or NO_KEY for key in keys))


def micros(moment: dt.datetime) -> int:
    """Since 1970; raises TypeError for a naive one."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(order: int) -> dt.datetime:
    return _EPOCH + order * _MICROSECOND


def _stock(language: str | None, texts: Sequence[str]) -> dict[str, Sequence[str]]:
    analyzer = STOCK.get((language or "").partition("-")[0].lower())
    return {analyzer: texts} if analyzer else {}


def _printed(instant: Printed | None) -> dict[str, str] | None:
    if instant is None:
        return None
    return {"printed": instant.isoformat(), "at": instant.at.isoformat(), "precision": instant.precision}


def _missing(article: IndexDocument) -> list[str]:
    """What the page did not tell, in words that a dashboard can count: a site's drift shows here first."""
    told = {"published": article.published, "authors": article.authors, "language": article.document.language}
    return [name for name, value in told.items() if not value]


def _domain(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # "http://[" and its like
        return None
