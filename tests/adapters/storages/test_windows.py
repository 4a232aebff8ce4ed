"""What a storage keeps for a while: idempotency keys, and the starts that a rate counts; with a clock set by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.storages.making import new_task, start
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.creation import KEEP_KEYS, Accepted, Creation, IdempotencyKey
from mainspring.core.errors import Conflict
from mainspring.core.ports import Storage, Taken
from mainspring.core.queue import QueueEdit, Rate, admit, edit_queue, queue_ref
from mainspring.core.states import Pending
from mainspring.core.task import DEFAULT_PROJECT, DEFAULT_QUEUE
from mainspring.testing.conformance.port import creations

REF = queue_ref(DEFAULT_PROJECT, DEFAULT_QUEUE)
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        """The instant that was set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Storage]:
    memory = request.param == "memory"
    made: Storage = MemoryStorage(clock=clock) if memory else SqliteStorage(tmp_path / "s.db", clock=clock)
    yield made
    made.close()


def _asked(storage: Storage, fingerprint: str = "a") -> str:
    key = IdempotencyKey(key="order-7", fingerprint=fingerprint)
    (answer,) = storage.add([Creation(task=new_task(), idempotency=key)])
    assert isinstance(answer, Accepted)
    return answer.how


@pytest.fixture(params=["kept", "pruned"])
def upkeep(request: pytest.FixtureRequest, storage: Storage) -> Callable[[], object]:
    """What a worker may do to a storage at any time, or not."""
    return (lambda: storage.prune(None, frozenset(), BEGIN, 1)) if request.param == "pruned" else lambda: None


def test_a_key_counts_for_its_time_from_its_first_use(
    storage: Storage, clock: Clock, upkeep: Callable[[], object]
) -> None:
    """Repeating the request does not prolong it; then it is as new, also for another request; pruned or not."""
    assert _asked(storage) == "created"
    clock.now = BEGIN + KEEP_KEYS - TICK
    upkeep()
    assert _asked(storage) == "repeated"
    with pytest.raises(Conflict):
        _asked(storage, "b")
    clock.now = BEGIN + KEEP_KEYS + TICK
    upkeep()
    assert _asked(storage, "b") == "created"
    assert _asked(storage, "b") == "repeated"


def _limited(storage: Storage, count: int) -> None:
    rate = QueueEdit(rate=Rate(count=count, per=SECOND))
    storage.update_queue(REF, lambda queue, at: edit_queue(queue, rate))
    storage.add(creations([new_task(state=Pending(due=BEGIN - 9 * SECOND)) for _ in range(9)]))


def _look(storage: Storage) -> tuple[int, datetime | None]:
    answer: Taken = storage.take({REF: 9}, start, admit)
    return len(answer.decisions), answer.again


def test_a_window_opens_to_the_microsecond(storage: Storage, clock: Clock) -> None:
    """The starts are kept as exactly as they were made; ``again`` is the instant, and one before it is too early."""
    _limited(storage, 2)
    clock.now = BEGIN + TICK
    assert _look(storage) == (2, BEGIN + TICK + SECOND)
    clock.now = BEGIN + SECOND
    assert _look(storage) == (0, BEGIN + TICK + SECOND)
    clock.now = BEGIN + TICK + SECOND
    assert _look(storage) == (2, BEGIN + TICK + 2 * SECOND)


def test_a_clock_that_goes_back_lets_no_more_start(storage: Storage, clock: Clock) -> None:
    """Starts that lie ahead of the clock count as well (I11)."""
    _limited(storage, 2)
    assert _look(storage)[0] == 2
    clock.now = BEGIN - 5 * SECOND
    assert _look(storage) == (0, BEGIN + SECOND)
    clock.now = BEGIN + SECOND
    assert _look(storage)[0] == 2


def test_a_rate_that_is_set_later_counts_from_then(storage: Storage, clock: Clock) -> None:
    """One that is lowered holds over the starts that are on record."""
    _limited(storage, 4)
    assert _look(storage)[0] == 4
    clock.now = BEGIN + SECOND - TICK
    lower = QueueEdit(rate=Rate(count=1, per=10 * SECOND))
    storage.update_queue(REF, lambda queue, at: edit_queue(queue, lower))
    assert _look(storage) == (0, BEGIN + 10 * SECOND)
    clock.now = BEGIN + 10 * SECOND
    assert _look(storage)[0] == 1
