"""How sure a reading is: a sum over small trees of its measures, fitted to names that were judged.

It owns the numbers and the levels; it must not know how the measures are made. ``name_scorer.json`` is written by
``docs/fit_names.py``, which says on what it was fitted.
"""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import resources
from itertools import repeat
from math import exp, inf
from typing import Any

from copytaster.watches import Level
from search.name_measures import Measures

Group = Callable[[Sequence[float]], float]
TOGETHER = 15  # trees that are summed before it is asked whether the rest can matter


class Scorer:
    """Read from its file when it is first used."""

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        numbers: dict[str, Any] = json.loads(resources.files("search").joinpath("name_scorer.json").read_text("utf-8"))
        if tuple(numbers["measures"]) != Measures._fields:
            raise ValueError("search/name_scorer.json is of other measures: run docs/fit_names.py")
        if {len(gates) for gates in numbers["gates"].values()} != {-(-len(numbers["trees"]) // TOGETHER)}:
            raise ValueError("search/name_scorer.json is of other groups of trees: run docs/fit_names.py")
        return numbers

    @cached_property
    def _groups(self) -> list[Group]:
        """Trees some at a time, as a function each, ten times as fast as walking them."""
        trees, made = self._numbers["trees"], []
        for at in range(0, len(trees), TOGETHER):
            source = " + ".join(_source(tree) for tree in trees[at : at + TOGETHER])
            group: Group = eval(f"lambda m: {source}")  # noqa: S307  of the numbers in our own file, each made a float
            made.append(group)
        return made

    @cached_property
    def _least(self) -> dict[Level, float]:
        return {"exact": 2.0, **self._numbers["least"]}

    def least(self, level: Level) -> float:
        """The score from which on a reading counts at this level."""
        return self._least[level]

    def score(self, measured: Sequence[float], *, of_use: Level | None = None) -> float:
        """0 to 1; 0 as soon as the trees so far say less than of any reading known that counts at level ``of_use``."""
        total: float = self._numbers["base"]
        gates = self._numbers["gates"][of_use] if of_use else repeat(-inf, len(self._groups))
        for group, gate in zip(self._groups, gates, strict=True):
            total += group(measured)
            if total < gate:
                return 0.0
        return 1 / (1 + exp(-total))


def _source(tree: Sequence[Sequence[float]], node: int = 0) -> str:
    """Of a tree: measure, border and the two next nodes of each node; a leaf has -1 and its value."""
    measure, value, left, right = tree
    if measure[node] < 0:
        return repr(float(value[node]))
    fits, else_ = _source(tree, int(left[node])), _source(tree, int(right[node]))
    return f"({fits} if m[{int(measure[node])}] <= {float(value[node])!r} else {else_})"


SCORER = Scorer()
