"""The planner's promises: nobody is told twice, nothing is lost in a digest, quiet hours hold but never drop."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.watches import Channel, Delivery, Quiet, Watch
from workers import planner

ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Tehran", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
NOON = dt.datetime(2026, 6, 10, 12, 0, tzinfo=dt.UTC)
instants = st.integers(1_230_768_000, 1_924_991_999).map(lambda second: dt.datetime.fromtimestamp(second, dt.UTC))
walls = st.times().map(lambda wall: wall.replace(second=0, microsecond=0))
quiets = st.builds(Quiet, start=walls, end=walls, zone=st.sampled_from(ZONES))


def watch(**changes):
    return Watch(**{"id": "w", "owner_id": "o", "name": "n", "query": "q", "created_at": NOON} | changes)


def plan(of, now, *, late=False, baseline=False, backfill=False):
    return planner.plan_delivery(of, now=now, late=late, baseline=baseline, backfill=backfill)


def delivery(number, channel="c", kind="instant", watch_id="w"):
    return Delivery(
        id=number,
        watch_id=watch_id,
        story_id=f"s{number}",
        channel_id=channel,
        article_id="a",
        revision=1,
        state="pending",
        kind=kind,
        due_at=NOON,
        created_at=NOON,
    )


def is_quiet(moment, quiet):
    wall = moment.astimezone(ZoneInfo(quiet.zone)).time()
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


def test_an_instant_watch_is_told_now():
    assert plan(watch(), NOON) == planner.Intent("instant", NOON)


@pytest.mark.parametrize("marked", ["baseline", "backfill"])
def test_baseline_and_backfill_alert_nobody(marked):
    assert plan(watch(), NOON, **{marked: True}) is None


def test_a_muted_watch_is_silent_until_the_mute_ends_and_no_longer():
    muted = watch(muted_until=NOON)
    assert plan(muted, NOON - dt.timedelta(seconds=1)) is None
    assert plan(muted, NOON) == planner.Intent("instant", NOON)


def test_a_late_item_waits_for_the_late_digest_whatever_the_rhythm():
    for digest in ("instant", "hourly", "daily"):
        intent = plan(watch(digest=digest, zone="Asia/Tehran"), NOON, late=True)
        assert intent is not None
        assert intent.kind == "late"
        assert intent.due_at.astimezone(ZoneInfo("Asia/Tehran")).time() == planner.DAILY_AT


@given(instants, st.sampled_from(ZONES))
def test_a_daily_digest_leaves_within_a_day_at_the_watchs_own_morning(now, zone):
    due_at = plan(watch(digest="daily", zone=zone), now).due_at
    local = due_at.astimezone(ZoneInfo(zone))
    assert dt.timedelta(0) < due_at - now <= dt.timedelta(hours=25)
    assert local.time() == planner.DAILY_AT


@given(instants, st.sampled_from([zone for zone in ZONES if zone != "Australia/Lord_Howe"]))  # shifts by half an hour
def test_an_hourly_digest_leaves_within_the_hour_at_a_full_hour_of_the_zone(now, zone):
    due_at = plan(watch(digest="hourly", zone=zone), now).due_at
    local = due_at.astimezone(ZoneInfo(zone))
    assert dt.timedelta(0) < due_at - now <= dt.timedelta(hours=1)
    assert (local.minute, local.second, local.microsecond) == (0, 0, 0)


@given(instants, quiets)
def test_quiet_hours_hold_to_their_end_and_never_longer(now, quiet):
    due_at = plan(watch(quiet=quiet), now).due_at
    assert due_at >= now
    assert not is_quiet(due_at, quiet)
    if not is_quiet(now, quiet):
        assert due_at == now
        return
    # Everything between is quiet, but for the hour around a clock change in which the end itself does not exist.
    steps = int((due_at - now) / dt.timedelta(minutes=30))
    loud = [step for step in range(steps) if not is_quiet(now + step * dt.timedelta(minutes=30), quiet)]
    assert len(loud) <= 2
    assert due_at - now <= dt.timedelta(hours=25)


def test_quiet_hours_over_the_spring_clock_change_end_by_the_new_clock():
    quiet = Quiet(start=dt.time(22), end=dt.time(7), zone="Europe/London")
    before = dt.datetime(2026, 3, 28, 23, 0, tzinfo=dt.UTC)
    assert plan(watch(quiet=quiet), before).due_at == dt.datetime(2026, 3, 29, 6, 0, tzinfo=dt.UTC)


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_end_at_the_next_end():
    quiet = Quiet(
        start=dt.time(22), end=dt.time(1, 30), zone="Europe/London"
    )  # on 25 October 2026 01:30 comes at 00:30 and 01:30 UTC
    first, second = (dt.datetime(2026, 10, 25, hour, 15, tzinfo=dt.UTC) for hour in (0, 1))
    assert plan(watch(quiet=quiet), first).due_at == first + dt.timedelta(minutes=15)
    assert plan(watch(quiet=quiet), second).due_at == second + dt.timedelta(minutes=15)


def test_a_digest_that_falls_in_quiet_hours_waits_for_their_end():
    quiet = Quiet(start=dt.time(7), end=dt.time(9), zone="UTC")
    assert plan(watch(digest="daily", quiet=quiet), NOON).due_at == dt.datetime(2026, 6, 11, 9, tzinfo=dt.UTC)


def test_a_zone_that_the_machine_does_not_know_loses_no_alert():
    assert plan(watch(digest="hourly", zone="Mars/Olympus"), NOON).due_at == NOON + dt.timedelta(hours=1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["c1", "c2", "c3"]), st.sampled_from(["instant", "digest", "late"]), st.sampled_from(["w1", "w2"])
        ),
        max_size=150,
    ),
    st.integers(1, 8),
    st.integers(1, 60),
)
def test_every_delivery_is_in_exactly_one_message_of_its_own_channel(shape, burst, cap):
    due = [delivery(number, *each) for number, each in enumerate(shape)]
    groups = planner.plan_messages(due, digests={"w1": "hourly", "w2": "daily"}, burst=burst, cap=cap)
    assert sorted(each.id for group in groups for each in group.deliveries) == list(range(len(shape)))
    for group in groups:
        assert 1 <= len(group.deliveries) <= cap
        assert {each.channel_id for each in group.deliveries} == {group.channel_id}
        if group.kind in ("hourly", "daily"):
            assert {each.watch_id for each in group.deliveries} == {"w1" if group.kind == "hourly" else "w2"}


def test_a_few_instants_travel_alone_and_a_burst_travels_together():
    few = planner.plan_messages([delivery(number) for number in range(planner.BURST)])
    assert [(group.kind, len(group.deliveries)) for group in few] == [("instant", 1)] * planner.BURST
    many = planner.plan_messages([delivery(number) for number in range(120)])
    assert [(group.kind, len(group.deliveries)) for group in many] == [("burst", 50), ("burst", 50), ("burst", 20)]


def test_the_schedule_is_that_of_standard_webhooks_and_then_the_channel_is_given_up():
    rng = random.Random(3)
    waits = []
    for attempts in range(1, 11):
        at = planner.next_attempt(attempts, "transient", NOON, retry_after=None, rng=rng)
        waits.append(None if at is None else (at - NOON).total_seconds())
    assert waits[-1] is None
    for wait, scheduled in zip(waits[:-1], [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], strict=True):
        assert scheduled <= wait <= scheduled * 1.2


@given(st.integers(1, 9), st.floats(allow_nan=False), st.integers())
def test_a_receiver_may_ask_for_a_longer_wait_but_neither_a_shorter_one_nor_silence(attempts, asked, seed):
    at = planner.next_attempt(attempts, "transient", NOON, retry_after=asked, rng=random.Random(seed))
    wait = (at - NOON).total_seconds()
    assert wait >= planner.SCHEDULE[attempts]
    assert wait >= min(asked, 86_400) - 1e-6
    assert wait <= 86_400 * 1.2


def test_what_is_refused_for_good_is_not_tried_again():
    assert planner.next_attempt(1, "permanent", NOON, retry_after=None, rng=random.Random(1)) is None


@pytest.mark.parametrize(
    ("edited", "matched_before", "alerted", "expected"),
    [
        (False, False, False, True),  # the first article of a story that matches
        (False, True, False, True),  # a copy of what was only baseline or mute
        (False, True, True, False),  # a later copy
        (True, False, False, True),  # an edit that brought the words in
        (True, True, False, False),  # an edit of a baseline article
        (True, True, True, False),
        (True, False, True, False),  # an edit makes a copy match whose story was told
    ],
)
def test_a_story_alerts_once_and_an_edit_only_where_its_words_are_new(edited, matched_before, alerted, expected):
    assert planner.needs_alert(edited=edited, matched_before=matched_before, alerted=alerted) is expected


def test_the_owner_is_told_by_another_channel_that_works_mail_first():
    def channel(name, url, owner="o", state="active"):
        return Channel(id=name, owner_id=owner, url=url, secret="s", state=state)

    failed = channel("1", "https://a.example/")
    others = [
        channel("2", "mailto:x@a.example", owner="somebody else"),
        channel("3", "mailto:x@a.example", state="disabled"),
        channel("4", "https://b.example/"),
        channel("5", "mailto:y@a.example"),
    ]
    assert planner.fallback_channel(failed, [failed, *others]) == others[3]
    assert planner.fallback_channel(failed, [failed, *others[:3]]) == others[2]
    assert planner.fallback_channel(failed, [failed, *others], {others[2].id}) == others[2], "one that works before mail"
    assert planner.fallback_channel(failed, [failed, *others[:2]]) is None
