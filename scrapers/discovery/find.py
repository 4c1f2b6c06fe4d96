"""From one address to a site's endpoints: the decisions behind ``source add``, with the fetching injected.

It owns what is tried, in which order, and what is chosen; it must not know how a document is fetched or stored.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from copytaster.errors import CopytasterError, Permanent, Rejected
from copytaster.outbound import Fetched
from copytaster.urls import normalize
from scrapers.discovery.boxed import parse_feed_boxed
from scrapers.discovery.feeds import looks_like_json
from scrapers.discovery.links import (
    Candidate,
    article_links,
    find_endpoints,
    looks_like_section,
    needs_javascript,
    page_title,
    sitemap_candidates,
)
from scrapers.discovery.sitemaps import Sitemap, parse_sitemap
from scrapers.robots import Robots

MAX_FETCHES = 24  # a site is looked at, not combed: what it does not name within these is not found
MAX_FEEDS = 5
_FEED_GUESSES = ("feed", "rss", "rss.xml", "feed.xml", "atom.xml", "index.xml", "feed.json", "feeds/all.atom.xml")
_SITEMAP_GUESSES = ("news-sitemap.xml", "sitemap_news.xml", "sitemap.xml", "sitemap_index.xml")

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_ROOT = re.compile(
    rb"<(?:[a-z]\w*:)?(!doctype html|html|head|body|rss|rdf|channel|feed|urlset|sitemapindex)(?=[\s>/])", re.IGNORECASE
)

Kind = Literal["feed", "sitemap", "page"]
_ROOTS: dict[bytes, Kind] = {
    b"rss": "feed",
    b"rdf": "feed",
    b"channel": "feed",
    b"feed": "feed",
    b"urlset": "sitemap",
    b"sitemapindex": "sitemap",
}
Fetch = Callable[[str], Fetched]


@dataclass(frozen=True, slots=True)
class Found:
    """What a site has. ``refused`` lists what was tried and why it was not taken, for the person who added it."""

    endpoints: Sequence[Candidate]
    title: str | None = None
    refused: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class _Search:
    """One search: each address is fetched at most once, and each refusal kept."""

    fetch: Fetch
    agent: str
    left: int = MAX_FETCHES
    asked: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)
    robots: Robots = field(default_factory=Robots)

    def look(self, candidate: Candidate, allow: Sequence[Kind]) -> Candidate | None:
        """The candidate with what it holds, or ``None``; never raises for what a site does."""
        try:
            key = normalize(candidate.url)
            if self.left <= 0 or key in self.asked:
                return None
            self.asked.add(key)
            if not self.robots.allowed(candidate.url):
                raise Rejected("robots", "robots.txt does not let it be fetched")
            self.left -= 1
            weighed = _weighed(candidate, _answer(self.fetch(candidate.url), candidate.url), allow)
            if weighed.kind == "feed" and not weighed.items:
                raise Rejected("no_items", "the feed has no item that can be read: it is empty or broken")
            return weighed
        except CopytasterError as error:
            if candidate.why != "guess":
                self.refused.append((candidate.url, str(error)))
            return None


def discover(url: str, fetch: Fetch, *, agent: str = "copytaster") -> Found:
    """The endpoints of a site, a section, a feed or a sitemap. ``fetch`` follows redirects and raises our errors.

    Raises what the first fetch raises, ``Permanent`` where nothing that can be read again was found: one sentence.
    """
    search = _Search(fetch, agent)
    first = _answer(fetch(normalize(url)), url)
    kind = classify(first.body, first.url, first.content_type)
    if kind in ("feed", "sitemap"):
        taken = _weighed(Candidate(first.url, kind, "given"), first, ("feed", "sitemap"))
        return Found([taken], taken.title)
    if kind is None:
        raise Permanent(f"{url} is neither a page, a feed nor a sitemap; give the address of the site or of its feed.")
    search.asked.update({normalize(url), normalize(first.url)})
    named = _robots(search, first.url)
    feeds = _feeds(search, first)
    sitemaps = _sitemaps(search, first.url, named, has_feeds=bool(feeds))
    section = [_section(first)] if looks_like_section(first.body, first.url, first.content_type) else []
    chosen = choose([*feeds, *sitemaps, *section])
    if not chosen:
        raise Permanent(_nothing(url, first))
    return Found(chosen, page_title(first.body, first.content_type), search.refused)


def guesses(url: str) -> list[str]:
    """Where feeds and sitemaps mostly live, below the address itself first, then at the host's root."""
    parts = urlsplit(normalize(url))
    root = f"{parts.scheme}://{parts.netloc}/"
    folder = root + parts.path.lstrip("/").rstrip("/") + "/" if parts.path.strip("/") else root
    below = [folder + name for name in _FEED_GUESSES[:2]] if folder != root else []
    return [*below, *(root + name for name in _FEED_GUESSES), *(root + name for name in _SITEMAP_GUESSES)]


def classify(data: bytes, url: str, content_type: str | None = None) -> Kind | None:
    """What a document is, by its bytes; servers' types are too often wrong to be asked, save to tell text apart."""
    if looks_like_json(data):
        return "feed" if b"jsonfeed.org" in data[:4096] or (b'"items"' in data and b'"title"' in data) else None
    if data.startswith(b"\x1f\x8b"):
        return "sitemap"
    head = _COMMENT.sub(b"", data[:8192].replace(b"\0", b"")).lower()
    if root := _ROOT.search(head):
        return _ROOTS.get(root[1], "page")
    if re.match(rb"\W{0,3}https?://", head) and url.partition("?")[0].endswith((".txt", ".xml")):
        return "sitemap"
    return "page" if "html" in (content_type or "") and b"<" in head else None


def choose(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Feeds and news sitemaps; where a site has neither, its sitemap and its section page together.

    A plain sitemap alone may be a day behind, and a section alone shows only the newest; both together miss little.
    """
    alive = [candidate for candidate in candidates if candidate.items or candidate.kind == "sitemap"]
    feeds = [candidate for candidate in alive if candidate.kind == "feed"][:MAX_FEEDS]
    news = [candidate for candidate in alive if candidate.kind == "sitemap" and candidate.is_news][:1]
    if feeds or news:
        return [*feeds, *news]
    plain = [candidate for candidate in alive if candidate.kind == "sitemap"][:1]
    return [*plain, *(candidate for candidate in alive if candidate.kind == "section")]


def _answer(fetched: Fetched, url: str) -> Fetched:
    if fetched.status in (401, 402, 403, 407, 451):
        raise Permanent(f"{url} answers {fetched.status}: it wants a login or refuses robots; give headers or cookies.")
    if fetched.status in (404, 410):
        raise Permanent(f"{url} answers {fetched.status}: there is nothing at that address; check its spelling.")
    if fetched.status >= 400 or fetched.status < 200:
        raise Permanent(f"{url} answers {fetched.status}; try again when the site works.")
    return fetched


def _weighed(candidate: Candidate, fetched: Fetched, allow: Sequence[Kind]) -> Candidate:
    """The candidate as what its document really is, with its number of items."""
    kind = classify(fetched.body, fetched.url, fetched.content_type)
    if kind not in allow:
        raise Rejected("not_a_feed", f"{candidate.url} is {kind or 'something'} that was not looked for.")
    if kind == "feed":
        document = parse_feed_boxed(fetched.body, fetched.url, fetched.content_type)
        title = document.title or candidate.title
        return replace(candidate, url=fetched.url, kind="feed", title=title, items=len(document.items))
    sitemap = parse_sitemap(fetched.body, fetched.url)
    items = len(sitemap.links) or len(sitemap.children)
    return replace(candidate, url=fetched.url, kind="sitemap", items=items, is_news=_is_news(candidate, sitemap))


def _is_news(candidate: Candidate, sitemap: Sitemap) -> bool:
    return sitemap.is_news or (sitemap.kind != "index" and "news" in candidate.url.lower() and len(sitemap.links) <= 1000)


def _robots(search: _Search, url: str) -> list[str]:
    """The sitemaps that robots.txt names; its rules hold for the rest of the search."""
    parts = urlsplit(url)
    place = f"{parts.scheme}://{parts.netloc}/robots.txt"
    try:
        fetched = search.fetch(place)
    except CopytasterError:
        return []
    if fetched.status == 200:
        search.robots = Robots.parse(fetched.body, search.agent, place)
    return list(search.robots.sitemaps)


def _feeds(search: _Search, page: Fetched) -> list[Candidate]:
    """Those that the page names; guesses only where it names none that lives."""
    named = find_endpoints(page.body, page.url, page.content_type)[: MAX_FEEDS * 2]
    found = _distinct(search.look(candidate, ("feed",)) for candidate in named)
    if found:
        return found
    for guess in guesses(page.url):
        if "sitemap" in guess:
            continue
        looked = search.look(Candidate(guess, "feed", "guess"), ("feed",))
        if looked and looked.items:
            return [looked]
    return []


def _sitemaps(search: _Search, url: str, named: Sequence[str], *, has_feeds: bool) -> list[Candidate]:
    """Those that robots.txt names, else guesses; beside feeds only a news sitemap is worth a look at many."""
    listed = sitemap_candidates(named)
    tried = listed or [Candidate(guess, "sitemap", "guess") for guess in guesses(url) if "sitemap" in guess]
    found = []
    for candidate in tried[:4]:
        if has_feeds and listed and not candidate.is_news and len(listed) > 1:
            continue
        if looked := search.look(candidate, ("sitemap",)):
            found.append(looked)
    return found


def _distinct(looked: Iterable[Candidate | None]) -> list[Candidate]:
    """One feed of those that a site offers as RSS and as Atom under one title."""
    found: dict[tuple[str | None, int], Candidate] = {}
    for candidate in looked:
        if candidate and candidate.items:
            found.setdefault((candidate.title, candidate.items), candidate)
    return list(found.values())


def _section(page: Fetched) -> Candidate:
    items = len(article_links(page.body, page.url, page.content_type))
    return Candidate(page.url, "section", "given", page_title(page.body, page.content_type), items)


def _nothing(url: str, page: Fetched) -> str:
    if needs_javascript(page.body):
        return f"{url} is empty without JavaScript; give the address of its feed, or turn rendering on."
    return f"{url} has no feed, no sitemap and no list of articles; give the address of its news page or of its feed."
