"""Promise 2: a source that breaks is reported within three times its usual interval, with the reason."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.store import messages, refusals, sources, troubles, watches
from copytaster.store.schema import messages as message_table
from scrapers import rhythm
from tests.desk import news_world as world
from workers.refused_pages import Tried, trouble_of_pages
from workers.silence import EndpointState, Judged, next_look, trouble_of
from workers.source_watch import report

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
HOUR = 3600.0
HOURLY = [HOUR] * 10


def still(seconds, *endpoints, **known):
    fresh_at = NOW - dt.timedelta(seconds=seconds)
    return Judged(id="s", name="gazette", fresh_at=fresh_at, endpoints=endpoints or (endpoint(),), **known)


def endpoint(readings=5, interval_seconds=600.0, gaps=HOURLY, due_in=300.0, **ill):
    due_at = NOW + dt.timedelta(seconds=due_in)
    return EndpointState(readings=readings, interval_seconds=interval_seconds, gaps=tuple(gaps), due_at=due_at, **ill)


def blocked(since_seconds, times=2, **facts):
    well_until = NOW - dt.timedelta(seconds=since_seconds)
    said = "gazette.example answers 403."
    return endpoint(trouble="blocked", well_until=well_until, last_error=said, evidence={"times": times, "status": 403}, **facts)


def silent(source, now):
    found = trouble_of(source, now)
    return found.reason if found else None


def test_three_usual_intervals_without_anything_new_are_silence():
    assert silent(still(3 * HOUR), NOW) is None
    assert silent(still(3 * HOUR + 1), NOW) == "Nothing new for 3 hours; usually something comes every 60 minutes."
    assert trouble_of(still(3 * HOUR + 1), NOW).kind == "silent"


def test_what_fails_is_told_after_three_usual_intervals_with_its_kind_and_evidence():
    assert trouble_of(still(HOUR, blocked(3 * HOUR)), NOW) is None
    found = trouble_of(still(HOUR, blocked(3 * HOUR + 1)), NOW)
    assert (found.kind, found.reason) == ("blocked", "gazette.example answers 403.")
    assert found.evidence["status"] == 403


def test_one_failed_reading_is_an_accident():
    assert trouble_of(still(HOUR, blocked(5 * HOUR, times=1)), NOW) is None


def test_a_weekly_that_fails_is_told_within_a_day():
    weekly = [7 * 86_400.0] * 5
    assert trouble_of(still(86_400, blocked(86_400 - 1, gaps=weekly)), NOW) is None
    assert trouble_of(still(86_400, blocked(86_400 + 1, gaps=weekly)), NOW).kind == "blocked"


def test_a_source_that_never_could_be_read_is_told_too():
    assert trouble_of(still(2 * 86_400, blocked(2 * 86_400, readings=0, gaps=())), NOW).kind == "blocked"


def test_the_reason_of_a_silence_is_what_a_reading_failed_with():
    found = trouble_of(still(4 * HOUR, endpoint(), blocked(60)), NOW)
    assert (found.kind, found.reason) == ("blocked", "gazette.example answers 403.")


def test_a_pause_that_is_usual_is_no_silence_unless_readings_fail():
    sleeps = [HOUR / 6] * 15 + [9 * HOUR, 9 * HOUR]
    assert silent(still(9 * HOUR, endpoint(gaps=sleeps)), NOW) is None
    assert (
        silent(still(14 * HOUR, endpoint(gaps=sleeps)), NOW)
        == "Nothing new for 14 hours; usually something comes every 10 minutes."
    )
    assert silent(still(HOUR, blocked(HOUR, gaps=sleeps)), NOW) == "gazette.example answers 403."
    assert silent(still(HOUR, blocked(HOUR, gaps=sleeps), endpoint(gaps=sleeps)), NOW) is None


def test_the_hours_of_the_week_excuse_a_night_and_nothing_at_noon():
    known, now = None, NOW - dt.timedelta(days=42)
    while now < NOW:
        now += dt.timedelta(minutes=30)
        if 7 <= now.hour < 22:
            known = rhythm.found(known, now)
    night = NOW.replace(hour=6, minute=45)
    since_evening = still((NOW - night).total_seconds() + 9.25 * HOUR, rhythm=known)
    assert silent(since_evening, night) is None
    assert silent(still(4 * HOUR, rhythm=known), NOW)


def test_the_quickest_endpoint_tells_the_rhythm_of_the_source():
    weekly = endpoint(gaps=[7 * 86_400.0] * 5)
    assert silent(still(4 * HOUR, weekly), NOW) is None
    assert silent(still(4 * HOUR, weekly, endpoint()), NOW)


def test_what_was_never_read_can_not_be_silent():
    assert silent(still(30 * 86_400, endpoint(readings=0)), NOW) is None


def test_a_crawler_that_did_not_look_is_not_the_sources_silence():
    assert silent(still(30 * 86_400, endpoint(due_in=-301)), NOW) is None
    assert silent(still(30 * 86_400, endpoint(due_in=-299)), NOW)


def test_a_source_without_any_known_rhythm_has_three_days():
    assert silent(still(3 * 86_400 - 1, endpoint(gaps=())), NOW) is None
    assert silent(still(3 * 86_400 + 1, endpoint(gaps=())), NOW)


def test_what_fails_is_looked_at_again_just_when_it_may_be_told():
    soon = next_look(still(HOUR, blocked(HOUR)), NOW)
    assert soon == NOW + dt.timedelta(hours=2)
    assert next_look(still(HOUR, blocked(9 * HOUR, times=1)), NOW) == NOW + dt.timedelta(hours=1)


@given(st.lists(st.floats(1, 1e6), max_size=20), st.floats(60, 86_400), st.floats(0, 1e7), st.floats(0, 1e7))
def test_a_source_that_is_silent_stays_so_until_something_comes(gaps, interval, sooner, later):
    sooner, later = sorted((sooner, later))
    each = endpoint(gaps=gaps, interval_seconds=interval)
    if silent(still(sooner, each), NOW):
        assert silent(still(later, each), NOW)


# -- pages ------------------------------------------------------------------------------------------------------------


def tried(*what):
    """Pages, newest first: a size where it was read, a reason where it was refused."""
    return [Tried(at=NOW - dt.timedelta(minutes=n), url=f"https://g.example/{n}", **each_of(each)) for n, each in enumerate(what)]


def each_of(what):
    return {"size": what} if isinstance(what, int) else {"reason": what, "detail": "No article text was found."}


def test_three_refused_pages_after_many_good_ones_are_a_new_layout():
    assert trouble_of_pages(tried("no_text", "no_text", *[900] * 8)) is None
    found = trouble_of_pages(tried("no_text", "no_text", "no_text", *[900] * 8))
    assert (found.kind, found.stage) == ("degraded", "read")
    assert found.reason == "The last 3 pages were refused (no_text): No article text was found."


def test_refused_pages_that_are_walls_are_a_block():
    assert trouble_of_pages(tried(*["blocked"] * 4, *[900] * 8)).kind == "blocked"


def test_a_source_whose_pages_were_always_refused_is_no_news():
    assert trouble_of_pages(tried(*["no_text"] * 30)) is None
    assert trouble_of_pages(tried(*["no_text"] * 3, *[900, "no_text"] * 8)) is None


def test_what_robots_forbid_or_is_poison_tells_nothing_of_the_layout():
    assert trouble_of_pages(tried(*["robots"] * 5, *[900] * 8)) is None


def test_articles_that_are_all_much_shorter_are_told():
    assert trouble_of_pages(tried(*[150] * 4, *[900] * 10)).kind == "degraded"
    assert trouble_of_pages(tried(*[150] * 3, *[900] * 11)) is None
    assert trouble_of_pages(tried(*[150] * 4, *[900, 900, 900, 120] * 4)) is None


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
    fake_clock.advance(30)
    assert report(store) == []
    assert notices(store)[-1][1]["title"] == "gazette is well again"
    assert notices(store)[-1][1]["text"] == "gazette: it was silent for 30 seconds."
    assert report(store) == []
    assert len(notices(store)) == 2
    fake_clock.advance(3 * HOUR + 1)
    assert report(store) == ["gazette"]
    assert len(notices(store)) == 3


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
        late = troubles.Reported(kind="silent", reason="late")
        assert not troubles.note(tx, gazette, late, fresh_at=before)


def failing(store, times, hours_ago):
    with store.write() as tx:
        well_until = tx.now - dt.timedelta(hours=hours_ago)
        ill = {"trouble": "blocked", "well_until": well_until, "evidence": {"times": times, "status": 403}}
        sources.note_reading(tx, "endpoint-gazette", ill | {"last_error": "It answers 403.", "failures": times})
        troubles.look_now(tx, "source-gazette")


def well(store):
    with store.write() as tx:
        ill = {"trouble": None, "well_until": None, "evidence": None, "last_error": None, "failures": 0}
        sources.note_reading(tx, "endpoint-gazette", ill)
        troubles.look_now(tx, "source-gazette")


def test_a_block_is_told_with_its_kind_and_its_end_without_a_find(store, fake_clock, gazette):
    world.add_watch(store, "Fatemiyoun", "mailto:first@example.org")
    fake_clock.advance(60)
    failing(store, 2, 4)
    assert report(store, ["mailto:op@example.org"]) == ["gazette"]
    told = notices(store)
    assert {each["title"] for _, each in told} == {"gazette is blocked"}
    assert len(told) == 2  # the owner and the operator
    with store.read() as tx:
        assert troubles.by_kind(tx) == {"blocked": 1}
    fake_clock.advance(2 * HOUR)
    well(store)
    assert report(store, ["mailto:op@example.org"]) == []
    assert report(store, ["mailto:op@example.org"]) == []
    ended = [each for _, each in notices(store)][2:]
    assert [each["text"] for each in ended] == ["gazette: it was blocked for 2 hours."] * 2
    with store.read() as tx:
        assert troubles.by_kind(tx) == {}
    assert gazette


def test_an_address_of_the_operator_that_was_switched_off_is_not_switched_on_by_a_notice(store, fake_clock, gazette):
    with store.write() as tx:
        (gone,) = watches.operator_channels(tx, ["mailto:op@example.org"])
        watches.disable(tx, gone.id, "410 Gone")
    fake_clock.advance(60)
    failing(store, 2, 4)
    assert report(store, ["mailto:op@example.org", "mailto:other@example.org"]) == ["gazette"]
    assert len(notices(store)) == 1
    with store.read() as tx:
        assert watches.by_ids(tx, [gone.id])[gone.id].state == "disabled"
    assert gazette


def test_a_trouble_that_turns_into_another_is_shown_and_not_told_again(store, fake_clock, gazette):
    world.add_watch(store, "Fatemiyoun", "mailto:first@example.org")
    fake_clock.advance(3 * HOUR + 1)
    report(store)
    failing(store, 2, 4)
    assert report(store) == []
    assert len(notices(store)) == 1
    with store.read() as tx:
        assert troubles.by_kind(tx) == {"blocked": 1}
    assert gazette


def refuse(store, number):
    with store.write() as tx:
        place = f"https://gazette.example/{number}"
        facts = {"stage": "ingest", "key": place, "url": place, "source_id": "source-gazette"}
        refusals.put(tx, refusals.Refusal(**facts, reason="no_text", detail="No article text was found."))
        troubles.look_now(tx, "source-gazette")


def test_a_new_layout_is_told_and_does_not_end_with_the_next_link_but_with_the_next_article(store, fake_clock, gazette):
    world.add_watch(store, "Fatemiyoun", "mailto:first@example.org")
    for number in range(6):
        fake_clock.advance(60)
        world.add_article(store, gazette, number)
    assert report(store) == []
    for number in range(3):
        fake_clock.advance(60)
        refuse(store, number)
    assert report(store) == ["gazette"]
    with store.write() as tx:
        sources.note_found(tx, gazette, baseline_done=False, found=True)
        assert troubles.by_kind(tx) == {"degraded": 1}
    fake_clock.advance(60)
    world.add_article(store, gazette, 99)
    fake_clock.advance(2 * HOUR)
    assert report(store) == []
    with store.read() as tx:
        assert troubles.by_kind(tx) == {}


def test_a_first_reading_that_is_empty_is_a_baseline(store, gazette):
    with store.write() as tx:
        sources.note_found(tx, gazette, baseline_done=True, found=False)
        assert sources.get(tx, gazette).baseline_at == tx.now
