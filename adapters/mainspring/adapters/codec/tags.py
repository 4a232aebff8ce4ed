"""Which word stands for which class in stored and shown text. A word, once written to a store, never changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Final, cast, get_args

from mainspring.core.events import EVENTS, Event
from mainspring.core.recurrence import Recurrence
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule import SlotOutcome
from mainspring.core.states import STATES, State
from mainspring.core.task import Call, FunctionCall, HttpCall, Origin

_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _snake(kind: type) -> str:
    """``RunStarted`` is written ``run_started``."""
    return _HUMP.sub("_", kind.__name__).lower()


def _members(union: object) -> tuple[type, ...]:
    return cast("tuple[type, ...]", get_args(union))


UNIONS: Final[Mapping[UnionType, Mapping[str, type]]] = {
    State: {state.status: state for state in STATES},
    Event: {_snake(event): event for event in EVENTS},
    Call: {"http": HttpCall, "function": FunctionCall},
    Origin: {_snake(origin): origin for origin in _members(Origin)},
    RetryPolicy: {_snake(policy): policy for policy in _members(RetryPolicy)},
    SlotOutcome: {_snake(outcome): outcome for outcome in _members(SlotOutcome)},
    Recurrence: {_snake(rule): rule for rule in _members(Recurrence)},
}
"""The tagged unions: each value is an object whose ``kind`` is one of these words."""
