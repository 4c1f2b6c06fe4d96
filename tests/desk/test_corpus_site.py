"""A folder of recorded pages becomes sites whose every page can be found and fetched as it was recorded."""

import datetime as dt
import gzip
import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx
import pytest

from copytaster.errors import Permanent
from desk.bench.corpus_site import Corpus, load
from desk.loopback import SiteServer

NOW = dt.datetime(2026, 5, 4, 9, 30, tzinfo=dt.UTC)
CORPORA = Path(__file__).parents[2].parent / "shared/corpora"
NAMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(not (CORPORA / name).is_dir(), reason=f"the corpus {name} is not beside this checkout"),
    )
    for name in ("articles", "articles-world")
]


def found_by_discovery(corpus: Corpus) -> list[str]:
    """What the feeds and sitemaps name, read as a crawler would: from the front page and robots.txt on."""
    urls: list[str] = []
    with SiteServer.start_process(corpus.sites) as server, httpx.Client(proxy=server.proxy) as client:
        for source in corpus.source_urls:
            robots = client.get(source + "robots.txt").text
            if "Sitemap: " in robots:
                sitemap = ET.fromstring(client.get(robots.split("Sitemap: ")[1].strip()).content)
                urls += [entry[0].text or "" for entry in sitemap]
            else:
                assert '<link rel="alternate" type="application/rss+xml"' in client.get(source).text
                feed = ET.fromstring(client.get(source + "feed.xml").content)
                urls += [item.findtext("link") or "" for item in feed.iter("item")]
    return urls


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.slow
def test_every_recorded_page_is_found_and_served_as_recorded(name: str) -> None:
    corpus = load(CORPORA / name, now=NOW)
    truth = json.loads((CORPORA / name / "ground-truth.json").read_text())
    assert {page.key for page in corpus.pages} == set(truth)
    assert sorted(found_by_discovery(corpus)) == sorted({page.url for page in corpus.pages})
    with SiteServer.start_process(corpus.sites, pages_per_second=10_000) as server, httpx.Client(proxy=server.proxy) as client:
        for page in corpus.pages:
            reply = client.get(page.url)
            assert reply.content == gzip.decompress((CORPORA / name / "html" / f"{page.key}.html.gz").read_bytes())
            assert reply.headers["content-type"] == "text/html"


@pytest.mark.parametrize("name", NAMES)
def test_half_of_the_hosts_have_a_feed_and_half_a_sitemap(name: str) -> None:
    corpus = load(CORPORA / name, now=NOW)
    kinds = Counter("/feed.xml" in site.resources for site in corpus.sites)
    assert kinds.total() > 50
    assert abs(kinds[True] - kinds[False]) <= 1


def record(folder: Path, pages: dict[str, dict[str, str]], html: str = "<title>From the page</title><p>x") -> Path:
    (folder / "html").mkdir()
    (folder / "ground-truth.json").write_text(json.dumps(pages))
    for key in pages:
        (folder / "html" / f"{key}.html.gz").write_bytes(gzip.compress(html.encode("latin-1")))
    return folder


def test_two_pages_of_one_address_are_kept_apart(tmp_path: Path) -> None:
    same = "https://Daily.example/story?id=1#top"
    corpus = load(record(tmp_path, {"a": {"url": same}, "b": {"url": same}}), now=NOW)
    first, second = corpus.pages
    assert first.url == "http://daily.example/story?id=1"
    assert urlsplit(second.url).netloc == "daily.example.copy2.example"
    assert len(corpus.sites) == 2


def test_titles_and_dates_come_from_the_truth_or_else_from_the_page_and_now(tmp_path: Path) -> None:
    html = '<meta charset="iso-8859-1"><title>\n Fête à Liège </title><p>x'
    pages = {
        "known": {"url": "https://a.example/1", "title": "Known", "date": "2025-06-05 14:46:12+02:00"},
        "bare": {"url": "https://a.example/2"},
    }
    by_key = {page.key: page for page in load(record(tmp_path, pages, html), now=NOW).pages}
    assert by_key["known"].title == "Known"
    assert by_key["known"].published_at.isoformat() == "2025-06-05T14:46:12+02:00"
    assert by_key["bare"].title == "Fête à Liège"
    assert by_key["bare"].published_at == NOW - dt.timedelta(hours=1)


def test_a_page_at_the_root_keeps_its_address_and_its_feed_becomes_the_source(tmp_path: Path) -> None:
    corpus = load(record(tmp_path, {"home": {"url": "https://a.example"}}), now=NOW)
    found = corpus.sites[0].find("/")
    assert found is not None
    assert found.body == corpus.pages[0].body
    assert corpus.source_urls == ["http://a.example/feed.xml"]


def test_a_folder_without_truth_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="ground-truth"):
        load(tmp_path, now=NOW)
