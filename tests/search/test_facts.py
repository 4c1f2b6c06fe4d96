"""Facts for Kibana: their names, their documents, and that nothing secret is in them."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.news import Printed
from search.facts import Alert, EndpointState, Refused, SourceState, alias_of, channel_kind, expired, index_of, month_of, patterns
from search.facts_mapping import mappings
from tests.deploy.known_fields import known_fields

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def alert(**changes):
    plain = {"delivery_id": 7, "sent_at": NOW, "kind": "instant", "channel": "mail", "watch_id": "w", "watch_name": "Bridge"}
    return Alert(**{**plain, "story_id": "s", "article_id": "a", **changes})


def refused(**changes):
    plain = {"stage": "fetch", "key": "k", "reason": "robots", "detail": "It may not be fetched.", "url": "https://a.example/1"}
    return Refused(**{**plain, "attempts": 2, "refused_at": NOW, **changes})


def source(**changes):
    plain = {
        "source_id": "x",
        "name": "X",
        "host": "x.example",
        "state": "ok",
        "at": NOW,
        "added_at": NOW - dt.timedelta(hours=1),
    }
    times = dict.fromkeys(("baseline_at", "found_at", "silent_at", "silent_reason"))
    return SourceState(**{**plain, **times, "endpoints": (), **changes})


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("mailto:anna@example.org", "mail"),
        ("https://hooks.example/hunter2", "webhook"),
        ("HTTP://hooks.example/hunter2", "webhook"),
        ("tgram://hunter2/1", "tgram"),
        ("slack://hunter2@work/#room", "slack"),
        ("", "other"),
        ("anna@example.org:25", "other"),
    ],
)
def test_of_a_channel_only_the_scheme_is_told(url, kind):
    assert channel_kind(url) == kind


@given(st.text(), st.text(min_size=1))
def test_whatever_follows_a_channel_s_scheme_is_never_told(scheme, rest):
    told = channel_kind(f"{scheme}:{rest}")
    assert told in {"mail", "webhook", "other", scheme.lower().partition(":")[0]}
    assert ":" not in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("https://a.example/feed?key=hunter2 answers 403: it blocks us.", "a.example answers 403: it blocks us."),
        ("https://a.example/hunter2: no feed (see http://b.example/hunter2).", "a.example: no feed (see b.example)."),
        ("Proxy http://me:hunter2@proxy.example:3128", "Proxy proxy.example"),
        ("It leads to http://[hunter2", "It leads to …"),
        ("Nothing new for 3 h; usually something comes every 10 min.",) * 2,
    ],
)
def test_of_an_address_in_a_sentence_only_the_host_is_told(said, told):
    endpoint = EndpointState(
        kind="feed", host="a.example", interval_seconds=600.0, readings=1, failures=1, overflows=0, read_at=None, last_error=said
    )
    shown = source(silent_reason=said, endpoints=(endpoint,)).document()["copytaster"]
    assert shown["silent_reason"] == shown["endpoints"][0]["last_error"] == told
    assert refused(detail=said).document()["copytaster"]["detail"] == told


def test_an_alert_says_how_long_it_took():
    made = alert(
        found_at=NOW - dt.timedelta(seconds=9),
        read_at=NOW - dt.timedelta(seconds=4),
        published=Printed(NOW - dt.timedelta(minutes=3)),
        url="https://a.example/1",
    ).document()
    assert made["@timestamp"] == NOW.isoformat()
    assert made["url"] == {"full": "https://a.example/1", "domain": "a.example"}
    took = {name: value for name, value in made["copytaster"].items() if name.startswith("seconds_")}
    assert took == {"seconds_to_alert": 9.0, "seconds_from_reading": 4.0, "seconds_from_publication": 180.0}


def test_a_day_alone_says_nothing_about_seconds():
    assert "seconds_from_publication" not in alert(published=Printed(NOW, precision="day")).document()["copytaster"]


def test_what_retention_took_is_left_out_of_an_alert():
    made = alert().document()
    assert "url" not in made
    assert None not in made["copytaster"].values()


def test_a_refused_delivery_keeps_its_receiver_to_itself():
    made = refused(stage="deliver", url="tgram://hunter2/1", detail="tgram://hunter2/1 is gone").document()
    assert "hunter2" not in str(made)
    assert made["copytaster"]["channel"] == "tgram"
    assert refused().document()["copytaster"]["detail"] == "It may not be fetched."


def test_what_is_refused_again_is_another_fact():
    assert refused().id != refused(refused_at=NOW + dt.timedelta(seconds=1)).id
    assert refused().id == refused(detail="said otherwise").id


def test_a_source_that_never_found_anything_is_as_old_as_its_adding():
    assert source().document()["copytaster"]["freshness_seconds"] == 3600
    assert source(found_at=NOW - dt.timedelta(seconds=5)).document()["copytaster"]["freshness_seconds"] == 5


@pytest.mark.parametrize(
    ("fact", "index"),
    [
        (alert(), "copytaster-alerts-2026.11"),
        (refused(refused_at=NOW.replace(month=1)), "copytaster-refusals-2026.01"),
        (source(), "copytaster-sources"),
    ],
)
def test_a_fact_goes_where_its_month_is(fact, index):
    assert index_of(fact) == index


@pytest.mark.parametrize("fact", [alert(url="https://a.example/1"), refused(), refused(stage="deliver"), source()])
def test_every_field_of_a_fact_is_in_its_mapping(fact):
    kind = {"Alert": "alerts", "Refused": "refusals", "SourceState": "sources"}[type(fact).__name__]
    known = known_fields(mappings(kind))
    assert set(flat(fact.document())) - {"copytaster.endpoints"} <= set(known)


def flat(part, prefix=""):
    for name, value in part.items():
        yield from flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [f"{prefix}{name}"]


def test_two_installations_share_a_cluster_without_meeting():
    assert patterns() == ["copytaster-alerts*", "copytaster-refusals*", "copytaster-sources*"]
    assert alias_of("alerts", "paris") == "copytaster.paris-alerts"


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True), min_size=2, max_size=2, unique=True))
def test_no_two_names_of_installations_give_one_name_of_an_index(names):
    first, second = ({alias_of(kind, name) for kind in ("alerts", "refusals", "sources")} | {name} for name in names)
    assert not first & second


@given(st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)), st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)))
def test_a_month_is_dropped_only_when_its_last_instant_is_too_old(day, limit):
    name = f"copytaster-alerts-{day:%Y.%m}"
    before = dt.datetime.combine(limit, dt.time(), dt.UTC)
    assert month_of(name) == dt.datetime(day.year, day.month, 1, tzinfo=dt.UTC)
    assert (name in expired([name], before=before)) == ((day.year, day.month) < (limit.year, limit.month))


@pytest.mark.parametrize("name", ["copytaster-sources", "copytaster-alerts-2026.13", "articles-2026.11-1"])
def test_what_is_no_month_is_never_dropped(name):
    assert expired([name], before=NOW + dt.timedelta(days=9999)) == []
