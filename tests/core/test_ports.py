"""Ports: one contract in two colours, and queries with their limits."""

from __future__ import annotations

import inspect

import pytest

from mainspring.core import ports
from mainspring.core.directory import AsyncDirectory, Directory
from mainspring.core.errors import InvalidInput, NotFound
from mainspring.core.ports import AsyncStorage, Page, Refused, ScheduleQuery, Storage, TaskQuery
from support.builders import NOW, TASK_ID, make_task


def operations(port: type) -> dict[str, inspect.Signature]:
    """The public methods of a port with their signatures."""
    members = inspect.getmembers(port, inspect.isfunction)
    return {name: inspect.signature(member) for name, member in members if not name.startswith("_")}


COLOURS = [(Storage, AsyncStorage, 20), (Directory, AsyncDirectory, 8)]


@pytest.mark.parametrize(("port", "awaited", "least"), COLOURS)
def test_both_colours_have_the_same_operations(port: type, awaited: type, least: int) -> None:
    """The second colour is the first one awaited: the same names, the same arguments, the same results."""
    assert operations(port) == operations(awaited)
    assert len(operations(port)) >= least


@pytest.mark.parametrize("field", ["created_before", "ended_before"])
def test_an_instant_of_a_query_is_of_a_zone(field: str) -> None:
    """One without an offset is refused by its name: storages would read it differently."""
    with pytest.raises(InvalidInput, match=f"{field}: 2030-01-02T03:04:05 has no offset"):
        TaskQuery(**{field: NOW.replace(tzinfo=None)})
    assert getattr(TaskQuery(**{field: NOW}), field) == NOW


@pytest.mark.parametrize(("port", "awaited", "least"), COLOURS)
def test_one_colour_is_awaited_and_the_other_is_not(port: type, awaited: type, least: int) -> None:
    """Every operation of the second colour is a coroutine function, none of the first."""
    assert len(operations(port)) >= least
    for name in operations(port):
        assert inspect.iscoroutinefunction(getattr(awaited, name)), name
        assert not inspect.iscoroutinefunction(getattr(port, name)), name


def test_every_operation_states_its_contract() -> None:
    """A port's docstring is the contract; the asynchronous one refers to the other."""
    for name in operations(Storage):
        assert inspect.getdoc(getattr(Storage, name)), name
        assert inspect.getdoc(getattr(AsyncStorage, name)) == f"As ``Storage.{name}``."


@pytest.mark.parametrize("query", [TaskQuery, ScheduleQuery])
@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_page_has_one_to_a_thousand_items(query: type[TaskQuery | ScheduleQuery], limit: int) -> None:
    """A bound on everything: no query reads a whole table."""
    assert (query(limit=1).limit, query(limit=1000).limit, query().limit) == (1, 1000, 100)
    with pytest.raises(InvalidInput) as refused:
        query(limit=limit)
    assert str(refused.value) == f"limit: {limit} is out of range; use 1 to 1000"


def test_a_query_asks_for_everything_of_the_default_project() -> None:
    """Conditions that are left out do not narrow the search."""
    query = TaskQuery()
    assert (query.project, query.statuses, query.queue, query.name) == ("default", frozenset(), None, None)
    assert (query.schedule_id, query.after) == (None, None)


def test_results_are_values() -> None:
    """Pages and refusals can be compared, as everything that crosses a port."""
    assert Page((make_task(),), None) == Page((make_task(),), None)
    error = NotFound("task", TASK_ID)
    assert Refused(TASK_ID, error) == Refused(TASK_ID, error)
    assert ports.Done() == ports.Done(result="")
