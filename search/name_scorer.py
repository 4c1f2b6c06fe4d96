"""How sure a reading is: a sum over small trees of its measures, fitted to names that were judged.

It owns the numbers and the levels; it must not know how the measures are made. ``name_scorer.json`` is written by
``docs/fit_names.py``, which says on what it was fitted.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from importlib import resources
from itertools import accumulate
from math import exp, inf, log
from typing import Any

from copytaster.watches import Level
from search.name_measures import Measures

Tree = tuple[Sequence[int], Sequence[float], Sequence[int], Sequence[int]]


class Scorer:
    """Read from its file when it is first used."""

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        numbers: dict[str, Any] = json.loads(resources.files("search").joinpath("name_scorer.json").read_text("utf-8"))
        if tuple(numbers["measures"]) != Measures._fields:
            raise ValueError("search/name_scorer.json is of other measures: run docs/fit_names.py")
        return numbers

    @cached_property
    def _trees(self) -> list[Tree]:
        return [tuple(tree) for tree in self._numbers["trees"]]

    @cached_property
    def _least(self) -> dict[Level, float]:
        return {"exact": 2.0, **self._numbers["least"]}

    def least(self, level: Level) -> float:
        """The score from which on a reading counts at this level."""
        return self._least[level]

    @cached_property
    def _at_most(self) -> list[float]:
        """What the trees from each on can still add."""
        most = [max(value for at, value in zip(measure, values, strict=True) if at < 0) for measure, values, _, _ in self._trees]
        return [*accumulate(reversed(most))][::-1]

    def score(self, measured: Sequence[float], *, of_use: float = 0.0) -> float:
        """0 to 1; 0 as soon as it can't reach ``of_use``.

        Of each tree: measure, border and the two next nodes of each node; a leaf has -1 and its value.
        """
        total: float = self._numbers["base"]
        least = log(of_use / (1 - of_use)) if of_use else -inf
        for (measure, value, left, right), most in zip(self._trees, self._at_most, strict=True):
            if total + most < least:
                return 0.0
            node = 0
            while (at := measure[node]) >= 0:
                node = left[node] if measured[at] <= value[node] else right[node]
            total += value[node]
        return 1 / (1 + exp(-total))


SCORER = Scorer()
