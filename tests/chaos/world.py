"""A small press of our own making: sites with a feed each, and articles whose words are known before anybody reads them.

It owns pages, watches and the truth about them; it must not know what is served how, or what goes wrong.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate

from desk.bench.pipeline import rare_queries
from desk.site import Resource, Site
from search.brute import Brute
from search.document import Document
from search.query import parse

LETTERS = "abcdefghiklmnoprstuvz"
EVERYWHERE = "Chronicle"  # in the title of each article, so that one search finds them all
Pair = tuple[str, str]  # id of a watch, URL of an article


def vocabulary(rng: random.Random, size: int = 3000) -> list[str]:
    words = sorted({"".join(rng.choices(LETTERS, k=rng.randint(4, 9))) for _ in range(size)})
    rng.shuffle(words)
    return words


def article(rng: random.Random, words: Sequence[str], title: str) -> tuple[bytes, str]:
    """A page of about 200 words of our own making, and its text."""
    often = _often(len(words))
    paragraphs = [" ".join(rng.choices(words, cum_weights=often, k=40)).capitalize() + "." for _ in range(5)]
    return page(title, paragraphs), "\n".join(paragraphs)


@cache
def _often(size: int) -> list[float]:
    """How often each word comes, summed up, the first most often: as in any language."""
    return list(accumulate(1 / (rank + 3) for rank in range(size)))


def page(title: str, paragraphs: Sequence[str]) -> bytes:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    head = f"<!doctype html><html lang=en><head><title>{title}</title></head>"
    return f"{head}<body><article><h1>{title}</h1>{body}</article></body></html>".encode()


def feed(host: str, items: Sequence[tuple[str, str]]) -> Resource:
    """RSS of (title, URL) pairs."""
    told = "".join(f"<item><title>{title}</title><link>{url}</link></item>" for title, url in items)
    body = f"<rss version='2.0'><channel><title>{host}</title>{told}</channel></rss>"
    return Resource(body=body.encode(), content_type="application/rss+xml")


@dataclass(slots=True)
class World:
    """``articles``: what each URL says. ``watches``: (id, query) each."""

    sites: list[Site] = field(default_factory=list)
    articles: dict[str, Document] = field(default_factory=dict)
    watches: list[tuple[str, str]] = field(default_factory=list)
    too_early: set[Pair] = field(default_factory=set)  # read before their watch was saved
    late: int = 0  # of the sites, the last: the scenario adds them as sources itself

    @classmethod
    def of(
        cls, seed: int = 7, *, hosts: int = 4, pages: int = 12, watches: int = 40, words: int = 3000, late: int = 0
    ) -> "World":
        """The same for the same seed; the watches hit most pages somewhere, none of them many."""
        rng = random.Random(seed)
        known, made = vocabulary(rng, words), cls(late=late)
        for number in range(hosts):
            made.add_site(Site(f"site{number}.example"), rng, known, pages)
        made.watches = rare_queries([each.text for each in made.articles.values()], watches, random.Random(seed + 1))
        return made

    def add_site(self, site: Site, rng: random.Random, words: Sequence[str], pages: int) -> None:
        items = []
        for number in range(pages):
            title = f"{' '.join(rng.choices(words[:500], k=6)).capitalize()} {EVERYWHERE}"
            body, text = article(rng, words, title)
            path = f"/2026/11/{title.lower().replace(' ', '-')}-{number}.html"
            url = f"http://{site.host}{path}"
            site.put(path, Resource(body=body, paced=True))
            self.articles[url] = Document(title=title, text=text)
            items.append((title, url))
        site.put("/feed.xml", feed(site.host, items))
        self.sites.append(site)

    @property
    def feeds(self) -> list[str]:
        return [f"{site.url}feed.xml" for site in self.sites[: len(self.sites) - self.late]]

    @property
    def late_feeds(self) -> list[str]:
        return [f"{site.url}feed.xml" for site in self.sites[len(self.sites) - self.late :]]

    def truth(self) -> set[Pair]:
        """What must be told: every article against every watch by brute force, from what was written and not what was read."""
        watched = Brute.of({name: parse(query) for name, query in self.watches})
        return {(name, url) for url, said in self.articles.items() for name in watched.match(said)} - self.too_early
