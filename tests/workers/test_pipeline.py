"""From a fetched page to a sent message, over both dialects: what alerts whom, and how often."""

import pytest

from copytaster.store import articles, deliveries, links, watches
from copytaster.watches import DEFAULT_LEVEL
from search.query import parse
from tests.workers.newsroom import OTHERS, QUIET, SENTENCES, page_of


def test_a_page_becomes_an_article_an_alert_and_a_search_result(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    (item,) = newsroom.items()
    passage = item["passage"]
    assert [passage["text"][start:end] for start, end in passage["marks"]] == ["lanterns"]
    assert item["article"]["title"] == "A bridge opens"
    newsroom.services.engine.refresh()
    (result,) = newsroom.services.engine.search(parse("lanterns")).hits
    assert result.url == "http://herald.example/2026/bridge"
    assert list(result.watches) == [item["watch"]["id"]]
    assert "deliver" in newsroom.hints


def test_a_copy_of_a_story_alerts_nobody_again(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.fetched(
        "http://other.example/copy", page_of("Bridge opens", *SENTENCES), source=newsroom.source("http://other.example/")
    )
    newsroom.run()
    assert newsroom.urls() == ["http://herald.example/2026/bridge"]
    with newsroom.store.read() as tx:
        first, second = articles.newest(tx, limit=5)
        assert first.story_id == second.story_id


def test_a_copy_that_matches_alerts_though_earlier_copies_did_not(newsroom):
    newsroom.watch("Fatemiyoun")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    assert not newsroom.items()
    more = (*SENTENCES, "Members of the Fatemiyoun were seen there.")
    newsroom.fetched("http://other.example/copy", page_of("Bridge opens", *more), source=newsroom.source("http://other.example/"))
    newsroom.run()
    (item,) = newsroom.items()
    assert item["article"]["url"] == "http://other.example/copy"
    assert [copy["url"] for copy in item["copies"]] == ["http://herald.example/2026/bridge"]


@pytest.mark.parametrize(("level", "told"), [(None, True), ("strict", True), ("wide", True), ("exact", False)])
def test_a_name_in_another_spelling_alerts_at_the_level_of_its_watch_and_search_finds_it_too(newsroom, level, told):
    watch = newsroom.watch('"Kataib Hezbollah"', level=level)
    more = (*SENTENCES, "Fighters of Katiab Hezbollah were seen there on Tuesday.")
    newsroom.fetched("http://herald.example/2026/bridge", page_of("A bridge opens", *more))
    newsroom.run()
    assert [item["hits"][0]["printed"] for item in newsroom.items()] == ["Katiab Hezbollah"] * told
    assert all("is a form of “Kataib Hezbollah”" in item["why"] for item in newsroom.items())
    found = newsroom.services.engine.search(parse(watch.query), level=level or DEFAULT_LEVEL).hits
    assert [hit.printed for result in found for hit in result.hits] == ["Katiab Hezbollah"] * told


def test_another_story_alerts_again(newsroom):
    newsroom.watch("lanterns OR press")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.fetched("http://herald.example/wine", page_of("Early harvest", *OTHERS))
    newsroom.run()
    assert sorted(newsroom.urls()) == ["http://herald.example/bridge", "http://herald.example/wine"]


def test_an_edit_alerts_only_where_no_revision_matched_before(newsroom):
    newsroom.watch("lanterns", id="before")
    newsroom.watch("Fatemiyoun", id="after")
    url = "http://herald.example/bridge"
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES, "Members of the Fatemiyoun were seen there on Tuesday."))
    newsroom.run()
    assert [item["watch"]["id"] for item in newsroom.items()] == ["before", "after"]
    assert [item["edited"] for item in newsroom.items()] == [False, True]
    with newsroom.store.read() as tx:
        (article,) = articles.newest(tx, limit=5)
        assert article.revision == 2
        assert article.document_version == 2


def test_a_re_read_without_change_makes_no_revision(newsroom):
    newsroom.watch("lanterns")
    for _ in range(3):
        newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
        newsroom.run()
    assert len(newsroom.items()) == 1
    with newsroom.store.read() as tx:
        assert [article.revision for article in articles.newest(tx, limit=5)] == [1]


@pytest.mark.slow
@pytest.mark.parametrize("held", [{"baseline": True}, {"priority": links.BACKFILL}])
def test_baseline_and_backfill_are_matched_and_told_to_nobody(newsroom, held):
    watch = newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES), **held)
    newsroom.run()
    assert not newsroom.items()
    with newsroom.store.read() as tx:
        (article,) = articles.newest(tx, limit=5)
        assert deliveries.watches_of(tx, [article.id]) == {article.id: {watch.id: watch.name}}


def test_a_late_item_waits_for_the_late_digest(newsroom):
    newsroom.watch("lanterns")
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES), late=True)
    newsroom.run()
    assert not newsroom.items()
    newsroom.clock.advance(86_400)
    newsroom.run()
    assert [item["late"] for item in newsroom.items()] == [True]


def test_quiet_hours_hold_the_delivery_and_never_the_match(newsroom):
    newsroom.watch("lanterns", quiet=QUIET)
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    assert not newsroom.items()
    newsroom.clock.advance(2 * 3600)
    newsroom.run()
    assert len(newsroom.items()) == 1


def test_a_watch_saved_before_the_page_is_read_sees_it(newsroom):
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.watch("lanterns")
    newsroom.run()
    assert len(newsroom.items()) == 1


def test_changing_a_watch_or_adding_a_channel_sends_nothing_again(newsroom):
    watch = newsroom.watch("lanterns", id="same")
    url = "http://herald.example/bridge"
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    newsroom.watch("lanterns OR ferry", id=watch.id, to="mailto:new@example.org")
    newsroom.fetched(url, page_of("A bridge opens", *SENTENCES, "One more sentence that makes this a revision."))
    newsroom.run()
    assert len(newsroom.items()) == 1
    with newsroom.store.read() as tx:
        assert len(deliveries.every(tx)) == 1


def test_a_removed_watch_is_not_told_what_was_waiting(newsroom):
    watch = newsroom.watch("lanterns", quiet=QUIET)
    newsroom.fetched("http://herald.example/bridge", page_of("A bridge opens", *SENTENCES))
    newsroom.run()
    with newsroom.store.write() as tx:
        watches.remove(tx, watch.id)
    newsroom.clock.advance(3 * 3600)
    newsroom.run()
    assert not newsroom.items()
    with newsroom.store.read() as tx:
        assert deliveries.counts(tx) == {"cancelled": 1}
