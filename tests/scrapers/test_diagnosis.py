"""One kind of trouble for each way in which a site can answer with something else than was asked for."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.diagnosis import LOOKED_AT, clean, diagnose, diagnose_empty, evidence_of, is_well_formed, of_reason, title_of
from scrapers.verdicts import Answer

FEED = "https://gazette.example/feed.xml"


def answer(body=b"", **facts):
    return Answer(**{"asked": FEED, "url": FEED, "status": 200, "content_type": "text/html", "body": body} | facts)


def page(title="", body=""):
    return f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>".encode()


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (answer(page("Gazette"), status=403), "blocked"),
        (answer(page("Gazette"), status=429), "blocked"),
        (answer(page("Just a moment..."), status=503), "blocked"),
        (answer(page("Gazette", "<input type='password'>")), "blocked"),
        (answer(page("x", "<script>document.cookie='a=1';location.reload()</script>")), "blocked"),
        (answer(page("Welcome"), url="https://gazette.example/login"), "blocked"),
        (answer(page("Gazette"), url="https://gazette.example/"), "moved"),
        (answer(page("Other"), url="https://other.example/feed.xml"), "moved"),
        (answer(status=404), "moved"),
        (answer(status=410), "moved"),
        (answer(page("gazette.example", "This domain is for sale")), "parked"),
        (answer(page("Buy"), url="https://www.hugedomains.com/domain_profile.cfm?d=gazette"), "parked"),
        (answer(page("Gazette", "<p>news</p>" * 2000)), "malformed"),
        (answer(status=500), "unreachable"),
    ],
)
def test_each_answer_has_its_kind(seen, kind):
    assert diagnose(seen) == kind


def test_a_feed_with_nothing_in_it_is_degraded_and_one_that_is_cut_off_malformed():
    empty = b"<rss version='2.0'><channel><title>x</title></channel></rss>"
    assert diagnose_empty(answer(empty), "feed") == "degraded"  # though its server calls it text/html
    assert diagnose_empty(answer(empty[:30], content_type="application/rss+xml"), "feed") == "malformed"
    assert diagnose_empty(answer(page("Gazette")), "section") == "degraded"
    assert diagnose_empty(answer(page("Gazette")), "feed") == "malformed"


def test_where_nothing_answered_the_reason_says_the_kind():
    assert [of_reason(each) for each in ("dns", "robots_forbid", "too_big", "internal")] == [
        "unreachable",
        "blocked",
        "malformed",
        None,
    ]


@given(st.binary(max_size=3000), st.text(max_size=100))
def test_evidence_is_bounded_and_safe_to_print_whatever_came(body, content_type):
    seen = answer(body, content_type=content_type)
    diagnose(seen)
    diagnose_empty(seen, "feed")
    found = evidence_of(seen)
    for text in (found.title, found.head, found.content_type):
        assert text is None or (text.isprintable() and len(text) <= 200)
    assert clean("a\u202eb\x1b[31m\nc") == "a b [31m c"


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("<title>The  &amp; Gazette</title>", "The & Gazette"),
        ("<TITLE lang=en\n>Gazette</TITLE >", "Gazette"),
        ("<titles>no</titles><title>Gazette</title>", "Gazette"),
        (f"<title>{'x' * 3_000}</title>", None),
        ("<title>never ended", None),
        ("no title", None),
    ],
)
def test_a_title_is_that_of_the_first_tag(said, title):
    assert title_of(f"<html><head>{said}") == title


@pytest.mark.parametrize("piece", ["<title", "<title ", "<title>", "<title></titl"])
def test_titles_that_never_end_cost_no_time(piece):
    page = (piece * LOOKED_AT)[:LOOKED_AT]
    began = time.process_time()
    title_of(page)
    assert time.process_time() - began < 0.2  # it was 2.5 s


def test_whether_a_document_is_whole_is_seen_without_keeping_it():
    assert is_well_formed(b"<rss>" + b"<a/>" * 100_000 + b"</rss>")
    assert not is_well_formed(b"<rss>" + b"<a/>" * 100_000)
    assert is_well_formed(b'{"items": []}\n')
    assert not is_well_formed(b'{"items": [')
