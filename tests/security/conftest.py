"""What the tests of what may be reached share: the canary, and sites on loopback addresses that stand for public ones."""

import pytest
from pytest_httpserver import HTTPServer

from copytaster.guard import Guard
from tests.security.canary import ALLOWED, canary


@pytest.fixture
def unreached():
    """The canary; the test fails where anything came to it."""
    with canary() as made:
        yield made
    assert made.hits == []


@pytest.fixture
def reached():
    """The canary for a test's own counter-check, in which it is to be reached."""
    with canary() as made:
        yield made


@pytest.fixture(scope="module")
def outside_server():
    with HTTPServer(host="0.0.0.0", port=0, threaded=True) as server:
        yield server


@pytest.fixture
def outside(outside_server):
    """A site that the guard lets through; bound to every loopback address, of which the guard allows some."""
    outside_server.clear()
    return outside_server


@pytest.fixture
def guard():
    return Guard([ALLOWED])
