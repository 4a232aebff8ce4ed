"""The checkers of tasks: each is fed traces that break its invariant, and one that does not."""

from __future__ import annotations

from attrs import evolve as changed

from mainspring.core.commands import Heartbeat, Start, Succeed
from mainspring.core.events import LeaseExtended, RetryScheduled, RunSucceeded
from mainspring.core.machine import handle
from mainspring.core.queue import Limits, Queue, QueuePause, Rate
from mainspring.core.retry import Fixed, Never
from mainspring.core.states import Pending, Running
from mainspring.core.task import FollowUp, FunctionCall
from mainspring.simulation.checkers import ALL, breaches, first_breach
from mainspring.simulation.trace import Trace
from simulation.telling import QUEUE, Teller, at
from support.builders import LEASE, SECOND


def found(trace: Trace, name: str) -> list[str]:
    """What one checker says of a trace; what it says begins with its name."""
    said = [*ALL[name](trace)]
    assert all(breach.startswith(f"{name}: ") for breach in said)
    return said


def a_good_run() -> Teller:
    """Two tasks: one succeeds, one is lost by its worker, repeated, and fails for good."""
    told = Teller()
    told.up()
    first, second = told.add(key="a", retry=Never()), told.add(key="b", retry=Fixed(delay=SECOND, attempts=2))
    told.answer("a", first.id)
    told.start(first, 1)
    told.began(first, 1.1, lease_until=31)
    told.ended(first, 2)
    told.succeed(first, 2.1)
    told.start(second, 3)
    told.lose(second, 33)
    told.start(second, 35)
    told.ended(second, 36, run=2)
    told.fail(second, 36)
    told.calm(40)
    told.reached(41)
    told.over(60)
    return told


def test_nothing_is_said_of_a_good_run() -> None:
    """No checker cries wolf."""
    assert breaches(a_good_run().trace) == []
    assert first_breach(a_good_run().trace) is None


def test_i1_a_request_that_made_two_tasks() -> None:
    """A request that is made again makes no second task, whatever its answers said."""
    told = Teller()
    told.answer("a", told.add(key="a").id)
    told.answer("a", told.add(key="a").id)
    said = found(told.trace, "I1")
    assert len(said) == 2
    assert "was answered with" in said[0]
    assert "made task" in said[1]


def test_i1_an_answer_that_was_a_lie() -> None:
    """What is acknowledged was created."""
    told = Teller()
    told.answer("a", told.add(key="a").id)
    told.trace.entries.pop(0)
    assert "never created" in found(told.trace, "I1")[0]


def test_i1_a_task_that_is_not_there_in_the_end() -> None:
    """What was created, and not deleted, is there."""
    told = Teller()
    told.add()
    told.over(1, tasks={})
    assert "is lost" in found(told.trace, "I1")[0]


def test_i1_a_live_task_that_was_pruned() -> None:
    """Retention takes only what has ended."""
    told = Teller()
    told.remove(told.add(), 1)
    assert "was pruned while it was pending" in found(told.trace, "I1")[0]


def test_i1_one_task_created_twice() -> None:
    """An id is created once."""
    told = Teller()
    told.add(1, task=told.add())
    assert "was created twice" in found(told.trace, "I1")[0]


def test_i2_an_attempt_too_many() -> None:
    """No more attempts start than the policy allows."""
    told = Teller()
    task = told.add(retry=Fixed(delay=SECOND, attempts=2))
    for start in (0, 40, 80):
        state = changed(told.tasks[task.id].state)
        pending = told.tasks[task.id] if isinstance(state, Pending) else None
        assert pending is not None
        told.start(task, start)
        held = told.tasks[task.id]
        decision = handle(changed(held, retry=Fixed(delay=SECOND)), Succeed(at=at(start), run=held.state.tally.runs))
        retried = RetryScheduled(
            at=at(start), run=held.state.tally.runs, took=0 * SECOND, failure=_failure(), due=at(start + 1)
        )
        after = changed(held, state=Pending(due=at(start + 1), tally=held.state.tally), version=held.version + 1)
        told.write(task, changed(decision, task=after, events=(retried,)), start, "save")
    assert "attempt 3" in found(told.trace, "I2")[0]


def _failure():
    from support.builders import FAILURE

    return FAILURE


def test_i3_a_run_that_is_taken_over_too_early() -> None:
    """Nobody takes a run over before its lease has ended."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.lose(task, 29, told=30)
    assert "was taken over" in found(told.trace, "I3")[0]


def test_i3_a_lease_by_another_clock() -> None:
    """A lease is counted from the storage's instant."""
    told = Teller()
    task = told.add()
    told.do(task, Start(at=at(15), worker="w0.0", lease=LEASE), 0, "take")
    assert "the lease of" in found(told.trace, "I3")[0]


def test_i3_a_run_that_begins_when_its_lease_is_over() -> None:
    """A run whose answer came too late is not begun; a process that was frozen just then cannot know."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.began(task, 30)
    told.began(task, 31, thawed=True)
    (said,) = found(told.trace, "I3")
    assert "its lease had ended" in said


def test_i3_a_run_that_goes_on_when_its_lease_is_over() -> None:
    """A run stops before its lease ends."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.ended(task, 31)
    assert "acted until" in found(told.trace, "I3")[0]


def test_i4_a_decision_on_an_old_version() -> None:
    """What was decided on another version is not written."""
    told = Teller()
    task = told.add()
    decision = handle(task, Start(at=at(0), worker="w0.0", lease=LEASE))
    told.cancel(task, 0)
    told.write(task, decision, 1, "take")
    assert "a decision on 1 was written" in found(told.trace, "I4")[0]


def test_i4_a_report_of_somebody_else() -> None:
    """Only the worker that holds a run reports its end."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.succeed(task, 1, actor="w1.0")
    assert "RunSucceeded by w1.0" in found(told.trace, "I4")[0]


def test_i4_a_report_of_an_ended_task() -> None:
    """A report counts only while its run is held."""
    told = Teller()
    task = told.add()
    running = told.start(task, 0)
    late = handle(running, Succeed(at=at(2), run=1))
    told.cancel(task, 1)
    told.lose(task, 30)
    told.write(task, changed(late, read_version=told.tasks[task.id].version), 31, "save")
    assert "while" in found(told.trace, "I4")[0]


def test_i4_a_heartbeat_after_the_end_of_the_lease() -> None:
    """An ended lease is not extended."""
    told = Teller()
    running = told.start(told.add(), 0)
    decision = handle(running, Heartbeat(at=at(29), run=1, lease=LEASE))
    assert isinstance(decision.events[0], LeaseExtended)
    told.write(running, decision, 30)
    assert "the lease of" in found(told.trace, "I4")[0]


def test_i5_a_start_before_its_due() -> None:
    """Nothing starts before it is due, whatever instant its record bears."""
    told = Teller()
    task = told.add(delay=10 * SECOND)
    told.do(task, Start(at=at(10), worker="w0.0", lease=LEASE), 9, "take")
    said = found(told.trace, "I5")
    assert "its record says" in said[0]
    assert "it was due at" in said[1]


def test_i5_a_retry_before_its_delay() -> None:
    """The delay counts from the end that the receiver saw."""
    told = Teller()
    task = told.add(retry=Fixed(delay=10 * SECOND))
    told.start(task, 0)
    told.ended(task, 5)
    told.fail(task, 4)
    assert "not 0:00:10 later" in found(told.trace, "I5")[0]


def test_i6_and_i7_a_task_that_comes_back_from_its_end() -> None:
    """A terminal state is final, and the published table knows no such edge."""
    told = Teller()
    task = told.add()
    running = told.start(task, 0)
    told.succeed(task, 1)
    late = handle(running, Succeed(at=at(2), run=1))
    assert isinstance(late.events[0], RunSucceeded)
    told.write(task, late, 2, "save")
    assert "RunSucceeded happened to" in found(told.trace, "I6")[0]
    assert "RunSucceeded happened to" in found(told.trace, "I7")[0]


def test_i10_one_run_too_many() -> None:
    """At no start are there more runs than the queue may have."""
    told = Teller()
    told.queue(0, Queue(ref=QUEUE, limits=Limits(concurrency=1)))
    told.start(told.add(), 1)
    told.start(told.add(), 31)
    assert found(told.trace, "I10") == [], "the first lease has ended by then"
    told.start(told.add(31), 32)
    assert "2 runs" in found(told.trace, "I10")[0]


def test_i10_one_run_of_a_key_too_many() -> None:
    """The limit of a key holds for each key by itself."""
    told = Teller()
    told.queue(0, Queue(ref=QUEUE, key_limits=Limits(concurrency=1)))
    told.start(told.add(priority=1), 1)
    told.start(told.add(key=None), 2)
    assert "2 runs of key ''" in found(told.trace, "I10")[0]


def test_i11_one_start_too_many() -> None:
    """No window holds more starts than the rate allows."""
    told = Teller()
    told.queue(0, Queue(ref=QUEUE, limits=Limits(rate=Rate(count=1, per=5 * SECOND))))
    told.start(told.add(), 1)
    told.start(told.add(), 6)
    assert found(told.trace, "I11") == []
    told.start(told.add(), 10.9)
    assert "2 starts" in found(told.trace, "I11")[0]


def test_i12_a_start_in_a_pause() -> None:
    """A paused queue starts nothing."""
    told = Teller()
    told.queue(0, Queue(ref=QUEUE, paused=QueuePause(at=at(0))))
    told.start(told.add(), 1)
    assert "started while its queue was paused" in found(told.trace, "I12")[0]


def test_i12_a_run_that_does_not_stop() -> None:
    """A run that hears of a cancel stops at once."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.cancel(task, 1)
    told.heard(task, 2)
    told.ended(task, 3)
    assert "went on" in found(told.trace, "I12")[0]


def test_i13_a_record_that_is_missing() -> None:
    """The storage's history is what happened."""
    told = Teller()
    task = told.add()
    told.start(task, 0)
    told.over(1, histories={task.id: ()})
    assert "1 records are missing" in found(told.trace, "I13")[0]


def test_i13_a_run_without_an_end() -> None:
    """A run that is not held has one end."""
    told = Teller()
    task = told.add()
    running = told.start(task, 0)
    assert isinstance(running.state, Running)
    told.write(task, changed(handle(running, Succeed(at=at(1), run=1)), events=()), 1)
    assert "has 0 ends" in found(told.trace, "I13")[0]


def test_i14_a_hand_in_another_project() -> None:
    """Who acts in one project changes nothing of another."""
    told = Teller()
    told.trace.projects["o0.0"] = "other"
    told.cancel(told.add(), 1)
    assert "of project other changed" in found(told.trace, "I14")[0]


def test_i15_a_follow_up_that_was_not_created() -> None:
    """What follows the end of a task is created with that end."""
    told = Teller()
    task = told.add(on_success=FollowUp(call=FunctionCall(function="after")))
    told.start(task, 0)
    running = told.tasks[task.id]
    told.write(task, changed(handle(running, Succeed(at=at(1), run=1)), follow_ups=()), 1, "save")
    assert "was not created" in found(told.trace, "I15")[0]


def test_i15_a_task_that_is_stored_as_something_else() -> None:
    """What is stored is what was decided."""
    told = Teller()
    task = told.add()
    told.over(1, tasks={task.id: changed(task, priority=7)})
    assert "is not stored as it was decided" in found(told.trace, "I15")[0]


def test_i16_the_wrong_order() -> None:
    """Out of a queue go its tasks in the documented order."""
    told = Teller()
    first, second = told.add(), told.add()
    told.took(1, [first, second], [second, first])
    assert "in order it would have been" in found(told.trace, "I16")[0]


def test_the_first_breach_is_found() -> None:
    """A report shows the shortest beginning that is broken."""
    told = Teller()
    told.queue(0, Queue(ref=QUEUE, limits=Limits(concurrency=1)))
    told.start(told.add(), 1)
    told.start(told.add(), 2)
    told.start(told.add(), 3)
    length, breach = first_breach(told.trace) or (0, "")
    assert length == 5
    assert "2 runs" in breach
