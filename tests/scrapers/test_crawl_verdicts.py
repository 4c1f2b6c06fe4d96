"""What an answer to a fetch means."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected, Transient
from scrapers.troubles import verdict_of
from scrapers.verdicts import Answer, Keep, Refuse, Retry, backoff_seconds, is_above, judge, retry_after_seconds

PAGE = b"<!doctype html><html><body>News</body></html>"
NOW = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
STORY = "https://news.example/world/2026/05/a-bridge-opens"


def answer(**over: object) -> Answer:
    facts = {"asked": STORY, "url": STORY, "status": 200, "content_type": "text/html", "body": PAGE}
    return Answer(**facts | over)  # type: ignore[arg-type]


def test_a_page_is_kept():
    assert judge(answer()) == Keep()


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (404, Refuse, "gone"),
        (410, Refuse, "gone"),
        (401, Retry, "login_wall"),
        (403, Retry, "forbidden"),
        (429, Retry, "rate_limited"),
        (451, Refuse, "forbidden"),
        (500, Retry, "server_error"),
        (503, Retry, "server_error"),
        (418, Refuse, "client_error"),
        (204, Refuse, "not_html"),
    ],
)
def test_each_status_has_its_reason(status, kind, reason):
    verdict = judge(answer(status=status))
    assert isinstance(verdict, kind)
    assert verdict.reason == reason


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_carried_along(status):
    assert judge(answer(status=status, retry_after=120.0)).seconds == 120.0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://news.example/", "soft_404"),
        ("https://www.news.example/en/", "soft_404"),
        ("https://news.example/world/", "soft_404"),
        ("https://news.example/world/2026", "soft_404"),
        ("https://news.example/404.html", "soft_404"),
        ("https://news.example/login?next=/world", "login_wall"),
        ("https://news.example/account/signin", "login_wall"),
    ],
)
def test_a_redirect_away_from_the_article_is_told_apart(url, reason):
    verdict = judge(answer(url=url))
    assert isinstance(verdict, Refuse)
    assert verdict.reason == reason


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        (STORY, STORY + "/"),
        (STORY, "https://www.news.example/world/2026/05/a-bridge-opens"),
        ("https://short.example/x1", STORY),
        ("https://news.example/?p=123", STORY),
        ("https://news.example/world/a-bridge", "https://news.example/world/2026/05/a-bridge-opens"),
        ("https://news.example/?p=123", "https://news.example/?p=123&lang=en"),
    ],
)
def test_a_redirect_to_the_article_is_kept(asked, url):
    assert judge(answer(asked=asked, url=url)) == Keep()


@pytest.mark.parametrize(
    ("content_type", "body", "kept"),
    [
        ("text/html; charset=utf-8", PAGE, True),
        ("application/xhtml+xml", PAGE, True),
        ("", PAGE, True),
        ("text/plain", PAGE, True),
        ("text/plain", b"plain words", False),
        ("application/pdf", b"%PDF-1.7", False),
        ("application/json", b"{}", False),
        ("text/html", b"", False),
    ],
)
def test_only_html_is_read(content_type, body, kept):
    verdict = judge(answer(content_type=content_type, body=body))
    assert verdict == Keep() if kept else verdict.reason == "not_html"


def test_robots_that_cannot_be_had_mean_later_and_a_rule_means_no():
    assert isinstance(verdict_of(Transient("robots.txt answers 503"), STORY), Retry)
    assert verdict_of(Rejected("robots", "not allowed"), STORY) == Refuse("robots", "not allowed")


def test_backoff_grows_and_stays_below_a_day():
    waits = [backoff_seconds(attempt) for attempt in range(1, 12)]
    assert waits[:4] == [60, 240, 960, 3840]
    assert waits == sorted(waits)
    assert waits[-1] == 86_400


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999999999", 86_400.0),
        ("Mon, 04 May 2026 12:01:00 GMT", 60.0),
        ("Mon, 04 May 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_breaks_the_reader(header):
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@given(st.lists(st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True), min_size=1), st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_a_path_lies_below_all_its_parents(parts, leaf):
    path = "/" + "/".join(parts)
    assert is_above(path, f"{path}/{leaf}")
    assert not is_above(f"{path}/{leaf}", path)
    assert not is_above(path, path)
