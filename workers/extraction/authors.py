"""Who wrote an article, as names: from JSON-LD, metas and bylines, cleaned of the words around them.

It owns what counts as an author's name; it must not know the names of any outlet.
"""

import html
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from lxml import etree
from lxml.html import HtmlElement

from workers.extraction import jsonld
from workers.extraction.document import Document, line
from workers.extraction.metadata import site_names, words

MAX_AUTHORS = 20
MAX_NAME_CHARS = 100
_METAS = (
    "author", "article:author", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "byl",
    "cxenseparse:author", "article.author", "og:article:author", "vr:author",
)  # fmt: skip
_LEAD = re.compile(
    r"^(?:(?:written|text|story|reported|photos?)\s+by|by|von|par|por|di|da|door|av|af|autor(?:en)?|author|reporter"
    r"|text|tekst|texte|от|автор(?:и)?|бай|yazan|kaleme alan|نویسنده|بقلم|كتب)\s*[:：]?\s+",
    re.IGNORECASE,
)
_PARTS = re.compile(r"\s*(?:[,;|•·、，]|\s/\s|\s(?:and|und|et|y|e|og|och|en|ja|i|и|та|ve|و|&)\s|\s&\s)\s*", re.IGNORECASE)
_INITIALS = re.compile(r"\s*\([a-zäöü.]{1,5}\)$")  # the outlet's own sign for its reporter
_NO_NAME = re.compile(r"\S@\S|https?://|www\.|\.(?:com|org|net)/|^@|^\W*$|^\d+$|\{\{|null$|undefined$", re.IGNORECASE)
# One pass in C; folding the case of every class there took five times as long as all the rest of the metadata.
_MARKED = etree.XPath(
    ".//*[contains(@class,'uthor') or contains(@class,'yline') or contains(@class,'utor') or contains(@rel,'author')"
    " or @itemprop='author' or @itemprop='name' or contains(@class,'AUTHOR') or contains(@class,'BYLINE')]"
)


def authors(document: Document) -> tuple[str, ...]:
    """Names in the page's order, each once; the first place that names anybody but the outlet itself is believed."""
    houses = {"".join(name) for name in site_names(document)}
    outlet: tuple[str, ...] = ()
    for place in (_of_node, _of_metas, _of_bylines):
        names = _cleaned(place(document))
        if any("".join(words(name)) not in houses for name in names):
            return names
        outlet = outlet or names
    return outlet


def _of_node(document: Document) -> Iterator[str]:
    for key in ("author", "creator"):
        for thing in jsonld.values(document.article.get(key)):
            yield from _names(document.graph.resolve(thing), document.graph)


def _names(thing: Any, graph: jsonld.Graph) -> Iterator[str]:
    """Names in any shape that pages give an author: text, ``{"name": …}`` without a type, lists of either."""
    if isinstance(thing, str):
        yield from _split(thing)
    elif isinstance(thing, list):
        for one in thing:
            yield from _names(graph.resolve(one), graph)
    elif isinstance(thing, dict):
        name = thing.get("name") or " ".join(str(thing[key]) for key in ("givenName", "familyName") if thing.get(key))
        yield from _names(name, graph) if isinstance(name, list) else _split(str(name))


def _of_metas(document: Document) -> Iterator[str]:
    for name in _METAS:
        stated = list(document.all_metas(name))
        if names := [one for text in stated for one in _split(text) if _usable(one)]:
            yield from names
            return


def _of_bylines(document: Document) -> Iterator[str]:
    """Names that the page shows: by microdata and ``rel``, else by a class that says author or byline."""
    ranked: dict[int, list[HtmlElement]] = {}
    for element in _MARKED(document.root):
        if (rank := _rank(element)) is not None:
            ranked.setdefault(rank, []).append(element)
    for rank in sorted(ranked):
        texts = [line(element.get("content") or element.text_content(), 300) for element in ranked[rank][:MAX_AUTHORS]]
        if names := [one for text in texts for one in _split(text) if _like_a_name(one)]:
            yield from names[:MAX_AUTHORS]
            return


def _rank(element: HtmlElement) -> int | None:
    """How surely an element is the author's name, 0 the surest."""
    named, prop = (element.get("class") or "").lower(), element.get("itemprop")
    if prop == "name":
        return 0 if any(one.get("itemprop") == "author" for one in itertools.islice(element.iterancestors(), 4)) else None
    if prop == "author":
        return 1
    if element.tag == "a" and "author" in (element.get("rel") or ""):
        return 2
    if "author" in named and "name" in named:
        return 3
    if element.tag == "a" and ("byline" in named or "autor" in named or "author" in named):
        return 4
    return 5 if "byline" in named or "author" in named or "autor" in named else None


def _like_a_name(text: str) -> bool:
    """Two to five words that all begin as names do, where the script has capitals; no sentence, no label."""
    parts = [part for part in text.split() if part[:1].isalpha()]
    cased = [part for part in parts if part.lower() != part.upper()]
    capitals = sum(part[0].isupper() for part in cased)
    return _usable(text) and 2 <= len(parts) <= 5 and len(text) < 60 and (not cased or capitals >= len(cased) - 1)


def _split(text: str) -> list[str]:
    plain = _LEAD.sub("", line(html.unescape(re.sub(r"<[^>]+>", " ", text)), 1_000))
    return _PARTS.split(plain)


def _usable(name: str) -> bool:
    return bool(name) and len(name) <= MAX_NAME_CHARS and not _NO_NAME.search(name) and any(c.isalpha() for c in name)


def _cleaned(names: Iterable[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for name in names:
        plain = _INITIALS.sub("", _LEAD.sub("", name)).strip(" .,:;-–—\"'")
        if _usable(plain):
            kept.setdefault(plain.casefold(), plain)
    return tuple(kept.values())[:MAX_AUTHORS]
