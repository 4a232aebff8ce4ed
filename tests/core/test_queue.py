"""Queues: which names a worker may serve, and what a queue tells of itself."""

from __future__ import annotations

import pytest

from mainspring.core.errors import InvalidInput
from mainspring.core.queue import Queue, QueueRef, Turn, check_queues
from support.builders import at


@pytest.mark.parametrize("names", [(), ("default",), tuple(f"q{number}" for number in range(100))])
def test_none_to_a_hundred_queues(names: tuple[str, ...]) -> None:
    """No name means all queues; the order is kept."""
    assert check_queues(names) == names


def test_more_than_a_hundred_queues_are_refused() -> None:
    """A bound on everything; whoever wants them all names none."""
    with pytest.raises(InvalidInput) as refused:
        check_queues(("q",) * 101)
    assert str(refused.value) == "queues: 101 queues; name at most 100, or none for all"


@pytest.mark.parametrize("name", ["", "a b", "x" * 501])
def test_each_name_is_checked(name: str) -> None:
    """A queue that could not exist is a slip of the pen."""
    with pytest.raises(InvalidInput) as refused:
        check_queues(("default", name))
    assert refused.value.field == "queues"


def test_a_queue_tells_when_each_key_had_its_last_turn() -> None:
    """Storages choose by it which keys to show first, where there are too many."""
    turns = (Turn(key="a", starts=(), last=at(1)), Turn(key="b", starts=(at(2),), last=at(2)))
    assert Queue(ref=QueueRef("default", "mail"), turns=turns).last_turns == {"a": at(1), "b": at(2)}
