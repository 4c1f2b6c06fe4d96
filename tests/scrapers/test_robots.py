"""What a site lets us fetch."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapers.robots import MAX_BYTES, MAX_RULES, MAX_SITEMAPS, Robots, decide, path_of, product_token

CORPUS = Path(__file__).parents[2].parent / "shared/corpora/robots/vectors.jsonl"

FILE = b"""# News
User-agent: other
User-agent: Copytaster/1.0
Crawl-delay: 2.5
Disallow: /private
Allow: /private/press*.html$
Disallow: /search?q=

User-agent: *
Crawl-delay: 9
Disallow: /

Sitemap: https://news.example/sitemap.xml
Sitemap: /news.xml
"""


@pytest.mark.skipif(not CORPUS.is_file(), reason="the shared corpus robots/vectors.jsonl is absent")
def test_every_vector_of_the_reference_parser_agrees():
    wrong = []
    for line in CORPUS.read_text().splitlines():
        case = json.loads(line)
        robots, agent, url = (bytes.fromhex(case[name]) for name in ("robots", "ua", "url"))
        if Robots.parse(robots, agent.decode()).allowed(url.decode()) != case["allowed"]:
            wrong.append((case["test"], robots, agent, url))
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/private", False),
        ("/private/a", False),
        ("/private/press-1.html", True),
        ("/private/press-1.html?x", False),
        ("/search?q=a", False),
        ("/search", True),
    ],
)
def test_the_longest_rule_decides(path, allowed):
    assert Robots.parse(FILE, "copytaster").allowed(f"https://news.example{path}") is allowed


def test_a_group_of_our_own_hides_the_one_for_everybody():
    assert not Robots.parse(FILE, "somebody").allowed("https://news.example/")
    assert Robots.parse(FILE, "OTHER").allowed("https://news.example/")
    assert Robots.parse(b"User-agent: a\nUser-agent: *\nDisallow: /\nUser-agent: b\n", "b").allowed("http://a/")


def test_delay_and_sitemaps_are_read():
    own, other = (Robots.parse(FILE, agent, "https://news.example/robots.txt") for agent in ("Copytaster", "x"))
    assert (own.delay_seconds, other.delay_seconds) == (2.5, 9.0)
    assert own.sitemaps == other.sitemaps == ("https://news.example/sitemap.xml", "https://news.example/news.xml")


@pytest.mark.parametrize("delay", [b"-1", b"nan", b"inf", b"soon", b""])
def test_a_delay_that_makes_no_sense_is_none(delay):
    assert Robots.parse(b"User-agent: *\nCrawl-delay: " + delay, "a").delay_seconds is None


@pytest.mark.parametrize("page", [b"<html>", b"word", b"", b"\xff\xfe\x00", b":", b": :", b"one two three", b"<a b>"])
def test_a_page_in_its_place_forbids_nothing(page):
    assert Robots.parse(page, "a").allowed("http://a/b")


@pytest.mark.parametrize(
    ("status", "decision"),
    [
        (200, "parse"),
        (204, "parse"),
        (302, "allow_all"),
        (401, "allow_all"),
        (404, "allow_all"),
        (500, "disallow_all"),
        (503, "disallow_all"),
        (None, "disallow_all"),
    ],
)
def test_what_an_answer_means(status, decision):
    assert decide(status) == decision


def test_half_a_rule_at_the_cap_is_not_obeyed():
    head = b"User-agent: *\n"
    rule = b"\nDisallow: /private"
    filler = b"#" * (MAX_BYTES - len(head) - len(rule) + len("private"))
    robots = Robots.parse(head + filler + rule, "a")
    assert robots.allowed("http://a/news")
    assert robots.allowed("http://a/private")


def test_our_name_is_found_in_our_header():
    assert product_token("copytaster/1.0 (+https://news.example/bot)") == "copytaster"
    assert product_token("") == ""


@given(st.text(), st.binary(max_size=300))
def test_no_bytes_and_no_url_crash_it(url, data):
    Robots.parse(b"User-agent: *\nDisallow: /a*b*$\n" + data, "a").allowed(url)
    assert path_of(url).startswith("/")


def test_ten_thousand_rules_and_a_hostile_pattern_cost_milliseconds():
    rules = b"".join(b"Disallow: /a/%d\n" % n for n in range(10_000))
    hostile = b"Disallow: /" + b"a*" * 5_000 + b"b\n"
    robots = Robots.parse(b"User-agent: *\n" + rules + hostile, "a")
    start = time.process_time()
    for _ in range(20):
        assert robots.allowed("http://a/" + "a" * 4_000)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "hostile",
    [
        b"User-agent: *\n" * 17_000 + b"Disallow: /\n" * 20_000,
        (b"User-agent: a\n" * 100 + b"Disallow: /\n" * 100) * 180,
        b"".join(b"User-agent: a%s\n" % bytes([97 + n % 26, 97 + n // 26 % 26]) for n in range(17_000))
        + b"Crawl-delay: 9\n" * 16_000,
        b"User-agent: *\n" + b"".join(b"Allow: /%d\n" % n for n in range(40_000)),
        b"User-agent: *\n" + (b"Disallow: /" + b"*a" * 1_000 + b"$\n") * 240,
        b"".join(b"Sitemap: https://n.example/%d\n" % n for n in range(16_000)),
        b":\n" * 250_000,
    ],
    ids=["agents by rules", "groups", "agents by delays", "rules", "wildcards", "sitemaps", "colons"],
)
def test_no_file_holds_the_crawler_for_a_second(hostile):
    start = time.process_time()
    robots = Robots.parse(hostile, "a", "https://n.example/robots.txt")
    robots.allowed("http://n.example/" + "a" * 2_000)
    assert time.process_time() - start < 1
    assert len(robots.rules) <= MAX_RULES
    assert len(robots.sitemaps) <= MAX_SITEMAPS
