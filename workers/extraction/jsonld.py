"""JSON-LD of a page: from script texts, broken ones included, to the one node that describes the page's article.

It owns parsing, walking and choosing; it must not know what a title, author or date is made of, nor the HTML around it.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]

MAX_SCRIPT_CHARS = 2_000_000
MAX_DOCUMENTS = 100  # in one script
MAX_NODES = 20_000
_ARTICLE_SUFFIXES = ("article", "posting", "report", "newsarticle", "analysis")
_NOT_ARTICLES = {"jobposting", "discussionforumposting"}
_PAGE_TYPES = {"webpage", "itempage", "videoobject", "creativework", "recipe", "review", "event"}
# What hangs below these keys belongs to other pages: teasers, comments, updates of a live blog.
_OTHERS = frozenset(
    {
        "itemlistelement", "haspart", "mentions", "citation", "isbasedon", "comment", "liveblogupdate", "relatedlink",
        "review", "subjectof", "breadcrumb", "potentialaction", "offers",
    }
)  # fmt: skip
_WRAPPING = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:(?://)?\s*-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>)\s*$"
)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_BETWEEN_DOCUMENTS = re.compile(r"[\s,;]*")
_LOST_FIELD = re.compile(r'"(headline|datePublished|dateModified|dateCreated|articleBody|inLanguage)"\s*:\s*"((?:[^"\\]|\\.)*)"')
_LOST_AUTHOR = re.compile(r'"author"\s*:\s*(?:\[\s*)?(?:\{[^{}]*?"name"\s*:\s*)?"((?:[^"\\@]|\\.)*)"')


def parse(script: str) -> list[Any]:
    """The documents in one script; what strict JSON refuses is mended, and salvaged field by field at the last."""
    text = _WRAPPING.sub("", script[:MAX_SCRIPT_CHARS]).strip()
    for attempt in (text, _TRAILING_COMMA.sub("", text), html.unescape(text) if "&quot;" in text else ""):
        if documents := _documents(attempt):
            return documents
    return _salvaged(text)


def _documents(text: str) -> list[Any]:
    """Every value of a script that may hold several, one after the other; none at all if one of them is broken."""
    decoder, found, place = json.JSONDecoder(strict=False), list[Any](), 0
    while (start := _BETWEEN_DOCUMENTS.match(text, place)) and start.end() < len(text) and len(found) < MAX_DOCUMENTS:
        try:
            value, place = decoder.raw_decode(text, start.end())
        except (ValueError, RecursionError):
            return []
        found.append(value)
    return found


def _salvaged(text: str) -> list[Any]:
    """The plain fields of an article whose JSON is beyond mending (an unescaped quote in the body is the usual cause)."""
    node: dict[str, Any] = {}
    for key, raw in _LOST_FIELD.findall(text):
        node.setdefault(key, _unquoted(raw))
    if names := [_unquoted(raw) for raw in _LOST_AUTHOR.findall(text)]:
        node["author"] = names[:1]
    node.pop("articleBody", None)  # it may end at the very quote that broke the JSON
    return [{"@type": "Article", **node}] if "headline" in node or "datePublished" in node else []


def _unquoted(raw: str) -> str:
    try:
        return str(json.loads(f'"{raw}"', strict=False))
    except ValueError:
        return raw


def values(thing: Any) -> list[Any]:
    """A property's values: JSON-LD writes one value bare and many as a list."""
    if thing is None:
        return []
    return list(thing) if isinstance(thing, list) else [thing]


def types(node: Node) -> set[str]:
    """Lower-case type names without their vocabulary."""
    named = (str(one) for one in values(node.get("@type", node.get("type"))))
    return {re.split(r"[/#:]", one.strip())[-1].lower() for one in named}


def is_article(node: Node) -> bool:
    named = types(node)
    if named & _NOT_ARTICLES:
        return False
    if any(name.endswith(_ARTICLE_SUFFIXES) for name in named):
        return True
    return not named and "headline" in node and ("datePublished" in node or "author" in node)


@dataclass(frozen=True, slots=True)
class Graph:
    """All nodes that speak of this page, in document order, with the index that ``@id`` references need."""

    nodes: list[Node] = field(default_factory=list)
    by_id: dict[str, Node] = field(default_factory=dict)

    def resolve(self, thing: Any) -> Any:
        """A bare ``{"@id": …}`` becomes the node it names, where the page has it."""
        if isinstance(thing, dict) and "@id" in thing and len(thing) <= 2 and "name" not in thing:
            return self.by_id.get(str(thing["@id"]), thing)
        return thing

    def articles(self) -> list[Node]:
        return [node for node in self.nodes if is_article(node)]

    def pages(self) -> list[Node]:
        return [node for node in self.nodes if types(node) & _PAGE_TYPES]


def graph(scripts: Iterable[str]) -> Graph:
    """Read all scripts of a page."""
    found = Graph()
    for script in scripts:
        for document in parse(script):
            for node, own in _walk(document):
                _take(found, node, own=own)
    return found


def _take(found: Graph, node: Node, *, own: bool) -> None:
    if len(found.by_id) + len(found.nodes) > MAX_NODES:
        return
    if own:
        found.nodes.append(node)
    name = node.get("@id")
    if name is not None and len(node) > len(found.by_id.get(str(name), {})):
        found.by_id[str(name)] = node


def _walk(document: Any) -> Iterator[tuple[Node, bool]]:
    """Each object with whether it may speak of this page; breadth first, so that the outer ones come first."""
    queue: list[tuple[Any, bool]] = [(document, True)]
    for position, (thing, own) in enumerate(queue):  # the list grows while it is read
        if position > MAX_NODES:
            return
        if isinstance(thing, list):
            queue.extend((one, own) for one in thing)
        elif isinstance(thing, dict):
            yield thing, own
            queue.extend(
                (value, own and str(key).lower() not in _OTHERS) for key, value in thing.items() if isinstance(value, dict | list)
            )


def addresses(node: Node) -> set[str]:
    """Where a node says its page is."""
    named = [node.get("url"), node.get("@id")]
    for page in values(node.get("mainEntityOfPage")):
        named += [page.get("@id"), page.get("url")] if isinstance(page, dict) else [page]
    return {one.split("#", 1)[0].rstrip("/") for one in named if isinstance(one, str) and one.startswith("http")}


def choose(found: Graph, urls: Iterable[str | None], headings: Iterable[str]) -> Node | None:
    """The node of this page's article: named by its address, else by its headline, else the only or first one."""
    articles = found.articles()
    if len(articles) < 2:
        return articles[0] if articles else None
    here = {url.split("#", 1)[0].rstrip("/") for url in urls if url}
    shown = {_plain(heading) for heading in headings if heading}

    def fits(node: Node) -> tuple[bool, bool, int]:
        return bool(addresses(node) & here), _plain(str(node.get("headline") or "")) in shown, len(node)

    best = max(articles, key=fits)
    return best if any(fits(best)[:2]) else articles[0]


def _plain(text: str) -> str:
    return "".join(character for character in html.unescape(text).casefold() if character.isalnum())
