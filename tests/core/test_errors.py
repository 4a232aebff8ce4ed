"""Errors: named by what the caller should do, and each message whole."""

from __future__ import annotations

import copy
import pickle

import pytest

from mainspring.core.errors import (
    Conflict,
    CorruptHistory,
    IllegalTransition,
    InvalidInput,
    InvalidRecurrence,
    MainspringError,
    NotFound,
    StaleRun,
    Unavailable,
)

EXAMPLES: list[tuple[MainspringError, str]] = [
    (InvalidInput("delay", "'5' is not a duration", "write 5s"), "delay: '5' is not a duration; write 5s"),
    (InvalidRecurrence("cron", "61 is no minute", "use 0 to 59"), "cron: 61 is no minute; use 0 to 59"),
    (NotFound("task", "7"), "no task '7'"),
    (
        IllegalTransition("task 7", "running", "edit", "wait until it is pending"),
        "task 7 is running: cannot edit; wait until it is pending",
    ),
    (StaleRun("task 7", 2, "run 3"), "task 7: run 2 is no longer current (run 3); its report is dropped"),
    (Conflict("task 7", "the name x is taken", "use another"), "task 7: the name x is taken; use another"),
    (Unavailable("store.db", "locked for 5 s", "try again"), "store.db: locked for 5 s; try again"),
    (CorruptHistory("RunStarted cannot happen"), "RunStarted cannot happen"),
]
CASES = pytest.mark.parametrize(("error", "text"), EXAMPLES, ids=lambda value: type(value).__name__)


@CASES
def test_each_message_says_what_was_wrong_where_and_what_would_be_right(error: MainspringError, text: str) -> None:
    """One line for a person, from the parts that a program reads."""
    assert str(error) == text


@CASES
def test_errors_survive_pickling_and_copying(error: MainspringError, text: str) -> None:
    """They cross processes and threads whole."""
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):  # noqa: S301  our own bytes
        assert type(twin) is type(error)
        assert str(twin) == text
        assert vars(twin) == vars(error)


@CASES
def test_one_root_catches_them_all(error: MainspringError, text: str) -> None:
    """Whoever catches ``MainspringError`` catches what we raise on purpose, and nothing else does."""
    assert isinstance(error, MainspringError)
    assert isinstance(error, ValueError) == isinstance(error, InvalidInput)


def test_the_parts_of_each_error_can_be_read() -> None:
    """The API and the CLI build their answers from the parts."""
    errors = {type(error): vars(error) for error, _ in EXAMPLES}
    assert errors[InvalidInput] == {"field": "delay", "what": "'5' is not a duration", "cure": "write 5s"}
    assert errors[NotFound] == {"kind": "task", "key": "7"}
    assert set(errors[IllegalTransition]) == {"subject", "state", "command", "cure"}
    assert set(errors[StaleRun]) == {"subject", "run", "current"}
    assert set(errors[Conflict]) == set(errors[Unavailable]) == {"subject", "what", "cure"}
