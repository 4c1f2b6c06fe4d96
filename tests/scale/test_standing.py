"""What is said of all sources together is what is said of each."""

from collections import Counter

import pytest

from copytaster.store import health
from copytaster.store.health import health_state
from desk.listing import every_source, every_watch
from tests.scale.filling import Size, fill

SIZE = Size().part(80)


@pytest.fixture
def filled(store):
    fill(store, SIZE)
    return store


def test_sources_counted_by_health_are_those_that_the_list_shows(filled):
    listed = list(every_source(filled))
    with filled.read() as tx:
        assert health.counts(tx) == Counter(map(health_state, listed))
    assert len(listed) > 2 * health.PAGE
    assert sorted(listed, key=lambda each: (each.name, each.id)) == listed
    assert len({each.id for each in listed}) == len(listed)


def test_the_worst_come_first_and_none_of_them_is_left_out_for_a_well_one(filled):
    with filled.read() as tx:
        worst = health.worst_sources(tx, limit=30)
        few = health.worst_sources(tx, limit=2_000)
    assert len(worst) == 30
    assert {health_state(each) for each in worst} <= set(health.TROUBLE)
    states = [health_state(each) in health.TROUBLE for each in few]
    assert states == sorted(states, reverse=True)
    assert not all(states)


def test_every_watch_is_listed_once_with_its_channels(filled):
    listed = list(every_watch(filled))
    assert len({watch.id for watch, _ in listed}) == len(listed) == SIZE.watches - SIZE.watches // 100 - (SIZE.watches % 100 >= 7)
    assert all(len(channels) == 1 for _, channels in listed)
