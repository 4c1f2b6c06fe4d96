"""The judge is judged: a good run holds, and each thing that can go wrong fails the verdict that tells of it, and no other."""

import dataclasses

import pytest

from tests.chaos.checker import CODES, Evidence, Verdict, judge


def message(number, watch="w1", url="http://a.example/1", sha="same"):
    item = {"watch": {"id": watch}, "article": {"url": url}, "story": f"story of {url}"}
    return {"id": f"msg_{number}", "sha256": sha, "items": [item]}


GOOD = Evidence(
    truth={("w1", "http://a.example/1"), ("w2", "http://a.example/2")},
    received=[message(1), message(2, "w2", "http://a.example/2")],
    written={"http://a.example/1", "http://a.example/2", "http://a.example/bomb"},
    stored={"http://a.example/1": "a1", "http://a.example/2": "a2"},
    refused=[{"url": "http://a.example/bomb", "stage": "ingest", "reason": "poison", "attempts": 5}],
    must_be_refused={"http://a.example/bomb": "poison"},
    indexed=["a1", "a2"],
    said={"log": "all is well"},
    secrets=["whsec_abc"],
    own=[Verdict("I6", True, "it moved")],
)


def wrong(**changed):
    return [each.code for each in judge(dataclasses.replace(GOOD, **changed)) if not each.ok]


def test_a_good_run_holds_in_all_eight():
    assert [(each.code, each.ok) for each in judge(GOOD)] == [(code, True) for code in CODES]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("I1", {"received": GOOD.received[:1]}),
        ("I1", {"truth": set(), "received": []}),
        ("I2", {"received": [*GOOD.received, message(3, "w3")]}),
        ("I3", {"received": [*GOOD.received, message(1, sha="other")], "kills": 1}),
        ("I3", {"received": [*GOOD.received, message(9)]}),
        ("I4", {"received": [*GOOD.received, message(1), message(1)], "kills": 1}),
        ("I5", {"refused": []}),
        ("I5", {"refused": [{**GOOD.refused[0], "reason": ""}]}),
        ("I5", {"refused": [{**GOOD.refused[0], "attempts": 0}]}),
        ("I5", {"must_be_refused": {}}),
        ("I5", {"must_be_refused": {"http://a.example/bomb": "too_big"}}),
        ("I5", {"written": {*GOOD.written, "http://a.example/silent"}}),
        ("I6", {"own": []}),
        ("I6", {"own": [*GOOD.own, Verdict("I6", False, "it did not")]}),
        ("I7", {"indexed": ["a1"]}),
        ("I7", {"indexed": ["a1", "a2", "a3"]}),
        ("I7", {"indexed": ["a1", "a2", "a2"]}),
        ("I8", {"said": {"log": "sent with whsec_abc"}}),
    ],
)
def test_what_goes_wrong_fails_the_verdict_that_tells_of_it(code, changed):
    assert wrong(**changed) == [code]


def test_a_repeat_for_each_kill_and_each_lease_that_ran_out_is_allowed():
    assert not wrong(received=[*GOOD.received, message(1), message(1)], kills=1, leases_ran_out=1)


def test_what_the_engine_refused_may_lack_in_the_index_where_it_is_listed():
    listed = {"url": "http://a.example/2", "stage": "index", "reason": "document", "attempts": 1}
    must = {**GOOD.must_be_refused, "http://a.example/2": "document"}
    assert not wrong(indexed=["a1"], unindexed={"http://a.example/2"}, refused=[*GOOD.refused, listed], must_be_refused=must)
