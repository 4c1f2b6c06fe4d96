"""How long each named part of reading takes: the functions of the product are wrapped from here, for one pass of its own.

It owns the clock and what the wrapping itself costs, which it takes off again; the product has no timers in it. Wrapped
functions stay wrapped, so this runs in a process that ends with the pass (``desk.bench.apart``).
"""

import functools
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Places = Mapping[str, Iterable[str]]  # parts, each with its functions as ``module:function`` or ``module:Class.method``
_TRIALS, _CALLS = 9, 2_000
_OUTSIDE = "other"


class Stopwatch:
    """The time of a part is that within its functions, but for what other parts take in there."""

    def __init__(self, places: Places) -> None:
        self.spent: dict[str, float] = dict.fromkeys((*places, _OUTSIDE), 0.0)
        self._calls = dict.fromkeys(self.spent, 0)
        self._asked = dict.fromkeys(self.spent, 0)  # calls of wrapped functions from within a part
        self._frames: list[tuple[str, list[float]]] = []
        self._inside, self._around = self._own_cost()
        for part, targets in places.items():
            for target in targets:
                _replace(target, functools.partial(self._timed, part))

    def run(self, work: Callable[[], None]) -> Mapping[str, float]:
        """Seconds of each part while this is done, and of everything else as ``other``."""
        for counts in (self.spent, self._calls, self._asked):
            counts.update(dict.fromkeys(counts, 0))
        self._timed(_OUTSIDE, work)()
        return {
            part: max(0.0, spent - self._calls[part] * self._inside - self._asked[part] * self._around)
            for part, spent in self.spent.items()
        }

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        clock, frames, spent, calls, asked = time.perf_counter, self._frames, self.spent, self._calls, self._asked

        @functools.wraps(function, updated=())
        def timed(*args: Any, **kwargs: Any) -> Any:
            within = [0.0]
            frames.append((part, within))
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                took = clock() - began
                frames.pop()
                spent[part] += took - within[0]
                calls[part] += 1
                if frames:
                    caller, others = frames[-1]
                    others[0] += took
                    asked[caller] += 1

        return timed

    def _own_cost(self) -> tuple[float, float]:
        """Seconds that one wrapped call adds to its own part, and to the part that it is called from."""
        wrapped = self._timed(_OUTSIDE, _nothing)
        inside, whole = [], []
        for _ in range(_TRIALS):
            self.spent[_OUTSIDE] = 0.0
            whole.append((_seconds(wrapped) - _seconds(_nothing)) / _CALLS)
            inside.append(self.spent[_OUTSIDE] / _CALLS)
        own = statistics.median(inside)
        return own, max(0.0, statistics.median(whole) - own)


def _nothing() -> None:
    pass


def _seconds(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(_CALLS):
        function()
    return time.perf_counter() - began


def _replace(target: str, wrapped: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Wherever a module of the same package has it by a name of its own."""
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    try:
        for each in classes:
            owner = getattr(owner, each)
        original = getattr(owner, name)
    except AttributeError:
        raise LookupError(f"{target} is not there any more: say in PARTS of desk/bench/names_run.py what is, instead") from None
    timed = wrapped(original)
    if classes:
        setattr(owner, name, timed)
        return
    package = module.partition(".")[0]
    for other in [each for key, each in sys.modules.items() if key.partition(".")[0] == package]:
        for alias, value in list(vars(other).items()):
            if value is original:
                setattr(other, alias, timed)
