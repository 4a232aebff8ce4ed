"""States, commands, events and effects: that their lists are whole and their names are stable."""

from __future__ import annotations

from typing import get_args

import attrs
import pytest

from mainspring.core import commands, effects, events
from mainspring.core.states import API_STATUS, LIVE, LIVE_STATUSES, STATES, TERMINAL, TERMINAL_STATUSES, State
from support.builders import one_of_each_command, one_of_each_event, one_of_each_state

VALUES = (*get_args(State), *get_args(commands.Command), *get_args(events.Event), *get_args(effects.Effect))


def test_the_list_of_states_is_the_union_of_states() -> None:
    """What loops over the states and what the type checker sees are the same."""
    assert get_args(State) == STATES
    assert set(one_of_each_state()) == set(STATES)


def test_the_list_of_events_is_the_union_of_events() -> None:
    """What loops over the events and what the type checker sees are the same."""
    assert get_args(events.Event) == events.EVENTS
    assert set(one_of_each_event()) == set(events.EVENTS)
    assert set(one_of_each_command()) == set(get_args(commands.Command))


def test_a_state_is_live_or_terminal() -> None:
    """Never both, never neither."""
    assert (*LIVE, *TERMINAL) == STATES
    assert not set(LIVE) & set(TERMINAL)
    assert set(API_STATUS) == LIVE_STATUSES | TERMINAL_STATUSES
    assert {"pending", "running", "cancelling"} == LIVE_STATUSES


def test_statuses_are_the_documented_ones() -> None:
    """The names in the database and in the API are promises; Mergent's clients know four of the latter."""
    assert {state.status: API_STATUS[state.status] for state in STATES} == {
        "pending": "queued",
        "running": "working",
        "cancelling": "working",
        "succeeded": "success",
        "failed": "failure",
        "cancelled": "cancelled",
        "expired": "expired",
    }


def test_only_the_heartbeat_leaves_no_record() -> None:
    """I13: the history is complete but for extended leases."""
    assert {events.LeaseExtended} == events.UNRECORDED


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_values_are_frozen_and_named(value: type) -> None:
    """Commands, events, states and effects cannot be changed, and no field is given by position."""
    assert value.__setattr__ is not object.__setattr__
    assert all(field.kw_only for field in attrs.fields(value))
    assert "__dict__" not in dir(value)


@pytest.mark.parametrize("value", [*get_args(commands.Command), *events.EVENTS], ids=lambda value: value.__name__)
def test_time_is_an_argument(value: type) -> None:
    """Every command and every event carries its instant."""
    assert "at" in {field.name for field in attrs.fields(value)}
