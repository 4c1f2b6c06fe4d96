"""Promise 2: a source that breaks is reported within three times its usual interval, with the reason."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.store import messages, sources
from copytaster.store.schema import messages as message_table
from tests.desk import news_world as world
from workers.silence import Rhythm, Still, report, silent

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
HOUR = 3600.0
HOURLY = [HOUR] * 10


def still(seconds, *rhythms):
    return Still("s", "gazette", NOW - dt.timedelta(seconds=seconds), rhythms or (rhythm(),))


def rhythm(readings=5, interval_seconds=600.0, gaps=HOURLY, due_in=300.0, last_error=None):
    return Rhythm(readings, interval_seconds, tuple(gaps), NOW + dt.timedelta(seconds=due_in), last_error)


def test_three_usual_intervals_without_anything_new_are_silence():
    assert silent(still(3 * HOUR), NOW) is None
    assert silent(still(3 * HOUR + 1), NOW) == "Nothing new for 3 hours; usually something comes every 60 minutes."


def test_the_reason_is_what_the_reading_failed_with():
    refused = rhythm(last_error="gazette.example answers 403.")
    assert silent(still(4 * HOUR, rhythm(), refused), NOW) == "gazette.example answers 403."


def test_a_pause_that_is_usual_is_no_silence_unless_readings_fail():
    sleeps = [HOUR / 6] * 15 + [9 * HOUR, 9 * HOUR]
    assert silent(still(9 * HOUR, rhythm(gaps=sleeps)), NOW) is None
    assert (
        silent(still(14 * HOUR, rhythm(gaps=sleeps)), NOW)
        == "Nothing new for 14 hours; usually something comes every 10 minutes."
    )
    broken = rhythm(gaps=sleeps, last_error="gazette.example answers 403.")
    assert silent(still(HOUR, broken), NOW) == "gazette.example answers 403."
    assert silent(still(HOUR, broken, rhythm(gaps=sleeps)), NOW) is None


def test_the_quickest_endpoint_tells_the_rhythm_of_the_source():
    weekly = rhythm(gaps=[7 * 86_400.0] * 5)
    assert silent(still(4 * HOUR, weekly), NOW) is None
    assert silent(still(4 * HOUR, weekly, rhythm()), NOW)


def test_what_was_never_read_can_not_be_silent():
    assert silent(still(30 * 86_400, rhythm(readings=0)), NOW) is None


def test_a_crawler_that_did_not_look_is_not_the_sources_silence():
    assert silent(still(30 * 86_400, rhythm(due_in=-301)), NOW) is None
    assert silent(still(30 * 86_400, rhythm(due_in=-299)), NOW)


def test_a_source_without_any_known_rhythm_has_three_days():
    assert silent(still(3 * 86_400 - 1, rhythm(gaps=())), NOW) is None
    assert silent(still(3 * 86_400 + 1, rhythm(gaps=())), NOW)


@given(st.lists(st.floats(1, 1e6), max_size=20), st.floats(60, 86_400), st.floats(0, 1e7), st.floats(0, 1e7))
def test_a_source_that_is_silent_stays_so_until_something_comes(gaps, interval, sooner, later):
    sooner, later = sorted((sooner, later))
    each = rhythm(gaps=gaps, interval_seconds=interval)
    if silent(still(sooner, each), NOW):
        assert silent(still(later, each), NOW)


# -- over the store ---------------------------------------------------------------------------------------------------


@pytest.fixture
def gazette(store):
    """A source that was read, publishes hourly, and found something just now."""
    return lively(store, "gazette")


def lively(store, name):
    source_id, endpoint_id = world.add_source(store, name)
    with store.write() as tx:
        due_at = tx.now + dt.timedelta(days=30)
        sources.note_reading(tx, endpoint_id, {"readings": 5, "gaps": HOURLY, "due_at": due_at, "read_at": tx.now})
        sources.note_found(tx, source_id, baseline_done=True, found=True)
    return source_id


def notices(store):
    with store.read() as tx:
        rows = tx.conn.execute(message_table.select().order_by(message_table.c.created_at, message_table.c.id))
        return [(row.channel_id, json.loads(row.payload)) for row in rows]


def test_a_silent_source_is_told_once_to_each_owners_first_channel(store, fake_clock, gazette):
    _, told = world.add_watch(store, "Fatemiyoun", "mailto:first@example.org")
    fake_clock.advance(1)
    world.add_watch(store, "Kataib", "mailto:second@example.org")
    fake_clock.advance(3 * HOUR)
    assert report(store) == ["gazette"]
    assert report(store) == []
    [(channel_id, payload)] = notices(store)
    assert channel_id == told[0].id
    assert payload["title"] == "gazette is silent"
    assert "Nothing new for 3 hours" in payload["text"]
    with store.read() as tx:
        assert sources.counts(tx) == {"silent": 1}
        assert messages.due(tx) == 1
    assert gazette


def test_silence_ends_with_the_next_find_and_can_be_told_again(store, fake_clock, gazette):
    world.add_watch(store, "Fatemiyoun", "mailto:first@example.org")
    fake_clock.advance(3 * HOUR + 1)
    report(store)
    with store.write() as tx:
        sources.note_found(tx, gazette, baseline_done=False, found=True)
        assert sources.counts(tx) == {"active": 1}
    assert report(store) == []
    fake_clock.advance(3 * HOUR + 1)
    assert report(store) == ["gazette"]
    assert len(notices(store)) == 2


def test_many_sources_that_fall_silent_together_make_one_notice(store, fake_clock):
    world.add_watch(store, "Fatemiyoun", "mailto:first@example.org")
    for number in range(25):
        lively(store, f"source{number:02}")
    fake_clock.advance(3 * HOUR + 1)
    assert len(report(store)) == 25
    [(_, payload)] = notices(store)
    assert payload["title"] == "25 sources are silent"
    assert "… and 5 more." in payload["text"]


def test_without_anybody_to_tell_the_silence_is_still_noted(store, fake_clock, gazette):
    fake_clock.advance(3 * HOUR + 1)
    assert report(store) == ["gazette"]
    assert notices(store) == []
    with store.read() as tx:
        assert [row.silent_reason is not None for row in sources.freshness(tx)] == [True]
    assert gazette


def test_a_paused_source_is_not_silent(store, fake_clock, gazette):
    with store.write() as tx:
        sources.set_state(tx, gazette, "paused")
    fake_clock.advance(3 * HOUR + 1)
    assert report(store) == []


def test_a_find_between_looking_and_noting_is_no_silence(store, fake_clock, gazette):
    fake_clock.advance(3 * HOUR + 1)
    with store.write() as tx:
        before = sources.freshness(tx)[0].fresh_at
        sources.note_found(tx, gazette, baseline_done=False, found=True)
        assert not sources.note_silent(tx, gazette, "late", fresh_at=before)
