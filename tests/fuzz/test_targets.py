"""Any bytes give an answer, or a refusal in one sentence: a few hundred of them here, hours of them by ``make fuzz``."""

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.targets import FOUND, all_targets, attempt, found

TARGETS = all_targets()
EXAMPLES, FEW = 120, 25
FINDS = [(name, path) for name in TARGETS for path in found(name)]


def inputs(one):
    """Bytes of all kinds: random ones, what the grammar is made of, and a real input with a wound."""
    words = st.sampled_from([*one.tokens, b"<", b">"]) | st.binary(max_size=6)
    made = st.lists(words, max_size=30).map(b"".join)
    seeds = list(one.seeds())
    if not seeds:
        return st.one_of(st.binary(max_size=300), made)
    return st.one_of(st.binary(max_size=300), made, st.builds(wounded, st.sampled_from(seeds), st.integers(0, 9_999), made))


def wounded(whole, where, by):
    at = len(whole) * where // 10_000
    return whole[:at] + by + whole[at + len(by) :]


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_give_an_answer_or_one_sentence(name):
    one = TARGETS[name]

    @seed(20261128)
    @settings(max_examples=FEW if one.slow else EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(inputs(one))
    def tried(data):
        attempt(one, data)

    tried()


@pytest.mark.parametrize(("name", "path"), FINDS, ids=[f"{name}/{path.name}" for name, path in FINDS])
def test_what_was_found_once_is_never_found_again(name, path):
    attempt(TARGETS[name], path.read_bytes())


def test_every_find_has_its_sentence():
    page = (FOUND / "README.md").read_text("utf-8")
    assert [f"{name}/{path.name}" for name, path in FINDS if f"`{name}/{path.name}`" not in page] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpora_gives_an_answer_or_one_sentence(name):
    one = TARGETS[name]
    seeds = list(one.seeds())
    if not seeds:
        pytest.skip("there is no corpus for it here")
    for data in seeds:
        attempt(one, data)
