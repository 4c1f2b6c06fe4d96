"""Prints an outlet of the demo: its articles, listings, feeds and sitemap as the resources of one loopback site.

It owns markup and dates in print; it must not know the watches or who reads the pages.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from desk.demo.outlets import Outlet, direction
from desk.demo.wire import Copy
from desk.site import Resource, Site

RELATED = 4  # links to other articles on each page
FEED_TYPES = {
    "feed.xml": "application/rss+xml",
    "politics/feed.xml": "application/rss+xml",
    "atom.xml": "application/atom+xml",
    "feed.json": "application/feed+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An article in print: with its instants in the outlet's zone."""

    slug: str
    url: str
    path: str
    title: str
    paragraphs: Sequence[str]
    language: str
    section: str
    authors: Sequence[str]
    published_at: dt.datetime
    modified_at: dt.datetime | None

    @property
    def section_path(self) -> str:
        return f"/{self.path.split('/')[1]}/"

    @property
    def summary(self) -> str:
        return self.paragraphs[0]

    @property
    def direction(self) -> str:
        return direction(self.language)


def items_of(outlet: Outlet, copies: Iterable[Copy], now: dt.datetime, edited_at: dt.datetime | None) -> list[Item]:
    return [_item(outlet, copy, now, edited_at) for copy in copies if copy.site == outlet.host]


def _item(outlet: Outlet, copy: Copy, now: dt.datetime, edited_at: dt.datetime | None) -> Item:
    zone = dt.datetime.strptime(copy.zone or outlet.zone, "%z").tzinfo
    edit = copy.edited if edited_at else None
    version = edit or copy.first
    published_at = (now - dt.timedelta(minutes=copy.minutes_ago)).astimezone(zone).replace(microsecond=0)
    return Item(
        slug=copy.slug,
        url=copy.url,
        path=copy.path,
        title=version.title,
        paragraphs=version.paragraphs,
        language=copy.language,
        section=copy.section,
        authors=copy.authors,
        published_at=published_at,
        modified_at=edited_at.astimezone(zone).replace(microsecond=0) if edited_at and edit else None,
    )


def print_outlet(outlet: Outlet, items: Sequence[Item]) -> Site:
    site = Site(outlet.host)
    sections = _sections(items)
    for item in items:
        related = [other for other in items if other is not item][:RELATED]
        page = _render(
            outlet.template, outlet, item=item, sections=sections, related=related, structured=_structured(outlet, item)
        )
        site.put(item.path, _html(outlet, page, item.modified_at or item.published_at))
    for section in [{"path": "/", "title": outlet.name}, *sections]:
        listed = [item for item in items if section["path"] in {"/", item.section_path}]
        feeds = _feed_links(outlet) if section["path"] == "/" else []
        front = _render("front.html", outlet, title=section["title"], items=listed, sections=sections, feeds=feeds)
        site.put(section["path"], _html(outlet, front, None))
    site.put("/about", _html(outlet, _render("about.html", outlet, sections=sections), None))
    _print_ways_to_find(site, outlet, items)
    return site


def _print_ways_to_find(site: Site, outlet: Outlet, items: Sequence[Item]) -> None:
    robots = "User-agent: *\nDisallow: /subscribe\n"
    if outlet.finding == "news sitemap":
        robots += f"\nSitemap: {outlet.url}news-sitemap.xml\n"
        site.put("/news-sitemap.xml", _xml(_render("sitemap.xml", outlet, items=items), "application/xml"))
    elif outlet.finding == "json":
        body = json.dumps(_json_feed(outlet, items), ensure_ascii=False)
        site.put("/feed.json", Resource(body=body.encode(), content_type="application/feed+json"))
    elif outlet.finding in {"rss", "atom"}:
        path = outlet.feeds[0]
        updated_at = max(item.modified_at or item.published_at for item in items)
        template = "rss.xml" if outlet.finding == "rss" else "atom.xml"
        site.put("/" + path, _xml(_render(template, outlet, items=items, updated_at=updated_at), FEED_TYPES[path]))
    for path in outlet.broken:
        site.put("/" + path, _xml(_render("broken.xml", outlet), FEED_TYPES[path]))
    site.put("/robots.txt", Resource(body=robots.encode(), content_type="text/plain; charset=utf-8"))


def _sections(items: Iterable[Item]) -> list[dict[str, str]]:
    titles = {item.section_path: item.section for item in items}
    return [{"path": path, "title": titles[path]} for path in sorted(titles)]


def _feed_links(outlet: Outlet) -> list[dict[str, str]]:
    return [{"path": f"/{path}", "type": FEED_TYPES[path], "title": outlet.name} for path in outlet.feeds]


def _structured(outlet: Outlet, item: Item) -> Mapping[str, Any]:
    """schema.org/NewsArticle as outlets embed it."""
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": item.title,
        "url": item.url,
        "datePublished": item.published_at.isoformat(),
        "dateModified": (item.modified_at or item.published_at).isoformat(),
        "author": [{"@type": "Person", "name": author} for author in item.authors],
        "publisher": {"@type": "NewsMediaOrganization", "name": outlet.name},
        "image": [f"{outlet.url}img/{item.slug}.jpg"],
        "articleSection": item.section,
        "inLanguage": item.language,
    }


def _json_feed(outlet: Outlet, items: Iterable[Item]) -> Mapping[str, Any]:
    """https://jsonfeed.org/version/1.1"""
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.name,
        "home_page_url": outlet.url,
        "feed_url": f"{outlet.url}feed.json",
        "language": outlet.language,
        "items": [
            {
                "id": item.slug,
                "url": item.url,
                "title": item.title,
                "summary": item.summary,
                "content_text": item.summary,
                "date_published": item.published_at.isoformat(),
                "date_modified": (item.modified_at or item.published_at).isoformat(),
                "authors": [{"name": author} for author in item.authors],
                "language": item.language,
            }
            for item in items
        ],
    }


def _html(outlet: Outlet, page: str, changed_at: dt.datetime | None) -> Resource:
    # a letter that windows-1251 lacks becomes a character reference, as real publishing systems do it
    body = page.encode(outlet.charset, "xmlcharrefreplace")
    content_type = "text/html" if outlet.charset != "utf-8" else "text/html; charset=utf-8"
    return Resource(body=body, content_type=content_type, last_modified=changed_at)


def _xml(text: str, content_type: str) -> Resource:
    return Resource(body=text.encode(), content_type=f"{content_type}; charset=utf-8")


def _render(template: str, outlet: Outlet, **values: object) -> str:
    return _templates().get_template(template).render(outlet=outlet, **values)


@cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["mail_date"] = format_datetime
    return environment
