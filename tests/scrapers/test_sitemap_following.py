"""How far a reading follows a sitemap index: each child once, so many in all, and it says where it did not come to the end."""

import asyncio
import datetime as dt
from types import SimpleNamespace

import pytest
from scrapy import Request
from scrapy.http import Response

from copytaster.news import Source, SourceId
from scrapers import reading
from scrapers.jobs import Job
from scrapers.reading import EndpointReader

HOST = "http://archive.example"
SOURCE = Source(
    id=SourceId("s"), url=f"{HOST}/", name="archive", host="archive.example", added_at=dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
)


def index(*names):
    return "<sitemapindex>" + "".join(f"<sitemap><loc>{HOST}/{name}</loc></sitemap>" for name in names) + "</sitemapindex>"


def urls(*names):
    return "<urlset>" + "".join(f"<url><loc>{HOST}/{name}</loc></url>" for name in names) + "</urlset>"


def read(answer):
    """One reading of /sitemap.xml, and what was asked for."""
    asked = []

    async def fetch(url, _source, *, validators=None):
        assert validators is not None
        asked.append(url.removeprefix(f"{HOST}/"))
        return Response(url, body=answer(asked[-1]).encode(), request=Request(url))

    row = SimpleNamespace(id="e", kind="sitemap", readings=0, etag=None, last_modified=None, read_at=None)
    job = Job(kind="endpoint", id="e", url=f"{HOST}/sitemap.xml", host="archive.example", source=SOURCE, row=row, attempts=1)
    reader = EndpointReader(fetch)
    try:
        return asyncio.run(reader.read(job)), asked
    finally:
        reader.close()


def test_indexes_that_name_each_other_are_read_once():
    said = {"sitemap.xml": index("sitemap.xml", "other.xml", "a.xml"), "other.xml": index("sitemap.xml", "a.xml", "b.xml")}
    found, asked = read(lambda name: said.get(name) or urls(f"story-of-{name}"))
    assert asked == ["sitemap.xml", "other.xml", "a.xml", "b.xml"]
    assert sorted(link.url for link in found.links) == [f"{HOST}/story-of-a.xml", f"{HOST}/story-of-b.xml"]
    assert not found.cut


def test_indexes_that_always_name_new_ones_end_after_a_hundred():
    def more(name):
        return index(*(f"{name.partition('.')[0]}-{number}.xml" for number in range(8)))

    _, asked = read(more)
    assert len(asked) == len(set(asked)) <= reading.MAX_ASKED + 1


@pytest.mark.parametrize(("most", "cut"), [(4, True), (5, False)])
def test_a_sitemap_that_is_not_read_to_its_end_is_cut(monkeypatch, most, cut):
    monkeypatch.setattr(reading, "MAX_URLS", most)
    found, _ = read(lambda name: index("a.xml", "b.xml") if name == "sitemap.xml" else urls(f"1-{name}", f"2-{name}"))
    assert (len(found.links), found.cut) == (4, cut)
