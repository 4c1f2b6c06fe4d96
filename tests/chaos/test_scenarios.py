"""The short form of the chaos run, beside all other tests: `make chaos` is the long one."""

import sys

import pytest

from tests.chaos import registry
from tests.chaos.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.timeout(400)]


@pytest.mark.parametrize("one", [each for each in registry.every() if each.short], ids=lambda each: each.slug)
def test_what_is_promised_holds_under_this_fault(one, tmp_path):
    if sys.platform != "linux":
        pytest.skip("processes are told apart by the names that Linux keeps")
    with Run(tmp_path) as run:
        one.act(run)
        wrong = [f"{each.code}: {each.why}" for each in run.verdicts() if not each.ok]
    assert not wrong, f"{run.injections} {run.sights}"


def test_no_two_scenarios_have_one_name():
    slugs = [each.slug for each in registry.every()]
    assert len(slugs) == len(set(slugs))


def test_each_fault_of_the_design_has_a_scenario():
    assert {f"F{number}" for number in range(1, 23)} <= {each.fault for each in registry.every()}
