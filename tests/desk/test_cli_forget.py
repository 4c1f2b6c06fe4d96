"""``copytaster forget`` as a person types it."""

from copytaster.store import schema, takedown
from copytaster.urls import normalize, url_id
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
        assert takedown.buried(tx, [url_id(normalize(url))])


def test_a_source_is_taken_down_by_its_name_and_can_be_let_in_again(call, own_store):
    news_world.add_source(own_store, "herald")
    news_world.add_article(own_store, "source-herald", 1)
    with own_store.read() as tx:
        found = takedown.find_source(tx, "source-herald")
    (record,) = call("forget", found.name, "--yes", "--json").records
    assert (record["kind"], record["articles"]) == ("source", 1)
    with own_store.read() as tx:
        assert takedown.find_source(tx, "source-herald") is None
        assert takedown.buried(tx, ["source-herald"])


def test_what_was_never_found_is_kept_out_and_let_in_again(call, own_store):
    assert call("forget", "https://herald.example/secret", "--yes", "--json").records[0]["articles"] == 0
    with own_store.read() as tx:
        assert takedown.buried(tx, [url_id("https://herald.example/secret")])
    assert call("forget", "https://herald.example/secret", "--lift", "--json").records == [{"lifted": 1}]


def test_what_is_neither_address_nor_source_is_one_sentence(call, own_store):
    assert is_one_sentence(call("forget", "nobody", "--yes").err)
