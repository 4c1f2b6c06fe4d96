"""Shapes: how an article's address looks, and how a page that only JavaScript can fill looks.

It owns these patterns; it must not know where an address or a page came from.
"""

import re
from itertools import islice

_DATE = re.compile(r"/(?:19|20)\d\d[/_-]?(?:0?[1-9]|1[0-2])(?:[/_-]?(?:0?[1-9]|[12]\d|3[01]))?(?:[/_-]|\b)")
_NUMBER = re.compile(r"(?:^|[/_.=-])[a-z]{0,3}\d{5,}(?:[/_.-]|\Z)", re.IGNORECASE)
_HASH = re.compile(r"[-_/](?=[0-9a-f]*\d)[0-9a-f]{8,}(?:[./]|\Z)")
_KEYED = re.compile(r"[?&](?:id|p|aid|nid|newsid|news_id|article|articleid|article_id|story|idarticle|id_article|tid)=\w*\d")
_LISTS = re.compile(
    r"/(?:tags?|topics?|themes?|category|categories|rubrics?|authors?|by|people|search|archives?|page|pages|login|signin|"
    r"register|account|subscribe|subscriptions?|newsletters?|about|about-us|contact|contacts|privacy|terms|cookies?|"
    r"advertise|advertising|jobs|careers|faq|help|sitemap|rss|feeds?|podcasts?|video|videos|photos?|gallery|live|"
    r"weather|shop|events?|etiqueta|etiquetas|tema|temas|autor|autores|mot-cle|sujet)/?(?:[^/]*)?/?\Z",
    re.IGNORECASE,
)
_FILES = re.compile(r"\.(?:jpe?g|png|gif|webp|svg|avif|pdf|docx?|xlsx?|zip|mp[34]|m4a|m3u8|xml|json|css|js|ics)\Z", re.IGNORECASE)
_PAGED = re.compile(r"[?&](?:page|paged|offset|start|sort|q|s|query|share|print)=", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:s?html?|php|aspx?|jsp|ece|cms|story)\Z", re.IGNORECASE)
_NOT_WORDS = re.compile(r"\d+\Z|[0-9a-f]{8,}\Z")

_ROOT = re.compile(
    rb"<(?:div|main|body|app-root)[^<>]{0,300}\bid\s*=\s*[\"']?(?:root|app|__next|__nuxt|___gatsby|app-root|react-root|main-app|"
    rb"q-app|svelte|ember-app|application|wrapper-app)\b|<app-root\b|\bng-app\b|\bdata-reactroot\b",
    re.IGNORECASE,
)
_ASKS = re.compile(rb"<noscript", re.IGNORECASE)
_UNSEEN = re.compile(rb"<(script|style|noscript|template|svg|head)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(rb"<[^<>]*>")
_SHELL_BYTES = 3_000_000
_SHELL_TEXT = 200  # bytes of visible text; three of 745 recorded pages are such shells, and all three show none


def url_score(url: str) -> int:
    """How much an address looks like an article's: 3 and more nearly always is one, below 0 never."""
    path, _, query = url.partition("://")[2].partition("/")[2].partition("?")
    full = "/" + path
    if _FILES.search(full) or _PAGED.search("?" + query):
        return -5
    words = _words(path)
    score = 3 if words >= 4 else words - 1 if words >= 2 else 0
    if _DATE.search(full):
        score += 2
    if _NUMBER.search(full) or _HASH.search(full) or _KEYED.search("?" + query):
        score += 2
    if _ENDING.search(full):
        score += 1
    if _LISTS.search(full) and words < 4 and not _NUMBER.search(full):
        score -= 5
    return score - 3 if not path.strip("/") and not query else score


def _words(path: str) -> int:
    """The words of the longest part of a path: slugs of articles have four and more, sections one or two."""
    most = 0
    for part in path.split("/"):
        bare = _ENDING.sub("", part)
        count = sum(1 for word in re.split(r"[-_+]|%20", bare) if word and not _NOT_WORDS.match(word))
        if count == 1 and "%" in bare and len(bare) > 60:  # a headline in another script, written without hyphens
            count = 4
        most = max(most, count)
    return most


def is_empty_shell(html: bytes) -> bool:
    """Whether a page shows nearly nothing until its scripts have run. Cheap: it runs for each page fetched."""
    if html.count(b"<p") + html.count(b"<P") >= 5 or len(html) > _SHELL_BYTES:
        return False
    if b"<script" not in html.lower() or not (_ROOT.search(html) or _asks_for_scripts(html)):
        return False
    seen = _TAG.sub(b" ", _UNSEEN.sub(b" ", html))
    return len(b" ".join(seen.split())) < _SHELL_TEXT


def _asks_for_scripts(html: bytes) -> bool:
    starts = (found.start() for found in islice(_ASKS.finditer(html), 20))
    return any(b"javascript" in html[start : start + 1_000].lower() for start in starts)
