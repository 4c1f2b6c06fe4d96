"""``copytaster forget`` as a person types it."""

from types import SimpleNamespace

import pytest

from copytaster.errors import Rejected
from copytaster.news import Source, SourceId
from copytaster.store import schema, sources, takedown, tombstones
from copytaster.urls import normalize, url_id
from desk.sources import Options, Site, add
from scrapers.discovery.find import Found
from scrapers.discovery.links import Candidate
from scrapers.sites import endpoint_of
from tests.desk import news_world
from tests.desk.conftest import is_one_sentence


def url_in(store):
    from copytaster.store import articles

    with store.read() as tx:
        return articles.newest(tx, limit=1)[0].url


def test_an_article_is_taken_down_by_its_address(call, own_store):
    news_world.add_source(own_store, "herald")
    news_world.add_article(own_store, "source-herald", 1)
    url = url_in(own_store)
    with own_store.write() as tx:  # found under that address, as a crawl would
        tx.conn.execute(schema.links.update().values(id=url_id(url), article_id="article-1"))
    (record,) = call("forget", url, "--yes", "--json").records
    assert (record["kind"], record["articles"]) == ("article", 1)
    with own_store.read() as tx:
        assert tombstones.buried(tx, [url_id(normalize(url))])


def test_a_source_is_taken_down_by_its_name_and_can_be_let_in_again(call, own_store):
    news_world.add_source(own_store, "herald")
    news_world.add_article(own_store, "source-herald", 1)
    with own_store.read() as tx:
        found = takedown.find_source(tx, "source-herald")
    (record,) = call("forget", found.name, "--yes", "--json").records
    assert (record["kind"], record["articles"]) == ("source", 1)
    with own_store.read() as tx:
        assert takedown.find_source(tx, "source-herald") is None
        assert tombstones.buried(tx, ["source-herald"])


def test_what_was_never_found_is_kept_out_and_let_in_again(call, own_store):
    assert call("forget", "https://herald.example/secret", "--yes", "--json").records[0]["articles"] == 0
    with own_store.read() as tx:
        assert tombstones.buried(tx, [url_id("https://herald.example/secret")])
    assert call("forget", "https://herald.example/secret", "--lift", "--json").records == [{"lifted": 1}]


def test_what_is_neither_address_nor_source_is_one_sentence(call, own_store):
    assert is_one_sentence(call("forget", "nobody", "--yes").err)


def test_a_source_is_lifted_by_its_name_or_another_spelling_once_its_row_is_gone(call, own_store):
    for asked in ("Herald", "http://www.herald.example"):
        with own_store.write() as tx:
            url = "https://herald.example/"
            source = Source(id=SourceId(url_id(url)), url=url, name="Herald", host="herald.example", added_at=tx.now)
            sources.add(tx, source, [])
        call("forget", "Herald", "--yes", "--json")
        (record,) = call("forget", asked, "--lift", "--json").records
        assert record["lifted"] >= 3
        with own_store.read() as tx:
            assert tx.conn.execute(schema.tombstones.select()).all() == []
        assert is_one_sentence(call("forget", asked, "--lift").err)


def test_an_address_is_lifted_with_what_it_led_to_and_of_a_source_that_stays_out_alone(call, own_store):
    page, target = url_id("https://herald.example/short"), url_id("https://herald.example/long")
    with own_store.write() as tx:
        tombstones.bury(tx, [page, target], page)
    assert call("forget", "https://herald.example/long", "--lift", "--json").records == [{"lifted": 2}]
    with own_store.write() as tx:
        tombstones.bury(tx, [page, target, "s"], tombstones.of_source("s"))
    assert call("forget", "https://herald.example/long", "--lift", "--json").records == [{"lifted": 1}]


SPELLINGS = ["https://herald.example/", "http://herald.example/", "https://www.herald.example", "https://herald.example/sports"]


@pytest.mark.slow
@pytest.mark.parametrize("url", [*SPELLINGS, "https://herald.example/feed.xml", "http://cdn.example/herald.xml"])
def test_a_source_that_was_taken_down_is_let_in_under_no_spelling(own_store, url):
    home, feed = "https://herald.example/", "http://cdn.example/herald.xml"
    with own_store.write() as tx:
        source = Source(id=SourceId(url_id(home)), url=home, name="Herald", host="herald.example", added_at=tx.now)
        sources.add(tx, source, [endpoint_of(source, "feed", feed, tx.now)])
        takedown.close_source(tx, source.id)
        takedown.end_source(tx, source.id)
    site = Site(url, "Another name", Found([Candidate(url, "feed", "named")]), {})
    with pytest.raises(Rejected, match="was taken down"):
        add(SimpleNamespace(store=own_store), site, Options())


def test_another_source_on_the_same_host_comes_in(own_store):
    home = "https://press.example/~herald"
    with own_store.write() as tx:
        source = Source(id=SourceId(url_id(home)), url=home, name="Herald", host="press.example", added_at=tx.now)
        sources.add(tx, source, [])
        takedown.close_source(tx, source.id)
    site = Site("https://press.example/~gazette", "Herald", Found([]), {})
    assert add(SimpleNamespace(store=own_store), site, Options()).new


def test_again_finishes_what_a_restore_or_a_kill_left(call, own_store):
    news_world.add_source(own_store, "herald")
    news_world.add_article(own_store, "source-herald", 1)
    with own_store.write() as tx:
        takedown.close_source(tx, "source-herald")
    (record,) = call("forget", "--again", "--json").records
    assert record["articles"] == 1
    with own_store.read() as tx:
        assert takedown.find_source(tx, "source-herald") is None
    assert call("forget").code == 2
