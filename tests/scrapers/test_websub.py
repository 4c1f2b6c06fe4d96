"""WebSub's pure parts."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected
from scrapers.discovery.feed import FeedDocument
from scrapers.discovery.websub import LEASE_SECONDS, Offer, is_genuine, offer_of, request_form, verify_intent

TOPIC = "https://news.example/rss"
OFFER = Offer("https://hub.example/", TOPIC)
ASKED = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "c1", "hub.lease_seconds": "864000"}


def test_a_feed_names_its_hub_and_itself():
    document = FeedDocument(kind="rss", hub="/hub", topic=TOPIC)
    assert offer_of(document, None, TOPIC) == Offer("https://news.example/hub", TOPIC)


def test_the_header_goes_before_the_document():
    header = '<https://hub.example/>; rel="hub", <https://news.example/feed>; title="a, b"; rel=self, <https://x/>; rel=hub'
    document = FeedDocument(kind="rss", hub="https://other.example/", topic=TOPIC)
    assert offer_of(document, header, TOPIC) == Offer("https://hub.example/", "https://news.example/feed")


def test_a_feed_that_does_not_name_itself_is_its_address():
    assert offer_of(FeedDocument(kind="rss", hub="https://hub.example/"), None, TOPIC) == OFFER


@pytest.mark.parametrize("hub", [None, "", "javascript:alert(1)", "mailto:a@b.example"])
def test_without_a_hub_there_is_no_offer(hub):
    assert offer_of(FeedDocument(kind="rss", hub=hub), None, TOPIC) is None


def test_a_subscription_asks_with_a_secret_and_a_lease():
    form = request_form(OFFER, "https://us.example/websub/k1", "s3cret")
    assert form == {
        "hub.mode": "subscribe",
        "hub.topic": TOPIC,
        "hub.callback": "https://us.example/websub/k1",
        "hub.lease_seconds": str(LEASE_SECONDS),
        "hub.secret": "s3cret",
    }
    assert "hub.secret" not in request_form(OFFER, "https://us.example/k", "s3cret", mode="unsubscribe")


def test_a_secret_that_is_too_long_is_refused():
    with pytest.raises(Rejected):
        request_form(OFFER, "https://us.example/k", "é" * 100)


def test_what_we_asked_for_is_confirmed():
    verified = verify_intent(ASKED, topic=TOPIC, wanted="subscribe")
    assert (verified.challenge, verified.lease_seconds) == ("c1", 864_000)


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, None),
        ({}, "unsubscribe"),
        ({"hub.mode": "unsubscribe"}, "subscribe"),
        ({"hub.topic": "https://evil.example/"}, "subscribe"),
        ({"hub.challenge": ""}, "subscribe"),
        ({"hub.mode": ""}, "subscribe"),
    ],
)
def test_what_we_did_not_ask_for_is_not_confirmed(changed, wanted):
    with pytest.raises(Rejected) as refused:
        verify_intent(ASKED | changed, topic=TOPIC, wanted=wanted)
    assert refused.value.reason == "not_asked"


def test_a_denial_says_why():
    with pytest.raises(Rejected, match="too many") as refused:
        verify_intent({"hub.mode": "denied", "hub.topic": TOPIC, "hub.reason": "too many"}, topic=TOPIC, wanted="subscribe")
    assert refused.value.reason == "denied"


@pytest.mark.parametrize(
    ("lease", "seconds"), [("", LEASE_SECONDS), ("-5", LEASE_SECONDS), ("1", 60), ("99999999999", 2_592_000)]
)
def test_a_lease_is_kept_within_reason(lease, seconds):
    assert verify_intent(ASKED | {"hub.lease_seconds": lease}, topic=TOPIC, wanted="subscribe").lease_seconds == seconds


@given(st.binary(), st.text(min_size=1, max_size=50), st.sampled_from(["sha1", "sha256", "sha384", "sha512"]))
def test_only_who_knows_the_secret_is_believed(body, secret, method):
    proof = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    assert is_genuine(body, f"{method}={proof}", secret)
    assert not is_genuine(body + b"x", f"{method}={proof}", secret)
    assert not is_genuine(body, f"{method}={proof}", secret + "x")


@pytest.mark.parametrize("signature", [None, "", "sha256", "sha256=", "md5=abc", "=", "sha256=é", "sha999=00"])
def test_a_signature_that_is_none_proves_nothing(signature):
    assert not is_genuine(b"body", signature, "s")
