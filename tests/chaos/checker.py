"""The eight verdicts over a run: pure, from what was written, received, stored, refused, indexed and said.

It owns what must hold; it must not know how any of it was gathered.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.world import Pair

CODES = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8")
MEANING = {
    "I1": "nothing lost",
    "I2": "nothing invented",
    "I3": "a repeat is the same, and no alert has two ids",
    "I4": "repeats within kills and leases that ran out",
    "I5": "each refused item is listed with stage, reason and attempts",
    "I6": "the metric moved and readiness told the truth",
    "I7": "the index holds exactly what was read",
    "I8": "no secret and no internal answer was said",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    code: str
    ok: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """``received``: messages with ``id``, ``sha256`` and ``items``. ``refused``: lines of ``copytaster refused list --json``.

    ``must_be_refused``: reason by URL. ``said``: all that was printed, logged or answered, by where. ``own``: I6 and whatever
    else the scenario judged by itself.
    """

    truth: set[Pair]
    received: Sequence[Mapping[str, Any]]
    kills: int = 0
    leases_ran_out: int = 0
    repeats_allowed: int = 0  # by faults that are neither, such as an answer that is lost on its way
    written: set[str] = field(default_factory=set)  # URLs
    stored: Mapping[str, str] = field(default_factory=dict)  # id by URL
    refused: Sequence[Mapping[str, Any]] = ()
    must_be_refused: Mapping[str, str] = field(default_factory=dict)
    indexed: Sequence[str] = ()  # ids
    unindexed: set[str] = field(default_factory=set)  # URLs that the engine refused; I5 wants them listed
    said: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    own: Sequence[Verdict] = ()


def told(received: Iterable[Mapping[str, Any]]) -> set[Pair]:
    return {(item["watch"]["id"], item["article"]["url"]) for message in received for item in message["items"]}


def judge(run: Evidence) -> list[Verdict]:
    """All eight, in order; a scenario that judged I6 not at all fails it."""
    found = [_lost(run), _invented(run), _same(run), _repeats(run), _refused(run), _index(run), _secrets(run), *run.own]
    if not any(each.code == "I6" for each in run.own):
        found.append(Verdict("I6", False, "the scenario looked at no metric"))
    return [_whole(code, [each for each in found if each.code == code]) for code in CODES]


def _whole(code: str, parts: Sequence[Verdict]) -> Verdict:
    """Holds where all parts do; else it tells of those that do not."""
    wrong = [each for each in parts if not each.ok]
    return Verdict(code, not wrong, "; ".join(each.why for each in wrong or parts))


def _lost(run: Evidence) -> Verdict:
    missing = run.truth - told(run.received)
    enough = f"{len(run.truth) - len(missing)} of {len(run.truth)} alerts came"
    return Verdict("I1", bool(run.truth) and not missing, f"{enough}{_some(missing)}")


def _invented(run: Evidence) -> Verdict:
    invented = told(run.received) - run.truth
    return Verdict("I2", not invented, f"{len(invented)} that are not in the truth{_some(invented)}")


def _same(run: Evidence) -> Verdict:
    by_id: dict[str, set[str]] = defaultdict(set)
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for message in run.received:
        by_id[message["id"]].add(message["sha256"])
        for item in message["items"]:
            ids[item["watch"]["id"], item["story"]].add(message["id"])
    changed = {message for message, bodies in by_id.items() if len(bodies) > 1}
    twice = {alert for alert, messages in ids.items() if len(messages) > 1}
    return Verdict("I3", not changed and not twice, f"{len(changed)} repeats that differ, {len(twice)} alerts under two ids")


def _repeats(run: Evidence) -> Verdict:
    repeats = repeats_of(run.received)
    allowed = run.kills + run.leases_ran_out + run.repeats_allowed
    why = f"{repeats} repeats beside {run.kills} kills and {run.leases_ran_out} leases that ran out"
    return Verdict("I4", repeats <= allowed, why)


def repeats_of(received: Sequence[Mapping[str, Any]]) -> int:
    return sum(times - 1 for times in Counter(message["id"] for message in received).values())


def _refused(run: Evidence) -> Verdict:
    listed = {each["url"]: each for each in run.refused}
    bare = [url for url, each in listed.items() if not (each["stage"] and each["reason"] and each["attempts"] >= _tries(each))]
    wanted = {url: reason for url, reason in run.must_be_refused.items() if url not in listed or listed[url]["reason"] != reason}
    unasked = {url: each["reason"] for url, each in listed.items() if url not in run.must_be_refused}
    gone = run.written - run.stored.keys() - listed.keys()
    why = f"{len(listed)} refused and listed"
    for what, which in (("without a reason", bare), ("should be", wanted), ("should not be", unasked), ("in silence", gone)):
        if which:
            why += f", {len(which)} {what}{_some(which.items() if isinstance(which, dict) else which)}"
    return Verdict("I5", not (bare or wanted or unasked or gone), why)


def _tries(refused: Mapping[str, Any]) -> int:
    """At least so many; a message whose channel was switched off before its first try had none."""
    return 0 if refused["stage"] == "deliver" else 1


def _index(run: Evidence) -> Verdict:
    expected = {name for url, name in run.stored.items() if url not in run.unindexed}
    there = Counter(run.indexed)
    lacks, more = expected - there.keys(), there.keys() - expected
    twice = [each for each, times in there.items() if times > 1]
    why = f"{len(there)} found of {len(expected)} read, {len(more)} unknown, {len(twice)} twice"
    return Verdict("I7", bool(expected) and not (lacks or more or twice), why)


def _secrets(run: Evidence) -> Verdict:
    shown = sorted({f"{secret[:12]}… in {where}" for where, text in run.said.items() for secret in run.secrets if secret in text})
    return Verdict("I8", not shown, ", ".join(shown) or f"{len(run.secrets)} secrets sought in {len(run.said)} outputs")


def _some(which: Iterable[Any]) -> str:
    few = [str(each) for each in list(which)[:3]]
    return f" ({', '.join(few)} …)" if few else ""
