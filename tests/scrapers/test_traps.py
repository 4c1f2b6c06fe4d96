"""Addresses of which there is no end, and those that only look so."""

import datetime as dt

import pytest

from copytaster.news import Link, LinkId
from copytaster.urls import url_id
from scrapers.traps import as_first_found, session_of, trap_of

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
HOST = "https://gazette.example"


def link(path):
    url = f"{HOST}{path}"
    return Link(id=LinkId(url_id(url)), url=url)


@pytest.mark.parametrize(
    ("path", "trap"),
    [
        ("/a/a/a", "repeated_path"),
        ("/news/a/b/a/b/a/b/story.html", "repeated_path"),
        ("/a/b/c/a/b/c/a/b/c/", "repeated_path"),
        ("/calendar/2026/11/29", "calendar"),
        ("/events/month/2031-05/", "calendar"),
        ("/kalender?month=5&year=2031", "calendar"),
        ("/events/?tribe-bar-date=2026-11-29", "calendar"),
        ("/day/2031/05/12", "calendar"),
        ("/a/a/story", None),
        ("/11/11/11/poppies-are-worn", None),
        ("/2026/11/29/a-bridge-opens", None),
        ("/briefing/2026-11-29", None),
        ("/2026/11/29/", None),
        ("/events/2026/11/29/a-concert-in-the-park", None),
        ("/calendar/what-to-do-this-week", None),
        ("/news?date=2026-11-29", None),
        ("/wall/wall/street", None),
    ],
)
def test_a_trap_is_told_by_its_address(path, trap):
    assert trap_of(link(path), NOW) == trap


@pytest.mark.parametrize("form", ["/story-{}?token={}", "/(S({1}))/story-{0}", "/s/{1}/story-{0}.html"])
def test_links_under_a_new_session_are_those_found_first(form):
    old, new = "4f8ac1d7e09b2c3d", "0a1b2c3d4e5f6a7b"
    before = [link(form.format(n, old)) for n in range(6)]
    now = [link(form.format(n, new)) for n in range(1, 7)]
    token = session_of([each.url for each in now])
    assert token == new
    found = as_first_found(now, token, {each.id: each.url for each in before})
    assert [each.id for each in found[:5]] == [each.id for each in before[1:]]
    assert found[5] == now[5]  # it is new


def test_the_hashes_of_articles_are_no_session():
    assert session_of([f"{HOST}/story/{n:015x}a" for n in range(10)]) is None
    assert session_of([f"{HOST}/story-{n}?token=4f8ac1d7e09b2c3d" for n in range(3)]) is None  # too few to tell
    assert session_of([f"{HOST}/a-story-of-{n}-bridges" for n in range(9)]) is None
    assert session_of([]) is None
