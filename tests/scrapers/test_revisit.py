"""When to look again, and what of a reading is new."""

import datetime as dt
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.news import Link, LinkId, Printed
from copytaster.urls import normalize, url_id
from scrapers.revisit import (
    MAX_RETRY_AFTER,
    MAX_SECONDS,
    MIN_SECONDS,
    SourceState,
    decide_reading,
    gaps_of,
    next_interval,
    remembered,
    reread_due,
    silent_after,
)

NOW = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
READ = SourceState(baseline_at=NOW - 30 * DAY)


@dataclass(frozen=True)
class Row:
    updated_at: dt.datetime | None = None


def link(name, published=None, updated=None, guid=None):
    url = f"https://news.example/{name}"
    return Link(
        id=LinkId(url_id(normalize(url))),
        url=url,
        guid=guid,
        published=Printed.of(published) if published else None,
        updated=Printed.of(updated) if updated else None,
    )


def judged(links, seen=None, previous=(), source=READ, **more):
    return decide_reading(links, seen or {}, previous, source, NOW, **more)


def test_what_was_never_seen_is_new_and_alerts():
    (decided,) = judged([link("a", NOW - HOUR)]).links
    assert (decided.state, decided.held) == ("new", None)


def test_what_was_seen_is_known():
    known = link("a", NOW - HOUR)
    assert judged([known], {known.id: Row()}).new == []


def test_a_later_date_of_change_reads_again():
    edited = link("a", NOW - DAY, updated=NOW)
    assert [one.link for one in judged([edited], {edited.id: Row(NOW - HOUR)}).changed] == [edited]
    assert judged([edited], {edited.id: Row(NOW)}).changed == []
    assert judged([edited], {edited.id: Row(None)}).changed == []


def test_changing_and_repeated_guids_make_nothing_new():
    first, again = link("a", guid="1"), link("a", guid="2")
    reading = judged([first, again, link("b", guid="2")])
    assert [one.link.url for one in reading.new] == ["https://news.example/a", "https://news.example/b"]
    assert judged([again], {first.id: Row()}).new == []


def test_the_first_reading_of_a_source_is_its_baseline():
    reading = judged([link("a", NOW), link("b")], source=SourceState(), first_of_endpoint=True)
    assert [one.held for one in reading.new] == ["baseline", "baseline"]


def test_alert_since_opens_a_part_of_the_baseline():
    source = SourceState(alert_since_seconds=86_400)
    reading = judged([link("new", NOW - HOUR), link("old", NOW - 2 * DAY), link("undated")], source=source)
    assert [one.held for one in reading.new] == [None, "baseline", "baseline"]


def test_alert_since_all_opens_all_of_it():
    source = SourceState(alert_since_seconds=float("inf"))
    reading = judged([link("old", NOW - 400 * DAY), link("undated")], source=source)
    assert [one.held for one in reading.new] == [None, None]


def test_a_new_endpoint_of_a_known_source_alerts_for_what_came_since_its_baseline():
    source = SourceState(baseline_at=NOW - 2 * DAY)
    links = [link("since", NOW - DAY), link("before", NOW - 3 * DAY), link("undated")]
    reading = judged(links, source=source, first_of_endpoint=True)
    assert [one.held for one in reading.new] == [None, "baseline", "baseline"]


def test_items_older_than_a_week_are_late():
    reading = judged([link("a", NOW - 8 * DAY), link("b", NOW - 6 * DAY)])
    assert [one.held for one in reading.new] == ["late", None]


def test_a_backfill_never_alerts():
    reading = judged([link("a", NOW)], source=replace(READ, backfill=True))
    assert reading.new[0].held == "baseline"


def test_a_full_reading_that_shares_nothing_with_the_one_before_overflowed():
    before, after = [link(f"a{n}") for n in range(20)], [link(f"b{n}") for n in range(20)]
    ids = [one.id for one in before]
    assert judged(after, previous=ids).overflowed
    assert not judged([*after, before[3]], previous=ids).overflowed
    assert not judged(after, previous=ids, first_of_endpoint=True).overflowed
    assert not judged(after[:2], previous=ids[:2]).overflowed


@given(
    interval=st.floats(0, 1e9),
    new_items=st.integers(0, 500),
    gaps=st.lists(st.floats(0, 1e7), max_size=40),
    overflowed=st.booleans(),
    failures=st.integers(0, 10_000),
    every=st.none() | st.floats(0, 1e6),
    claimed=st.none() | st.floats(0, 1e9),
)
def test_an_interval_is_a_minute_to_a_day_whatever_happened(**given):
    found = next_interval(
        given["interval"],
        new_items=given["new_items"],
        gaps=given["gaps"],
        overflowed=given["overflowed"],
        failures=given["failures"],
        every_seconds=given["every"],
        claimed_seconds=given["claimed"],
    )
    assert MIN_SECONDS <= found <= MAX_SECONDS


@given(st.floats(0, 1e9), st.integers(0, 9))
def test_retry_after_is_obeyed(seconds, failures):
    found = next_interval(300, new_items=0, failures=failures, retry_after=seconds, every_seconds=60)
    assert found >= min(seconds, MAX_RETRY_AFTER)


@pytest.mark.parametrize("gap", [600, 7_200, 43_200])
def test_readings_follow_the_sites_own_rhythm(gap):
    assert next_interval(300, new_items=1, gaps=[gap] * 10) == gap / 2


def test_a_pause_slows_down_but_never_far_from_the_rhythm():
    interval = 300.0
    for _ in range(50):
        interval = next_interval(interval, new_items=0, gaps=[600] * 10)
    assert interval == 1200


def test_without_a_rhythm_it_speeds_up_and_slows_down():
    assert next_interval(300, new_items=5) == 150
    assert next_interval(300, new_items=0) == 450
    assert next_interval(300, new_items=0, claimed_seconds=1800) == 1800


def test_the_operators_rhythm_wins():
    assert next_interval(300, new_items=0, gaps=[50_000] * 9, every_seconds=60) == 60


def test_an_overflow_brings_readings_nearer():
    assert next_interval(3600, new_items=20, gaps=[7200] * 9, overflowed=True) == 900


def test_failures_back_off_to_a_day():
    waits = [next_interval(300, new_items=0, failures=n) for n in (1, 2, 3, 20)]
    assert waits == [600, 1200, 2400, MAX_SECONDS]


def test_a_source_is_silent_after_three_median_intervals():
    assert silent_after([600, 600, 600, 90_000, 600]) == 1800
    assert silent_after([10, 10, 10], interval_seconds=300) == 900
    assert silent_after([]) == 3 * MAX_SECONDS


@pytest.mark.parametrize("shown", [15, 30, 200])
def test_a_source_that_sleeps_at_night_and_at_weekends_is_silent_only_when_it_breaks(shown):
    """Every ten minutes from 7 to 22 o'clock on five days of the week; the feed shows a few hours or a few days of it."""
    start = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)  # a Monday
    published, gaps, reported, read_at = [], [], [], start
    for minute in range(0, 28 * 24 * 60, 10):
        now = start + dt.timedelta(minutes=minute)
        if published and (now - published[-1]).total_seconds() > silent_after(gaps, 600):
            reported.append(now)
        if 7 <= now.hour < 22 and now.weekday() < 5:
            published.append(now)
        gaps = remembered(gaps, gaps_of(published[-shown:]), (now - read_at).total_seconds())
        read_at = now
    monday_morning = dt.datetime(2026, 11, 16, 7, tzinfo=dt.UTC)
    assert not [each for each in reported if each > monday_morning]  # two nights and two weekends are there to learn from
    assert not [each for each in reported if dt.date(2026, 11, 4) < each.date() < dt.date(2026, 11, 7)]
    assert silent_after(gaps, 600, failing=True) == 1800


def test_a_breakdown_is_forgotten_and_never_counts_alone():
    steady = [600.0] * 20
    after = remembered([600.0, 432_000.0, 600.0], steady, 600)
    assert silent_after(after, 300) == 1800
    assert remembered([432_000.0], steady, 28 * 86_400)[0] == 216_000
    assert remembered([432_000.0], [600.0, 432_000.0], 600) == [600.0, 432_000.0]


def test_gaps_are_those_between_publications_in_order():
    moments = [NOW, NOW - HOUR, NOW - HOUR, NOW - 3 * HOUR]
    assert gaps_of(moments) == [7200.0, 3600.0]
    assert gaps_of([]) == gaps_of([NOW]) == []


def test_an_article_is_read_again_after_1_6_and_24_hours():
    waits = [reread_due(NOW, reads) for reads in range(5)]
    assert waits == [None, NOW + HOUR, NOW + 6 * HOUR, NOW + DAY, None]
    assert reread_due(NOW, 1, (60,)) == NOW + dt.timedelta(minutes=1)
    assert reread_due(NOW, 1, ()) is None
