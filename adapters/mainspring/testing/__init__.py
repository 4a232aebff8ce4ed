"""The testing kit: ``with Testing(app) as t:`` gives an app in memory, with a clock that the test moves.

Names are imported when they are first used, so that the pytest plug-in costs nothing where it is not used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mainspring.testing.clock import ManualClock
    from mainspring.testing.complaints import RunFailed, TooManyRuns, Unanswered
    from mainspring.testing.entropy import SeededEntropy
    from mainspring.testing.executors import Ran
    from mainspring.testing.http import Answer, Receiver, Request
    from mainspring.testing.kit import AsyncTesting, Drained, Testing

__all__ = [
    "Answer",
    "AsyncTesting",
    "Drained",
    "ManualClock",
    "Ran",
    "Receiver",
    "Request",
    "RunFailed",
    "SeededEntropy",
    "Testing",
    "TooManyRuns",
    "Unanswered",
]

_HOMES: Final = {
    "Answer": "http",
    "AsyncTesting": "kit",
    "Drained": "kit",
    "ManualClock": "clock",
    "Ran": "executors",
    "Receiver": "http",
    "Request": "http",
    "RunFailed": "complaints",
    "SeededEntropy": "entropy",
    "Testing": "kit",
    "TooManyRuns": "complaints",
    "Unanswered": "complaints",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
