"""What people do to a queue: set, pause, drain, resume; and what a creation takes over from it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve as changed

from mainspring.core.creation import Creation, settled
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.queue import (
    Limits,
    Queue,
    QueueEdit,
    QueuePause,
    QueueRef,
    QueueView,
    Rate,
    admit,
    close_queue,
    edit_queue,
    open_queue,
    queue_of,
    queue_ref,
)
from mainspring.core.retry import MERGENT, Never
from mainspring.core.states import Pending
from support.builders import NOW, make_task

QUEUE = Queue(ref=QueueRef("default", "mail"))
RATE = Rate(count=5, per=timedelta(seconds=1))
EVERYTHING = QueueEdit(
    concurrency=3,
    rate=RATE,
    key_concurrency=1,
    key_rate=RATE,
    weight=7,
    retry=Never(),
    timeout=timedelta(seconds=9),
)


def test_an_edit_sets_what_it_names() -> None:
    """Each field of the edit has its place in the settings; the version counts on."""
    assert edit_queue(QUEUE, EVERYTHING) == changed(
        QUEUE,
        version=2,
        limits=Limits(concurrency=3, rate=RATE),
        key_limits=Limits(concurrency=1, rate=RATE),
        weight=7,
        retry=Never(),
        timeout=timedelta(seconds=9),
    )


def test_an_edit_leaves_alone_what_it_does_not_name() -> None:
    """An edit of one setting is an edit of one setting."""
    full = edit_queue(QUEUE, EVERYTHING)
    assert edit_queue(full, QueueEdit(weight=2)) == changed(full, weight=2, version=3)


def test_none_takes_a_limit_or_a_default_away() -> None:
    """That is what tells it from a field that is left alone."""
    nothing = QueueEdit(
        concurrency=None, rate=None, key_concurrency=None, key_rate=None, retry=None, timeout=None, weight=1
    )
    assert edit_queue(edit_queue(QUEUE, EVERYTHING), nothing) == changed(QUEUE, version=3)


def test_an_edit_that_changes_nothing_gives_the_same_value() -> None:
    """So that the storage has nothing to write."""
    full = edit_queue(QUEUE, EVERYTHING)
    assert edit_queue(full, EVERYTHING) is full
    assert edit_queue(QUEUE, QueueEdit()) is QUEUE


def test_pausing_and_draining_keep_the_first_note() -> None:
    """Repeating either changes nothing; they are two things."""
    paused = close_queue(QUEUE, "paused", NOW, "deploy")
    assert paused == changed(QUEUE, paused=QueuePause(at=NOW, note="deploy"), version=2)
    assert close_queue(paused, "paused", NOW + timedelta(hours=1), "again") is paused
    both = close_queue(paused, "draining", NOW, "moving")
    assert both == changed(paused, draining=QueuePause(at=NOW, note="moving"), version=3)
    assert close_queue(both, "draining", NOW + timedelta(hours=1), "again") is both


def test_resuming_ends_both() -> None:
    """And changes nothing for a queue that is neither paused nor draining."""
    both = close_queue(close_queue(QUEUE, "paused", NOW, ""), "draining", NOW, "")
    assert open_queue(both) == changed(QUEUE, version=4)
    assert open_queue(close_queue(QUEUE, "draining", NOW, "")) == changed(QUEUE, version=3)
    assert open_queue(QUEUE) is QUEUE


def test_a_note_is_bounded() -> None:
    """500 characters, and not one more."""
    assert close_queue(QUEUE, "paused", NOW, "x" * 500).paused == QueuePause(at=NOW, note="x" * 500)
    with pytest.raises(InvalidInput, match="note: 501 characters; use at most 500"):
        close_queue(QUEUE, "paused", NOW, "x" * 501)


def test_a_reference_is_made_once() -> None:
    """The same project and name give the same value, and a task's queue is one of them."""
    task = make_task(Pending(due=NOW), queue="mail")
    assert queue_of(task) is queue_ref(task.project, "mail")
    assert queue_ref("a", "mail") != queue_ref("b", "mail")


LEFT_OPEN = Creation(task=make_task(Pending(due=NOW)), inherits=frozenset({"retry", "timeout"}))


def test_the_nearest_setting_wins() -> None:
    """What the request left open is the queue's, where it has it; what it set stays."""
    own = changed(QUEUE, retry=Never(), timeout=timedelta(seconds=9))
    taken = settled(LEFT_OPEN, own).task
    assert (taken.retry, taken.timeout) == (Never(), timedelta(seconds=9))
    set_by_hand = settled(changed(LEFT_OPEN, inherits=frozenset()), own).task
    assert set_by_hand == LEFT_OPEN.task


def test_a_queue_without_defaults_leaves_the_general_ones() -> None:
    """As does one that nobody configured."""
    task = changed(LEFT_OPEN.task, retry=MERGENT)
    creation = changed(LEFT_OPEN, task=task)
    assert settled(creation, QUEUE).task == task
    assert settled(creation, None) is creation


def test_a_draining_queue_takes_nothing_new() -> None:
    """A paused one does: its tasks wait."""
    with pytest.raises(Conflict, match="queue mail: it is draining"):
        settled(LEFT_OPEN, close_queue(QUEUE, "draining", NOW, ""))
    assert settled(LEFT_OPEN, close_queue(QUEUE, "paused", NOW, "")).task == LEFT_OPEN.task


def test_the_log_stays_in_order_when_the_clock_goes_back() -> None:
    """Oldest first, of the queue and of each key: what opens a window is judged by their order."""
    second = timedelta(seconds=1)
    queue = edit_queue(QUEUE, QueueEdit(rate=Rate(count=3, per=10 * second), key_rate=Rate(count=3, per=10 * second)))
    tasks = [make_task(Pending(due=NOW), id=f"task-{number}", key="k") for number in range(4)]
    for task, at in zip(tasks, (NOW + 5 * second, NOW + 2 * second, NOW + 3 * second), strict=False):
        queue = admit(QueueView(queue=queue, running={}), [task], at, 1).queue
    in_order = (NOW + 2 * second, NOW + 3 * second, NOW + 5 * second)
    assert queue.starts == in_order
    assert [turn.starts for turn in queue.turns] == [in_order]
    held_back = admit(QueueView(queue=queue, running={}), tasks[3:], NOW + 4 * second, 1)
    assert (held_back.admitted, held_back.again) == ((), NOW + 12 * second)
