"""Hints are lost, rows are not: what the reconciler sends, and when it holds back."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Transient
from workers.reconciler import DEEP, MOST_HINTS, Reconciler, plan_hints


@given(st.integers(0, 100_000), st.integers(0, 1_000))
def test_hints_are_bounded_and_never_pile_up(due, depth):
    sent = plan_hints(due, depth)
    assert 0 <= sent <= min(due, MOST_HINTS)
    assert depth + sent <= max(DEEP, depth)


@given(st.integers(1, 100_000))
def test_work_that_is_due_gets_a_hint_when_the_queue_is_empty(due):
    assert plan_hints(due, 0) >= 1


def test_a_broker_that_cannot_be_asked_gets_no_hints():
    assert plan_hints(10, None) == 0


class Broken:
    """A store that is away, which a real one can't be told to be at the right moment."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)

    def write(self):
        self.asked.release()
        raise Transient("The database is away.")


@pytest.mark.timeout(20)
def test_a_store_that_is_away_is_asked_again():
    store, stop = Broken(), threading.Event()
    reconciler = Reconciler(store=store, hints=None, every_seconds=0.01, chores=lambda: None, note=lambda: None)
    runner = threading.Thread(target=reconciler.run, args=(stop,))
    runner.start()
    assert all(store.asked.acquire(timeout=5) for _ in range(3))
    stop.set()
    runner.join(5)
    assert not runner.is_alive()
