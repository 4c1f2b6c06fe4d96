"""The list of all scenarios: each fault of the design, by its number, with the functions that make it happen.

One more scenario is one more decorated function in a file below ``scenarios``.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import scenarios
from tests.chaos.run import Run

Act = Callable[[Run], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """``fault``: F1 to F22, or S for what is no single fault. ``short``: it is in the form that runs with all other tests."""

    fault: str
    name: str
    act: Act
    short: bool = False

    @property
    def slug(self) -> str:
        return f"{self.fault}-{self.act.__name__}"

    @property
    def order(self) -> tuple[str, int]:
        return self.fault[0], int(self.fault[1:] or 0)


_found: list[Scenario] = []


def scenario(fault: str, name: str, *, short: bool = False) -> Callable[[Act], Act]:
    """Puts a function on the list. It begins the run, makes the fault and says what it injected and saw; I1 to I5, I7 and
    I8 are judged after it, I6 is its own to judge.
    """

    def note(act: Act) -> Act:
        _found.append(Scenario(fault, name, act, short))
        return act

    return note


def every() -> list[Scenario]:
    """All of them, by fault."""
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return sorted(_found, key=lambda each: each.order)
