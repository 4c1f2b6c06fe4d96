"""The plumbing behind `copytaster dev …`."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk import plumbing

SHARED = Path(__file__).parents[2].parent / "shared/corpora"
COMMANDS = [plumbing.feed, plumbing.robots, plumbing.url, plumbing.charset, plumbing.sign, plumbing.guard]


def packed(data):
    return base64.b64encode(data).decode()


def test_feed_gives_its_items_with_what_was_printed():
    data = b"""<rss version="2.0"><channel><title>C</title><link>https://c.example/</link><item><title>One</title>
    <guid isPermaLink="false">g1</guid><link>/1</link><pubDate>Mon, 02 Nov 2026 09:30:00 +0330</pubDate>
    <author>a@c.example (Ann)</author><description>&lt;p&gt;Text&lt;/p&gt;</description></item></channel></rss>"""
    answer = plumbing.feed({"data": packed(data), "url": "https://c.example/rss", "content_type": "text/xml"})
    assert (answer["kind"], answer["title"], answer["url"]) == ("rss", "C", "https://c.example/")
    assert answer["items"] == [
        {
            "id": "g1",
            "url": "https://c.example/1",
            "title": "One",
            "published_at": "2026-11-02T09:30:00+03:30",
            "updated_at": None,
            "authors": ["Ann"],
            "text": "Text",
        }
    ]


def test_robots_gives_verdict_delay_and_sitemaps():
    data = b"User-agent: bot\nDisallow: /a\nCrawl-delay: 2\nSitemap: https://c.example/s.xml\n"
    line = {"data": packed(data), "agent": "bot", "url": "https://c.example/a"}
    assert plumbing.robots(line) == {"allowed": False, "crawl_delay": 2.0, "sitemaps": ["https://c.example/s.xml"]}
    assert plumbing.robots({"data": packed(data), "agent": "", "url": ""})["allowed"] is True


def test_url_gives_the_resolved_and_the_canonical_address():
    answer = plumbing.url({"url": "../b?utm_source=x#y", "base": "https://C.example:8443/a/d"})
    assert answer["url"] == "https://c.example:8443/b?utm_source=x#y"
    assert (answer["canonical"], answer["host"]) == ("https://c.example:8443/b", "c.example:8443")
    assert plumbing.url({"url": answer["canonical"]})["id"] == answer["id"]


def test_an_address_that_is_not_http_has_no_canonical_form():
    assert plumbing.url({"url": "mailto:a@c.example"}) == {
        "url": "mailto:a@c.example",
        "canonical": None,
        "host": "",
        "id": None,
    }


def test_charset_gives_name_and_text():
    line = {"data": packed("Порт".encode("koi8-r")), "content_type": "text/html; charset=koi8-r"}
    assert plumbing.charset(line) == {"charset": "KOI8-R", "text": "Порт"}


@pytest.mark.parametrize(
    ("url", "allowed", "reason"),
    [
        ("https://8.8.8.8/", True, None),
        ("http://127.1/", False, "private_address"),
        ("http://①②⑦.⓪.⓪.①/", False, "private_address"),
        ("file:///etc/passwd", False, "bad_url"),
        ("nonsense", False, "bad_url"),
        ("http://nowhere.invalid/", False, "unresolved"),
    ],
)
def test_guard_says_what_is_reached_and_why_not(url, allowed, reason):
    answer = plumbing.guard({"url": url})
    assert (answer["allowed"], answer["reason"]) == (allowed, reason)
    assert answer["addresses"] == (["8.8.8.8"] if allowed else [])


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpus webhook/vectors.json is absent")
def test_signatures_are_those_of_the_standard():
    vectors = json.loads((SHARED / "webhook/vectors.json").read_text())
    for case in vectors:
        assert (plumbing.sign(case)["signature"] == case["signature"]) is case["valid"]
        assert plumbing.sign(case | {"secret": "whsec_" + case["secret"]}) == plumbing.sign(case)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpus urls/urltestdata.json is absent")
def test_urls_and_hosts_are_those_of_the_web_platform_tests():
    wrong = []
    for case in json.loads((SHARED / "urls/urltestdata.json").read_text()):
        if isinstance(case, dict):
            answer = plumbing.url({"url": case["input"], "base": case["base"]})
            if case.get("failure"):
                good = set(answer) == {"error"}
            else:
                good = (answer.get("url"), answer.get("host")) == (case["href"], case["host"])
            wrong += [] if good else [(case, answer)]
    assert wrong == []


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("line", [{}, [], None, "x", {"data": 1}, {"data": "%"}, {"url": 5}, {"url": "\ud800"}])
def test_bad_input_gives_a_sentence(command, line):
    answer = command(line)
    refused = answer.get("reason") if command is plumbing.guard else None
    assert refused or answer["error"].endswith(".")


@pytest.mark.parametrize(
    "line",
    [
        {"secret": "", "timestamp": 1},
        {"secret": "é", "timestamp": 1},
        {"secret": "YQ==", "timestamp": "soon"},
        {"secret": "YQ==", "timestamp": 10**30},
        {"secret": "YQ=="},
        {"secret": "YQ==", "timestamp": 1, "payload": "\ud800"},
    ],
)
def test_a_signature_needs_a_secret_a_time_and_text(line):
    assert set(plumbing.sign(line)) == {"error"}


@given(
    st.sampled_from([plumbing.feed, plumbing.robots, plumbing.charset]),
    st.binary(max_size=200),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_no_line_makes_a_traceback(command, data, url, kind):
    answer = command({"data": packed(data), "url": url, "agent": kind, "content_type": kind})
    json.dumps(answer)
