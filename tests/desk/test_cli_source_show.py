"""``source show``: what was seen where a source gives trouble, safe to print."""

import pytest

from copytaster.store import sources
from tests.desk import news_world as world
from tests.desk.conftest import is_one_sentence


@pytest.fixture
def gazette(own_store):
    source_id, endpoint_id = world.add_source(own_store, "gazette")
    seen = {"status": 403, "title": "Just a \u202emoment", "times": 3, "url": "https://gazette.example/feed"}
    with own_store.write() as tx:
        ill = {"trouble": "blocked", "well_until": tx.now, "evidence": seen, "last_error": "It answers 403.", "failures": 3}
        sources.note_reading(tx, endpoint_id, ill)
    return source_id


def test_one_source_is_shown_with_its_endpoints_and_the_evidence(call, gazette):
    shown = call("source", "show", "gazette").out
    for words in ("blocked: It answers 403.", "status        403", "Just a", "not known yet"):
        assert words in shown
    assert "\u202e" not in shown
    (record,) = call("source", "show", "gazette.example", "--json").records
    assert (record["id"], record["health"], record["trouble"]) == (gazette, "failing", "blocked")
    assert record["endpoints"][0]["evidence"]["status"] == 403


def test_list_and_status_say_the_kind_of_trouble(call, gazette):
    assert [(each["id"], each["trouble"]) for each in call("source", "list", "--json").records] == [(gazette, "blocked")]
    assert "blocked: It answers 403." in call("status").out
    (status,) = call("status", "--json").records
    assert status["trouble"][0]["evidence"]["status"] == 403


def test_a_source_that_is_not_there_is_one_sentence(call):
    done = call("source", "show", "nobody")
    assert done.code == 1
    assert is_one_sentence(done.err)
