"""The worked example of docs/how-to-add-a-site.md, taken from the page and run."""

import re

import pytest

from copytaster.news import Link, LinkId
from scrapers import sites
from tests.scrapers.conftest import ROOT, page, rss

GUIDE = (ROOT / "docs/how-to-add-a-site.md").read_text("utf-8")
EXAMPLE = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)[1]


@pytest.fixture
def example(tmp_path):
    """The example as a file beside the real ones, for this process and for crawlers that it starts."""
    (tmp_path / "example_news.py").write_text(EXAMPLE, "utf-8")
    exec(compile(EXAMPLE, "how-to-add-a-site.md", "exec"), {"__name__": "example"})
    yield sites.rules_for("http://www.example-news.test/")
    sites._registry.pop("example-news.test")


def test_the_example_has_the_rules_that_it_speaks_of(example):
    assert example.page_url("http://example-news.test/a") == "http://example-news.test/a?view=print"
    assert not example.keep(Link(id=LinkId("1"), url="http://example-news.test/video/a"))
    assert example.endpoints[0][0] == "feed"


def test_sites_without_rules_go_their_usual_way():
    rules = sites.rules_for("https://unknown.example/")
    assert rules.page_url("https://unknown.example/a") == "https://unknown.example/a"
    assert rules.keep(Link(id=LinkId("1"), url="https://unknown.example/video/a"))
    assert list(rules.endpoints) == []


@pytest.mark.slow
def test_the_example_runs(world, monkeypatch):
    """In a real crawler, whose path of site files is longer by the example's folder."""
    folder = world.folder / "more"
    folder.mkdir()
    (folder / "example_news.py").write_text(EXAMPLE, "utf-8")
    start = f"import scrapers.sites\nscrapers.sites.__path__.append({str(folder)!r})\n"
    monkeypatch.setattr("tests.scrapers.conftest.PREPARE", start)
    host = "example-news.test"
    world.source(f"http://{host}/", ("feed", f"http://{host}/feed.xml"))
    world.server.put(host, "/feed.xml", rss())
    world.server.put(host, "/hidden/latest.xml", rss(f"http://{host}/story", f"http://{host}/video/clip"))
    world.server.put(host, "/story?view=print", page("Story"))
    world.crawl(host)
    assert set(world.rows("endpoints")) == {f"http://{host}/feed.xml", f"http://{host}/hidden/latest.xml"}
    assert set(world.rows("links")) == {f"http://{host}/story"}
    assert set(world.rows("pages")) == {f"http://{host}/story?view=print"}
