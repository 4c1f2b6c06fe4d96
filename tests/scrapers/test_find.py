"""From one address to a site's endpoints."""

from pathlib import Path

import pytest

from copytaster.errors import Permanent, Transient
from copytaster.outbound import Fetched
from scrapers.discovery.find import MAX_FETCHES, choose, classify, discover, guesses
from scrapers.discovery.links import Candidate

PAGES = Path(__file__).parents[1] / "pages/sections"
BASE = "https://courier.example/"
SECTION = (PAGES / "cards.html").read_bytes()
HEAD = b'<html><head><title>Courier</title><link rel="alternate" type="application/rss+xml" href="%s"></head></html>'
NEWS = b"""<urlset xmlns:n="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>https://courier.example/1</loc>
<n:news><n:publication_date>2026-11-02</n:publication_date></n:news></url></urlset>"""
PLAIN = b"<urlset><url><loc>https://courier.example/1</loc></url></urlset>"


def feed(title="Courier", items=2):
    rows = "".join(f"<item><link>https://courier.example/{n}</link></item>" for n in range(items))
    return f'<rss version="2.0"><channel><title>{title}</title>{rows}</channel></rss>'.encode()


class Site:
    """Answers from a dictionary of paths; all else is 404."""

    def __init__(self, pages):
        self.pages = {BASE + path: body for path, body in pages.items()}
        self.asked = []

    def __call__(self, url):
        self.asked.append(url)
        if url not in self.pages:
            return Fetched(url, 404)
        return Fetched(url, 200, {"content-type": "text/html"}, self.pages[url])


def found(pages, path=""):
    site = Site(pages)
    return [(one.kind, one.url.removeprefix(BASE), one.why) for one in discover(BASE + path, site).endpoints]


def test_a_feed_that_is_given_is_taken():
    result = discover(BASE + "rss", Site({"rss": feed()}))
    assert [(one.kind, one.items, one.why) for one in result.endpoints] == [("feed", 2, "given")]
    assert result.title == "Courier"


def test_a_feed_that_the_page_names_is_looked_at_and_taken():
    assert found({"": HEAD % b"/x/feed", "x/feed": feed()}) == [("feed", "x/feed", "autodiscovery")]


def test_a_named_feed_that_is_dead_is_said_and_another_is_guessed():
    result = discover(BASE, Site({"": HEAD % b"/gone", "rss.xml": feed()}))
    assert [one.url for one in result.endpoints] == [BASE + "rss.xml"]
    assert [url for url, _ in result.refused] == [BASE + "gone"]
    assert "404" in result.refused[0][1]


def test_one_feed_in_two_formats_is_one_endpoint():
    both = HEAD % b"/rss" + HEAD % b"/atom"
    assert found({"": both, "rss": feed(), "atom": feed()}) == [("feed", "rss", "autodiscovery")]


def test_a_news_sitemap_goes_beside_a_feed_but_a_plain_one_does_not():
    robots = b"Sitemap: /news.xml\nSitemap: /all.xml\n"
    pages = {"": HEAD % b"/rss", "rss": feed(), "robots.txt": robots, "news.xml": NEWS, "all.xml": PLAIN}
    assert found(pages) == [("feed", "rss", "autodiscovery"), ("sitemap", "news.xml", "robots")]


def test_without_feed_and_news_the_sitemap_and_the_section_are_taken():
    assert found({"": SECTION, "sitemap.xml": PLAIN}) == [("sitemap", "sitemap.xml", "guess"), ("section", "", "given")]


def test_a_site_with_nothing_but_a_list_of_articles_is_a_section():
    result = discover(BASE, Site({"": SECTION}))
    assert [(one.kind, one.items) for one in result.endpoints] == [("section", 5)]
    assert result.title == "The Harbour Courier"


def test_guesses_that_fail_are_not_reported():
    assert discover(BASE, Site({"": SECTION})).refused == []


def test_a_soft_404_is_no_feed():
    pages = dict.fromkeys(["feed", "rss", "rss.xml", "sitemap.xml"], b"<html><body>Not found</body></html>")
    assert found({"": SECTION, **pages}) == [("section", "", "given")]


def test_robots_are_obeyed_while_looking():
    site = Site({"": HEAD % b"/rss", "rss": feed(), "robots.txt": b"User-agent: *\nDisallow: /"})
    with pytest.raises(Permanent):
        discover(BASE, site)
    assert site.asked == [BASE, BASE + "robots.txt"]


def test_a_site_is_not_combed():
    links = b"".join(b'<a href="/rss/%d.xml">Feed</a>' % n for n in range(500))
    site = Site({"": b"<html><body>" + links + b"</body></html>"})
    with pytest.raises(Permanent):
        discover(BASE, site)
    assert len(site.asked) <= MAX_FETCHES + 2


@pytest.mark.parametrize(
    ("pages", "sentence"),
    [
        ({}, "nothing at that address"),
        ({"": b"\x89PNG"}, "neither a page, a feed nor a sitemap"),
        ({"": (PAGES / "about.html").read_bytes()}, "no feed, no sitemap and no list"),
        ({"": (PAGES / "shell.html").read_bytes()}, "empty without JavaScript"),
    ],
)
def test_what_can_not_be_read_is_one_clear_sentence(pages, sentence):
    with pytest.raises(Permanent, match=sentence) as failed:
        discover(BASE, Site(pages))
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(("status", "sentence"), [(403, "login"), (503, "when the site works"), (410, "nothing at that")])
def test_a_refusal_of_the_site_is_said(status, sentence):
    with pytest.raises(Permanent, match=sentence):
        discover(BASE, lambda url: Fetched(url, status))


def test_a_site_that_is_down_is_told_as_it_came():
    def down(url):
        raise Transient("https://courier.example did not answer: no route.")

    with pytest.raises(Transient, match="did not answer"):
        discover(BASE, down)


def test_guesses_begin_below_the_address():
    found = guesses("https://courier.example/world/asia?x=1")
    assert found[0] == "https://courier.example/world/asia/feed"
    assert "https://courier.example/sitemap.xml" in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("data", "url", "kind"),
    [
        (feed(), "", "feed"),
        (b"<?xml version='1.0'?><!-- <html> --><feed xmlns='http://www.w3.org/2005/Atom'/>", "", "feed"),
        (b"<rdf:RDF xmlns:rdf='x'>", "", "feed"),
        ('<?xml version="1.0"?><rss/>'.encode("utf-16"), "", "feed"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": []}', "", "feed"),
        (b'{"a": 1}', "", None),
        (PLAIN, "", "sitemap"),
        (b"<sitemapindex>", "", "sitemap"),
        (b"\x1f\x8b\x08", "", "sitemap"),
        (b"https://a.example/1\n", "https://a.example/sitemap.txt", "sitemap"),
        (b"<!DOCTYPE html><p>", "", "page"),
        (b"<html><rss>", "", "page"),
        (b"", "", None),
        (b"%PDF-1.4", "", None),
    ],
)
def test_a_document_is_known_by_its_bytes(data, url, kind):
    assert classify(data, url, "text/html") == kind


def test_empty_feeds_are_not_chosen():
    assert choose([Candidate(BASE, "feed", "guess", items=0)]) == []
