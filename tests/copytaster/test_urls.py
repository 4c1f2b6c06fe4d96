"""What makes two addresses one article."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected
from copytaster.urls import host_of, normalize, resolve, same_site, url_id

CORPUS = Path(__file__).parents[2].parent / "shared/corpora/urls/urltestdata.json"

PARTS = st.text(alphabet="abcXYZ019-._~%/;=&?+ é中#@:\\", max_size=30)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://WWW.Example.COM:443/a", "https://www.example.com/a"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com./a", "http://example.com/a"),
        ("http://user:secret@example.com:8080/a", "http://example.com:8080/a"),
        ("https://example.com/a/./b/../c#part", "https://example.com/a/c"),
        ("https://example.com/a?", "https://example.com/a"),
        ("https://example.com/a/?utm_source=rss&UTM_Medium=feed", "https://example.com/a/"),
        ("https://example.com/a?id=3&fbclid=x&gclid=y&mc_cid=z", "https://example.com/a?id=3"),
        ("https://example.com/a?%75tm_source=x&b=1", "https://example.com/a?b=1"),
        ("https://example.com/a;jsessionid=AB12.n1/b;v=2", "https://example.com/a/b;v=2"),
        ("https://example.com/a/.;sid=1/b", "https://example.com/a/b"),
        ("https://example.com/a?PHPSESSID=0123456789abcdef&p=1", "https://example.com/a?p=1"),
        ("https://example.com/a?sid=0123456789abcdef0", "https://example.com/a"),
        ("https://example.com/%7euser/%e2%82%ac", "https://example.com/~user/%E2%82%AC"),
        ("https://example.com/€", "https://example.com/%E2%82%AC"),
        ("https://пример.рф/новость", "https://xn--e1afmkfd.xn--p1ai/%D0%BD%D0%BE%D0%B2%D0%BE%D1%81%D1%82%D1%8C"),
        ("https://example.com/a?&b=1&&c=", "https://example.com/a?b=1&c="),
    ],
)
def test_noise_leaves_the_address(url, normal):
    assert normalize(url) == normal


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a?b=2&a=1",  # order may be signed
        "https://example.com/a?sid=12",  # a section, not a session
        "https://example.com/a?ref=12345",
        "https://example.com/forum.php?mod=viewthread&tid=4",
        "https://example.com/a?cmp",
        "https://example.com/article/amp/",
        "https://example.com/a%2Fb",
        "http://example.com//a//b",
    ],
)
def test_what_may_carry_meaning_stays(url):
    assert normalize(url) == url


def test_half_a_character_is_read_as_a_browser_reads_it():
    assert resolve("http://example.com/\ud800x") == "http://example.com/%EF%BF%BDx"


def test_a_relative_address_is_read_against_its_base():
    assert normalize("../b?x=1#top", "https://example.com/a/c/d") == "https://example.com/a/b?x=1"


@pytest.mark.parametrize("url", ["", "example.com/a", "http://", "http://a b/", "http://\ud800/", "http://a\x00b/"])
def test_a_bad_url_is_refused_with_one_sentence(url):
    with pytest.raises(Rejected) as refused:
        normalize(url)
    assert refused.value.reason == "bad_url"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", ["mailto:a@example.com", "javascript:alert(1)", "file:///etc/passwd", "ftp://a/b"])
def test_only_http_is_read(url):
    with pytest.raises(Rejected, match="not an http"):
        normalize(url)


def test_an_endless_address_is_refused():
    with pytest.raises(Rejected, match="longer than"):
        normalize("https://example.com/" + "a/" * 4000)


@given(PARTS, st.sampled_from(["http://example.com/", "https://a.b.:8080/x/?", "http://u@h:80/"]))
def test_the_normal_form_is_its_own_normal_form(tail, start):
    normal = normalize(start + tail)
    assert normalize(normal) == normal
    assert resolve(normal) == normal


@given(PARTS, st.sampled_from(["utm_source=a", "fbclid=b", "utm_medium=c&utm_campaign=d"]))
def test_tracking_changes_no_id(path, noise):
    path = path.translate({ord(mark): None for mark in "?#"}) + "x"
    plain = f"https://example.com/{path}"
    assert url_id(normalize(plain)) == url_id(normalize(f"{plain}?{noise}"))


def test_an_id_is_short_and_stable():
    assert url_id("https://example.com/") == "0f115db062b7c0dd030b16878c99dea5"
    assert url_id("https://example.com/a") != url_id("https://example.com/A")


def test_hosts_are_read_as_a_browser_reads_them():
    assert host_of("https://User@WWW.Example.com.:81/a") == "www.example.com"
    assert host_of("http://①②⑦.⓪.⓪.①/") == "127.0.0.1"


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("https://news.bbc.co.uk/a", "http://www.bbc.co.uk/b", True),
        ("https://a.co.uk/", "https://b.co.uk/", False),
        ("https://a.github.io/", "https://b.github.io/", False),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8002/", True),
        ("http://127.0.0.1/", "http://127.0.0.2/", False),
        ("http://localhost/", "http://localhost:81/", True),
    ],
)
def test_one_site_is_one_registrable_domain(first, second, same):
    assert same_site(first, second) is same


def test_every_url_of_the_web_platform_tests_is_read_as_a_browser_does():
    if not CORPUS.is_file():
        pytest.skip("the shared corpus urls/urltestdata.json is absent")
    wrong = []
    for case in json.loads(CORPUS.read_text()):
        if isinstance(case, str):
            continue
        base = case["base"]
        try:
            href = resolve(case["input"], base)
        except Rejected:
            href = None
        if href != (None if case.get("failure") else case["href"]):
            wrong.append((case["input"], base, href))
    assert wrong == []
