"""The rhythm by hour of the week: what is expected when, and that pauses are no silence."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers import rhythm
from scrapers.rhythm import Rhythm, expected, found, is_broken, pack, unpack
from tests.scrapers.rhythms import RHYTHMS, lived

MONDAY = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
HOUR, DAY, WEEK = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(weeks=1)


def office(weeks=4):
    """Something at each hour from 9 to 17 o'clock, Monday to Friday."""
    known: Rhythm | None = None
    for day in range(7 * weeks):
        for hour in range(9, 18) if day % 7 < 5 else ():
            known = found(known, MONDAY + day * DAY + hour * HOUR + dt.timedelta(minutes=5))
    assert known is not None
    return known


def test_nights_and_weekends_add_nothing_to_what_is_expected():
    known = office()
    friday = MONDAY + 4 * WEEK + 4 * DAY + 18 * HOUR
    assert expected(known, friday, friday + 62 * HOUR) < 0.1  # until Monday at 8
    tuesday = MONDAY + 4 * WEEK + DAY
    assert expected(known, tuesday + 10 * HOUR, tuesday + 14 * HOUR) == pytest.approx(4, rel=0.15)


def test_a_break_is_seen_within_hours_at_midday_and_on_no_weekend():
    known = office()
    monday = MONDAY + 4 * WEEK
    assert not is_broken(known, monday - 3 * DAY + 17 * HOUR, monday + 9 * HOUR)
    assert not is_broken(known, monday + 10 * HOUR, monday + 11.5 * HOUR)
    assert is_broken(known, monday + 10 * HOUR, monday + 14 * HOUR)


def test_a_clock_that_is_put_forward_is_no_break():
    known = office()
    monday = MONDAY + 4 * WEEK
    assert not is_broken(known, monday - 3 * DAY + 17.1 * HOUR, monday + 10.1 * HOUR)


def test_little_is_known_at_first():
    assert not Rhythm.starting(MONDAY).is_ripe
    assert expected(Rhythm.starting(MONDAY), MONDAY, MONDAY + WEEK) == 0
    assert not office(weeks=1).is_ripe
    assert office(weeks=3).is_ripe
    assert not office(weeks=3).is_sure
    assert office(weeks=5).is_sure


def test_a_new_timetable_is_learnt_within_weeks():
    known = office()
    for day in range(6 * 7):
        known = found(known, MONDAY + 4 * WEEK + day * DAY + 22 * HOUR)
    night = MONDAY + 10 * WEEK
    assert expected(known, night + 9 * HOUR, night + 17 * HOUR) < 4  # were 8
    assert expected(known, night + 21 * HOUR, night + 24 * HOUR) > 0.4


def test_a_breakdown_makes_nobody_deaf():
    known = office()
    before = known.allowed
    for week in (4, 6):
        known = found(known, MONDAY + week * WEEK + 4 * DAY + 12 * HOUR)
        known = found(known, MONDAY + week * WEEK + 4 * DAY + 13 * HOUR)
    assert known.allowed < 8 * before


def test_what_nobody_looked_at_teaches_nothing():
    known = office()
    later = known.until + 3 * DAY
    unseen = found(known, later, unseen_seconds=(3 * DAY).total_seconds())
    assert unseen.weight == pytest.approx(known.weight)
    assert unseen.pauses[0] <= known.pauses[0]
    assert found(known, later).pauses[0] > known.pauses[0]


def test_a_clock_that_was_set_back_costs_nothing_of_what_was_learnt():
    known = office()
    again = found(known, known.until - HOUR)
    assert (again.until, again.weight) == (known.until - HOUR, known.weight)
    assert again.pauses == known.pauses


def test_it_is_packed_in_the_same_small_space_whatever_it_holds():
    known = office()
    again = unpack(pack(known))
    assert again is not None
    assert len(pack(known)) == len(pack(Rhythm.starting(MONDAY))) < 720
    assert again.until == known.until
    assert again.allowed == pytest.approx(known.allowed, rel=1e-5)
    assert expected(again, MONDAY, MONDAY + WEEK) == pytest.approx(expected(known, MONDAY, MONDAY + WEEK), rel=1e-5)


@pytest.mark.parametrize("data", [None, b"", b"\x00" * 705, b"short", pack(Rhythm.starting(MONDAY)) + b"more"])
def test_what_another_release_wrote_is_learnt_anew(data):
    assert unpack(data) is None


def test_years_of_finds_stay_within_bounds():
    known = None
    for week in range(600):
        known = found(known, MONDAY + week * WEEK)
    assert known is not None
    assert known.weight < 10 * rhythm._MOST_WEIGHT
    assert expected(known, MONDAY, MONDAY + 10 * WEEK) == pytest.approx(10, rel=0.1)


@given(st.lists(st.floats(1, 3e6), min_size=1, max_size=60), st.floats(0, 1e7), st.floats(0, 1e7))
def test_what_is_expected_only_grows(gaps, sooner, later):
    known, now = None, MONDAY
    for gap in gaps:
        now += dt.timedelta(seconds=gap)
        known = found(known, now)
    assert known is not None
    first, second = (expected(known, now, now + dt.timedelta(seconds=each)) for each in sorted((sooner, later)))
    assert 0 <= first <= second + 1e-6
    assert known.allowed >= rhythm.ENOUGH


# break seen within so many days in the middle, as the docs say; and for nothing reported, once two weeks are known
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "days"),
    [(name, days) for name, days in zip(RHYTHMS, (0.3, 1.2, 1.6, 3.1, 5.2, 21.5), strict=True)],
)
def test_a_break_is_seen_soon_and_twelve_weeks_without_one_bring_no_report(name, days):
    reader, breaks = lived(RHYTHMS[name], weeks=12, seed=7)
    assert breaks
    assert sorted(breaks)[len(breaks) // 2] / 86_400 <= days
    assert [day for day in reader.false if day > 14] == []
