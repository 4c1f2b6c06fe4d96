"""``bench match``: the same input for the same seed, matches that are the truth, and keys that scripts rely on."""

import json

import pytest

from desk.bench.match import bench_match


@pytest.mark.slow
def test_the_figures_are_whole_and_equal_to_brute_force():
    told = bench_match((20, 60), articles=15, seed=3)
    assert json.loads(json.dumps(told)) == told
    assert [run["watches"] for run in told["runs"]] == [20, 60]
    for run in told["runs"]:
        assert run["equal_to_brute_force"] is True
        assert run["articles_per_second"] > 0
        assert run["memory_mb"] > 0
        assert run["matches"] > 0
        assert run["peer"] is None or run["peer"]["ratio"] > 0
    again = bench_match((20, 60), articles=15, seed=3)
    assert [run["matches"] for run in again["runs"]] == [run["matches"] for run in told["runs"]]
