"""Unsubscribe tokens: what was signed is read back, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copytaster.errors import Rejected
from workers.notifiers import unsubscribe

ids = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=60)


@given(st.text(st.characters(codec="utf-8")), ids, st.none() | ids)
def test_a_token_is_read_back_and_fits_into_a_url(secret, channel_id, watch_id):
    token = unsubscribe.make(secret, channel_id, watch_id)
    assert unsubscribe.read(secret, token) == (channel_id, watch_id)
    assert all(letter.isalnum() or letter in "-_" for letter in token)


@given(ids, ids, st.data())
def test_a_token_that_was_touched_is_refused(channel_id, watch_id, data):
    token = unsubscribe.make("secret", channel_id, watch_id)
    place = data.draw(st.integers(0, len(token) - 2))  # the last letter may carry bits that mean nothing
    letter = data.draw(st.sampled_from("ABab01-_").filter(lambda each: each != token[place]))
    with pytest.raises(Rejected) as caught:
        unsubscribe.read("secret", token[:place] + letter + token[place + 1 :])
    assert caught.value.reason == "bad_token"


@given(st.text())
def test_no_text_makes_a_token(text):
    with pytest.raises(Rejected):
        unsubscribe.read("secret", text)


def test_another_servers_token_is_refused():
    with pytest.raises(Rejected):
        unsubscribe.read("ours", unsubscribe.make("theirs", "c", "w"))


def test_the_link_is_under_the_public_address_and_absent_without_one():
    link = unsubscribe.link("https://watch.example.org/", "secret", "c", "w")
    assert link is not None
    prefix, _, token = link.rpartition("/")
    assert prefix == "https://watch.example.org/unsubscribe"
    assert unsubscribe.read("secret", token) == ("c", "w")
    assert unsubscribe.link(None, "secret", "c", "w") is None
    assert unsubscribe.link("", "secret", "c", "w") is None
