"""Title, authors, site, topics, picture and canonical address of an article, each voted for by the places that name it.

It owns those choices; it must not know how JSON-LD is walked, nor anything of dates and bodies.
"""

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from workers.extraction import jsonld
from workers.extraction.document import Document, line

MAX_TOPICS = 40
_SEPARATOR = re.compile(r"\s*(?:[|｜»·•—–：_]|\s-\s|::)\s*")
_WORD = re.compile(r"\w+")


def words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def title(document: Document) -> str:
    """The headline: the wording that most of JSON-LD, first heading, OpenGraph and ``<title>`` agree on, site name off."""
    stated = [(weight, text) for weight, raw in _titles(document) if (text := line(html.unescape(raw)))]
    names = site_names(document)
    offered = [(weight, _without_site(text, names, [other for _, other in stated])) for weight, text in stated]
    votes: dict[tuple[str, ...], float] = {}
    for weight, text in offered:
        votes[words(text)] = votes.get(words(text), 0) + weight
    best = max(offered, key=lambda offer: votes[words(offer[1])], default=(0.0, ""))
    return next((text for _, text in offered if words(text) == words(best[1])), "")


def _titles(document: Document) -> Iterator[tuple[float, str]]:
    """Places with their weights; a lone place wins only by its own, so the order of weights is that of trust."""
    stated = jsonld.values(document.article.get("headline") or document.article.get("name"))
    yield from ((1.2, one) for one in stated[:1] if isinstance(one, str))
    yield from ((1.1, heading) for heading in document.headings[:1])
    yield from ((1.15, content) for content in list(document.all_metas("og:title"))[:1])
    yield from ((0.3, content) for content in list(document.all_metas("twitter:title"))[:1])
    yield from ((0.5, heading) for heading in document.headings[1:2])
    yield from ((0.4, text) for text in document.titles[:1])


def _without_site(text: str, names: set[tuple[str, ...]], others: list[str]) -> str:
    """Cut what follows a separator when it names the site, or when another place prints the same title without it."""
    cuts = [match for match in _SEPARATOR.finditer(text) if match.start() > 0]
    for cut in cuts:
        head, tail = text[: cut.start()], text[cut.end() :]
        headline = len(words(head)) > 2 or len(head) >= 10  # Chinese and Japanese put a headline into one word
        if words(tail) in names or (headline and any(words(other) == words(head) for other in others)):
            return head
    return text


def site_names(document: Document) -> set[tuple[str, ...]]:
    """Every name that the page gives its site, its host's included, as words."""
    named = list(document.all_metas("og:site_name", "application-name", "apple-mobile-web-app-title", "twitter:site"))
    named += [str(one.get("name")) for one in _publishers(document) if one.get("name")]
    host = re.sub(r"^www\d?\.", "", urlsplit(document.url or document.link("canonical") or "").hostname or "")
    named += [host, host.split(".")[0], host.rpartition(".")[0], host.replace(".", "")]
    return {words(html.unescape(one)) for one in named} - {()}


def _publishers(document: Document) -> Iterator[dict[str, Any]]:
    for thing in jsonld.values(document.article.get("publisher")):
        resolved = document.graph.resolve(thing)
        if isinstance(resolved, dict):
            yield resolved


def site_name(document: Document) -> str | None:
    stated = document.meta("og:site_name") or next((str(one["name"]) for one in _publishers(document) if one.get("name")), None)
    return line(html.unescape(stated), 200) or None if stated else None


def canonical_url(document: Document) -> str | None:
    """What the page calls its own address, made absolute; an attribute, not yet an alias."""
    stated = document.link("canonical") or document.meta("og:url")
    if not stated:
        return None
    try:
        absolute = urljoin(document.url or "", stated.strip())
        return absolute if urlsplit(absolute).scheme in {"http", "https"} and urlsplit(absolute).hostname else None
    except ValueError:
        return None


def image(document: Document) -> str | None:
    stated = document.meta("og:image", "og:image:url", "twitter:image", "twitter:image:src") or _node_image(document)
    try:
        absolute = urljoin(document.url or "", line(stated, 2000)) if stated else ""
        return absolute if urlsplit(absolute).scheme in {"http", "https"} else None
    except ValueError:
        return None


def _node_image(document: Document) -> str | None:
    for thing in jsonld.values(document.article.get("image")):
        resolved = document.graph.resolve(thing)
        url = resolved.get("url") or resolved.get("contentUrl") if isinstance(resolved, dict) else resolved
        if isinstance(url, str):
            return url
    return None


def topics(document: Document) -> tuple[str, ...]:
    """Keywords of JSON-LD, else of the metas; each once, in the page's order."""
    stated: list[str] = []
    for thing in jsonld.values(document.article.get("keywords")):
        stated += (
            [thing] if isinstance(thing, str) else [str(thing["name"])] if isinstance(thing, dict) and "name" in thing else []
        )
    stated = stated or list(document.all_metas("article:tag", "news_keywords", "keywords"))[:MAX_TOPICS]
    split = [one for text in stated for one in (re.split(r"[,;،、]", text) if len(stated) < 3 else [text])]
    return tuple(_once(line(html.unescape(one), 100) for one in split))[:MAX_TOPICS]


def _once(texts: Iterable[str]) -> list[str]:
    return list({words(text): text for text in reversed(list(texts)) if words(text)}.values())[::-1]
