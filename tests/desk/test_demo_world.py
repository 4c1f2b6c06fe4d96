"""The demo's news world holds what it promises, checked by plain text search and plain parsers."""

import datetime as dt
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

import httpx
import lxml.html
import pytest

from desk.demo.outlets import OUTLETS, Outlet
from desk.demo.wire import Copy, Version, read_all
from desk.demo.world import FATEMIYOUN, KATAIB, SOURCES, WATCHES, apply_edit, build, expected
from desk.loopback import SiteServer
from desk.site import Site

NOW = dt.datetime(2026, 5, 4, 9, 30, tzinfo=dt.UTC)
EDITED_AT = NOW + dt.timedelta(seconds=20)
COPIES = read_all()
SITES = {site.host: site for site in build(NOW)}
ATOM = "{http://www.w3.org/2005/Atom}"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def folded(text: str) -> str:
    letters = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letters).casefold()


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’ʼʾ\u200c]\w+)*", folded(text))


def any_spelling(spellings: tuple[str, ...]) -> Callable[[str], bool]:
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(folded(spelling))}(?!\w)" for spelling in spellings))
    return lambda text: pattern.search(folded(text)) is not None


def about_sanctioned_shipping(text: str) -> bool:
    found = words(text)
    starts = {start for start in ("sanction", "tanker") if any(word.startswith(start) for word in found)}
    return "sanction" in starts and ("tanker" in starts or "shipping" in found) and "football" not in found


def about_a_port_strike(text: str) -> bool:
    found = words(text)
    ports = [place for place, word in enumerate(found) if word == "port"]
    strikes = [place for place, word in enumerate(found) if word == "strike"]
    near = any(0 < strike - port <= 5 for port in ports for strike in strikes)
    return near and "lightning" not in found


BY_PLAIN_SEARCH: dict[str, Callable[[str], bool]] = {
    "fatemiyoun": any_spelling(FATEMIYOUN),
    "kataib": any_spelling(KATAIB),
    "sanctioned-shipping": about_sanctioned_shipping,
    "port-strike": about_a_port_strike,
}


def text_of(version: Version) -> str:
    return "\n".join([version.title, *version.paragraphs])


def found_in(version: Version) -> set[str]:
    return {slug for slug, matches in BY_PLAIN_SEARCH.items() if matches(text_of(version))}


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.slug)
def test_each_article_holds_what_its_watches_say_and_nothing_else(copy: Copy) -> None:
    assert found_in(copy.first) == set(copy.watches)
    assert 115 <= len(words("\n".join(copy.first.paragraphs))) <= 350
    if copy.edited:
        assert found_in(copy.edited) == {*copy.watches, *copy.edit_watches}
        assert set(copy.edit_watches) - set(copy.watches)


def test_the_world_is_as_wide_as_promised() -> None:
    assert len(COPIES) >= 24
    assert {copy.language for copy in COPIES} >= {"en", "ar", "fa", "ru", "uk", "fr", "tr"}
    scripts = {unicodedata.name(copy.first.title[1]).split()[0] for copy in COPIES}
    assert scripts >= {"LATIN", "ARABIC", "CYRILLIC", "GREEK", "HEBREW"}


def test_every_watch_finds_some_articles_and_leaves_most_alone() -> None:
    found = expected(edited=False)
    assert set(found) == {watch.slug for watch in WATCHES} == set(BY_PLAIN_SEARCH)
    assert all(0 < len(slugs) < len(COPIES) / 2 for slugs in found.values())
    assert sum(not copy.watches for copy in COPIES) >= 10


def test_every_spelling_that_is_watched_is_printed_somewhere() -> None:
    everything = folded("\n".join(text_of(version) for copy in COPIES for version in (copy.first, copy.edited) if version))
    assert [form for form in (*FATEMIYOUN, *KATAIB) if folded(form) not in everything] == []


def test_near_misses_are_there_to_show_precision() -> None:
    unmatched = folded("\n".join(text_of(copy.first) for copy in COPIES if not copy.watches))
    for near in ("Fatima", "حزب الله", "الفاطمي", "sanctions", "lightning strike near the port"):
        assert folded(near) in unmatched


def shingles(copy: Copy) -> set[tuple[str, ...]]:
    found = words("\n".join(copy.first.paragraphs))
    return set(zip(found, found[1:], found[2:], strict=False))


def test_only_the_stated_copy_is_a_near_duplicate_and_it_is_not_the_same() -> None:
    similar = {
        (one.slug, other.slug): len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        for one in COPIES
        for other in COPIES
        if one.slug < other.slug
    }
    near = {pair for pair, share in similar.items() if share > 0.3}
    (copied,) = [copy for copy in COPIES if copy.copy_of]
    assert near == {tuple(sorted((copied.slug, copied.copy_of or "")))}
    assert 0.85 < max(similar.values()) < 1
    original = next(copy for copy in COPIES if copy.slug == copied.copy_of)
    assert original.site != copied.site
    assert original.watches == copied.watches


def listed(site: Site, finding: str) -> list[str]:
    """The article addresses that a site offers in the way it says, read with plain parsers."""
    if finding == "rss":
        return [item.findtext("link") or "" for item in ET.fromstring(site.resources["/feed.xml"].body).iter("item")]
    if finding == "atom":
        entries = ET.fromstring(site.resources["/atom.xml"].body).iter(f"{ATOM}entry")
        return [link.attrib["href"] for entry in entries for link in entry.iter(f"{ATOM}link")]
    if finding == "json":
        return [item["url"] for item in json.loads(site.resources["/feed.json"].body)["items"]]
    if finding == "news sitemap":
        robots = site.resources["/robots.txt"].body.decode()
        path = urlsplit(robots.split("Sitemap: ")[1].strip()).path
        return [loc.text or "" for loc in ET.fromstring(site.resources[path].body).iter(f"{SITEMAP}loc")]
    front = lxml.html.document_fromstring(site.resources["/"].body)
    return [urljoin(site.url, link) for link in front.xpath("//article//a/@href")]


@pytest.mark.parametrize("outlet", OUTLETS, ids=lambda outlet: outlet.host)
def test_each_outlet_lists_all_its_articles_in_its_own_way_and_in_no_other(outlet: Outlet) -> None:
    site = SITES[outlet.host]
    own = {copy.url for copy in COPIES if copy.site == site.host}
    assert Counter(listed(site, outlet.finding)) == Counter(own)
    is_listing = [path for path in site.resources if path.endswith((".xml", ".json"))]
    assert len(is_listing) == {"rss": 2, "sections": 0}.get(outlet.finding, 1)


def test_one_feed_is_broken_while_the_others_of_the_world_parse() -> None:
    (broken,) = [(outlet.host, path) for outlet in OUTLETS for path in outlet.broken]
    resource = SITES[broken[0]].resources["/" + broken[1]]
    assert resource.status == 200
    with pytest.raises(ET.ParseError):
        ET.fromstring(resource.body)
    assert b"<item" not in resource.body
    assert b'href="/politics/feed.xml"' in SITES["herald.example"].resources["/"].body


@pytest.mark.parametrize("copy", COPIES, ids=lambda copy: copy.slug)
def test_each_page_carries_its_text_its_date_and_its_charset(copy: Copy) -> None:
    resource = SITES[copy.site].resources[copy.path]
    page = lxml.html.document_fromstring(resource.body)
    text = " ".join("".join(page.xpath("//body")[0].itertext()).split())
    for paragraph in copy.first.paragraphs:
        assert " ".join(paragraph.split()) in text
    published_at = NOW - dt.timedelta(minutes=copy.minutes_ago)
    printed = re.findall(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", resource.body)
    assert published_at in {dt.datetime.fromisoformat(instant.decode()) for instant in printed}
    assert page.get("lang") == copy.language


def test_no_link_of_the_world_leads_nowhere() -> None:
    for site in SITES.values():
        for path, resource in site.resources.items():
            if resource.content_type.startswith("text/html"):
                page = lxml.html.document_fromstring(resource.body, base_url=site.url + path[1:])
                for target in page.xpath("//a/@href[not(starts-with(., '#'))]"):
                    found = SITES[urlsplit(urljoin(page.base_url, target)).netloc].find(urlsplit(target).path)
                    assert found, f"{site.host}{path} links to {target}"


def test_all_articles_are_from_the_last_day_wherever_now_is() -> None:
    assert all(0 < copy.minutes_ago < 24 * 60 for copy in COPIES)
    later = {site.host: site for site in build(NOW + dt.timedelta(days=100))}
    assert b"Wed, 12 Aug 2026 09:15:00 +0000" in later["herald.example"].resources["/feed.xml"].body


def test_the_edit_changes_a_running_server_so_that_conditional_readers_see_it() -> None:
    with SiteServer(build(NOW)) as server, httpx.Client(proxy=server.proxy) as client:
        before = {url: client.get(url) for url in (*SOURCES, "http://al-mashriq.example/atom.xml")}
        (edited,) = apply_edit(server, NOW, EDITED_AT)
        feed = "http://al-mashriq.example/atom.xml"
        again = {url: client.get(url, headers={"If-None-Match": before[url].headers["etag"]}) for url in before}
        page = client.get(edited).text
    changed = {url for url, reply in again.items() if reply.status_code == 200}
    assert changed == {feed, "http://al-mashriq.example/"}  # the listing shows the new title
    assert "Update: drivers" in page
    assert f'article:modified_time" content="{EDITED_AT.astimezone(dt.timezone(dt.timedelta(hours=3))).isoformat()}' in page
    assert re.search(r"<updated>2026-05-04T12:30:20\+03:00</updated>", again[feed].text)


def test_the_edit_adds_one_article_to_one_watch() -> None:
    before, after = expected(edited=False), expected(edited=True)
    assert {slug: after[slug] - before[slug] for slug in after if after[slug] != before[slug]} == {"kataib": {"mashriq-crossing"}}
