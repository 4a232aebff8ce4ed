"""What every storage guarantees about tasks, rule by rule."""

from __future__ import annotations

from datetime import datetime

import pytest
from attrs import evolve

from mainspring.core.commands import Edit, Fail, Requeue, Succeed
from mainspring.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound, StaleRun, Unavailable
from mainspring.core.events import CancelAsked, RetryScheduled, RunStarted, RunSucceeded
from mainspring.core.ids import TaskId
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import Refused, Storage, TaskQuery
from mainspring.core.queue import queue_ref
from mainspring.core.states import Failed, Pending, Running, Succeeded
from mainspring.core.task import DEFAULT_PROJECT, FollowUp, FunctionCall, HttpCall, Task
from mainspring.testing.conformance.port import creations, take
from mainspring.testing.conformance.values import (
    ALL,
    FAILURE,
    HOUR,
    MINUTE,
    SECOND,
    added,
    cancel,
    fail,
    heartbeat,
    lose,
    running,
    start,
    succeed,
    task,
)

NOBODY = TaskId("00000000-0000-7000-8000-000000000000")


def _page(storage: Storage, **fields: object) -> list[TaskId]:
    return [found.id for found in storage.find(TaskQuery(**fields)).items]  # type: ignore[arg-type]


class AddingAndReading:
    """add, get, find, count, delete."""

    def test_what_was_added_is_read_back_equal(self, storage: Storage) -> None:
        """A task comes back as the value that went in."""
        call = HttpCall(url="https://example.com/a", headers=(("X-A", "b"), ("X-A", "ü")), body="körper\0")
        made = added(storage, call=call, name="n", priority=-7, queue="q", start_by=storage.now() + HOUR)
        assert storage.get(made.id) == made

    def test_a_missing_task_is_not_found(self, storage: Storage) -> None:
        """get and history raise NotFound."""
        for read in (storage.get, storage.history):
            with pytest.raises(NotFound):
                read(NOBODY)

    def test_an_id_that_exists_is_a_conflict_and_nothing_is_added(self, storage: Storage) -> None:
        """All or none: also when the clash is the last of the batch, or within it."""
        first = added(storage)
        fresh = task(storage)
        for batch in ([fresh, first], [fresh, fresh]):
            with pytest.raises(Conflict):
                storage.add(creations(batch))
            with pytest.raises(NotFound):
                storage.get(fresh.id)

    def test_a_name_is_held_by_one_live_task_of_a_project(self, storage: Storage) -> None:
        """A second live one is refused; another project or an ended holder is no hindrance."""
        holder = added(storage, name="report")
        with pytest.raises(Conflict):
            storage.add(creations([task(storage), task(storage, name="report")]))
        with pytest.raises(Conflict):
            storage.add(creations([task(storage, name="twin"), task(storage, name="twin")]))
        assert storage.count("default") == {"pending": 1}
        added(storage, name="report", project="other")
        storage.update([holder.id], cancel)
        added(storage, name="report")

    def test_adding_nothing_is_fine(self, storage: Storage) -> None:
        """An empty batch changes nothing."""
        storage.add(creations([]))
        assert storage.find(ALL).items == ()

    def test_find_gives_the_newest_first_page_by_page(self, storage: Storage) -> None:
        """By (created_at, id) descending; the cursors lead through all of them, the last page has none."""
        now = storage.now()
        made = [task(storage, created_at=now + (index // 2) * SECOND) for index in range(7)]
        storage.add(creations(made))
        expected = [one.id for one in sorted(made, key=lambda one: (one.created_at, one.id), reverse=True)]
        seen: list[TaskId] = []
        cursor = None
        for _ in range(4):
            page = storage.find(TaskQuery(limit=2, after=cursor))
            seen += [one.id for one in page.items]
            cursor = page.cursor
        assert seen == expected
        assert cursor is None
        assert storage.find(TaskQuery(limit=7)).cursor is None

    def test_pages_hold_while_tasks_come_and_go(self, storage: Storage) -> None:
        """A newer task does not shift the next page, nor does a deleted one."""
        now = storage.now()
        made = [task(storage, created_at=now + index * SECOND) for index in range(4)]
        storage.add(creations(made))
        page = storage.find(TaskQuery(limit=2))
        storage.add(creations([task(storage, created_at=now + HOUR)]))
        storage.delete([made[2].id])
        assert _page(storage, limit=2, after=page.cursor) == [made[1].id, made[0].id]

    def test_find_filters_by_all_conditions_together(self, storage: Storage) -> None:
        """Project, statuses, queue and name."""
        one = added(storage, queue="a", name="x")
        two = added(storage, queue="b")
        other = added(storage, project="other", queue="a")
        storage.update([two.id], cancel)
        assert set(_page(storage)) == {one.id, two.id}
        assert _page(storage, queue="a") == [one.id]
        assert _page(storage, name="x") == [one.id]
        assert _page(storage, name="x", statuses=frozenset({"cancelled"})) == []
        assert _page(storage, statuses=frozenset({"cancelled", "failed"})) == [two.id]
        assert _page(storage, project="other") == [other.id]
        assert _page(storage, project="other", queue="b") == []

    @pytest.mark.parametrize("cursor", ["", "x", "1", "1.", ".x", "99999999999999999999.x"])
    def test_a_foreign_cursor_is_invalid_input(self, storage: Storage, cursor: str) -> None:
        """The field is named as the query has it."""
        with pytest.raises(InvalidInput) as caught:
            storage.find(TaskQuery(after=cursor))
        assert caught.value.field == "after"

    def test_count_counts_by_status_within_a_project(self, storage: Storage) -> None:
        """Statuses without tasks may be missing; another project's do not count."""
        running(storage)
        added(storage)
        added(storage)
        added(storage, project="other")
        assert {status: n for status, n in storage.count("default").items() if n} == {"pending": 2, "running": 1}
        assert not any(storage.count("nowhere").values())

    def test_delete_removes_tasks_in_any_state_and_counts_them(self, storage: Storage) -> None:
        """Missing ones do not count; the history goes too, the name is free again."""
        held = running(storage, name="n")
        waiting = added(storage)
        assert storage.delete([held.id, NOBODY, waiting.id, held.id]) == 2
        with pytest.raises(NotFound):
            storage.history(held.id)
        storage.add(creations([evolve(held, state=waiting.state)]))
        assert storage.history(held.id) == ()

    def test_delete_asks_about_each_task_as_it_is_now(self, storage: Storage) -> None:
        """What was found as wanted and has become something else meanwhile stays, with its history."""
        requeued, ended = added(storage, name="n"), added(storage)
        storage.update([requeued.id, ended.id], cancel)
        storage.update([requeued.id], lambda given, at: handle(given, Requeue(at=at)))

        def wanted(given: Task) -> bool:
            return given.state.status == "cancelled"

        assert storage.delete([requeued.id, NOBODY, ended.id], wanted) == 1
        assert storage.get(requeued.id).state.status == "pending"
        assert len(storage.history(requeued.id)) == 2
        with pytest.raises(NotFound):
            storage.get(ended.id)

    def test_an_error_in_the_question_deletes_nothing(self, storage: Storage) -> None:
        """All or none, also where the second one is asked about in vain."""
        kept = [added(storage), added(storage)]

        def broken(given: Task) -> bool:
            if given.id == kept[1].id:
                raise RuntimeError("nobody knows")
            return True

        with pytest.raises(RuntimeError, match="nobody knows"):
            storage.delete([made.id for made in kept], broken)
        assert [storage.get(made.id) for made in kept] == kept


class Taking:
    """take and reclaim."""

    def test_due_tasks_are_taken_once(self, storage: Storage) -> None:
        """What was taken is written, and not there for the next taker."""
        made = added(storage)
        (decision,) = take(storage, (), 10, start())
        assert decision.task.id == made.id
        assert storage.get(made.id) == decision.task
        assert isinstance(decision.task.state, Running)
        assert take(storage, (), 10, start()) == ()

    def test_the_step_is_given_the_task_and_the_storages_instant(self, storage: Storage) -> None:
        """``at`` is read inside the transaction: between the instants before and after."""
        made = added(storage)
        seen: list[tuple[Task, datetime]] = []
        before = storage.now()

        def step(given: Task, at: datetime) -> Decision:
            seen.append((given, at))
            return start()(given, at)

        take(storage, (), 1, step)
        ((given, at),) = seen
        assert given == made
        assert before <= at <= storage.now()

    def test_tasks_that_are_not_due_stay(self, storage: Storage) -> None:
        """No early start; and a high priority in the future does not hide what is due."""
        added(storage, late=-HOUR, priority=9)
        due = added(storage, priority=1)
        assert [decision.task.id for decision in take(storage, (), 10, start())] == [due.id]

    def test_the_order_is_priority_then_due_then_id(self, storage: Storage) -> None:
        """In each queue by itself; also where a batch ends in the middle."""
        now = storage.now()
        made = [
            task(storage, priority=priority, queue=queue, state=Pending(due=now - late * SECOND))
            for priority in (0, 5)
            for late in (1, 2)
            for queue in ("a", "b", "c")
            for _ in range(2)
        ]
        storage.add(creations(made))

        def order(one: Task) -> tuple[int, datetime, str]:
            assert isinstance(one.state, Pending)
            return -one.priority, one.state.due, one.id

        for queue in ("a", "b", "c"):
            expected = [one.id for one in sorted(made, key=order) if one.queue == queue]
            taken = [decision.task.id for _ in range(3) for decision in take(storage, (queue,), 3, start())]
            assert taken == expected

    def test_only_the_named_queues_are_taken_from(self, storage: Storage) -> None:
        """None named: any; a queue named twice counts once; a queue that does not exist is empty."""
        one, two, three = (added(storage, queue=queue) for queue in ("a", "b", "c"))
        assert take(storage, ("nowhere",), 10, start()) == ()
        assert [decision.task.id for decision in take(storage, ("b", "b", "nowhere"), 10, start())] == [two.id]
        assert {decision.task.id for decision in take(storage, (), 10, start())} == {one.id, three.id}

    def test_at_most_limit_tasks_are_taken(self, storage: Storage) -> None:
        """The rest stays for the next; 0 takes nothing."""
        storage.add(creations([task(storage) for _ in range(5)]))
        assert [len(take(storage, (), limit, start())) for limit in (0, 3, 3, 3)] == [0, 3, 2, 0]

    def test_an_error_of_the_step_is_passed_on_and_nothing_is_written(self, storage: Storage) -> None:
        """Also not what the step decided about the tasks before; they can be taken afterwards."""
        made = [added(storage), added(storage)]
        calls: list[Task] = []

        def step(given: Task, at: datetime) -> Decision:
            calls.append(given)
            if len(calls) == 2:
                raise RuntimeError("the step broke")
            return start()(given, at)

        with pytest.raises(RuntimeError, match="broke"):
            take(storage, (), 10, step)
        assert [storage.get(one.id) for one in made] == made
        assert len(take(storage, (), 10, start())) == 2

    def test_a_step_without_events_writes_nothing(self, storage: Storage) -> None:
        """The task stays as it is, and due."""
        made = added(storage)

        def step(given: Task, at: datetime) -> Decision:
            return Decision(task=given, read_version=given.version, events=(), effects=())

        assert len(take(storage, (), 10, step)) == 1
        assert storage.get(made.id) == made
        assert len(take(storage, (), 10, start())) == 1

    def test_a_step_that_answers_for_another_task_is_a_conflict(self, storage: Storage) -> None:
        """Nothing is written."""
        made, other = added(storage), added(storage, late=-HOUR)
        with pytest.raises(Conflict):
            take(storage, (), 1, lambda given, at: cancel(other, at))
        assert [storage.get(one.id) for one in (made, other)] == [made, other]

    def test_runs_whose_lease_has_ended_are_reclaimed_oldest_first(self, storage: Storage) -> None:
        """A lease that holds is left alone; one reclaimed is not reclaimed again."""
        running(storage)
        late = running(storage, ago=HOUR, lease=30 * MINUTE)
        later = running(storage, ago=HOUR, lease=45 * MINUTE)
        storage.update([later.id], cancel)
        reclaimed = [decision.task for _ in range(3) for decision in storage.reclaim(1, lose)]
        assert [one.id for one in reclaimed] == [late.id, later.id]
        assert [one.state.status for one in reclaimed] == ["pending", "cancelled"]

    def test_a_heartbeat_moves_the_lease(self, storage: Storage) -> None:
        """What is extended is not reclaimed, and leaves no record."""
        held = running(storage, ago=MINUTE, lease=MINUTE + SECOND)
        storage.update([held.id], heartbeat)
        assert storage.reclaim(10, lose) == ()
        assert [type(event) for event in storage.history(held.id)] == [RunStarted]

    def test_upcoming_names_the_earliest_due_and_lease(self, storage: Storage) -> None:
        """Past instants too; only the named queues count for tasks; None where nothing is in sight."""
        nothing = storage.upcoming(())
        assert (nothing.tasks, nothing.lease, nothing.schedule) == ({}, None, None)
        now = storage.now()
        for queue, priority, late in (("a", 0, 5), ("a", 9, 1), ("b", 0, 9), ("c", 3, -60)):
            storage.add(
                creations([task(storage, queue=queue, priority=priority, state=Pending(due=now - late * SECOND))])
            )
        longest = {"a": 5, "b": 9, "c": -60}
        dues = {queue_ref(DEFAULT_PROJECT, name): now - seconds * SECOND for name, seconds in longest.items()}
        assert storage.upcoming(()).tasks == dues
        assert set(storage.upcoming(("a", "c")).tasks) == {ref for ref in dues if ref.name != "b"}
        assert storage.upcoming(("nowhere",)).tasks == {}
        held = running(storage, ago=HOUR, lease=MINUTE)
        running(storage)
        assert isinstance(held.state, Running)
        assert storage.upcoming(()).lease == held.state.lease_until


class Writing:
    """save, update, history."""

    def test_save_writes_over_the_version_that_was_read_only(self, storage: Storage) -> None:
        """A stale decision changes nothing and does not hold up the others."""
        fresh, stale = running(storage), running(storage)
        decisions = [succeed(one, storage.now()) for one in (stale, fresh)]
        storage.update([stale.id], heartbeat)
        assert storage.save(decisions) == (False, True)
        assert storage.get(stale.id).state.status == "running"
        assert storage.get(fresh.id) == decisions[1].task
        assert len(storage.history(stale.id)) == 1

    def test_a_decision_is_applied_once(self, storage: Storage) -> None:
        """The second time its version has moved on, also within one call."""
        decision = succeed(running(storage), storage.now())
        assert storage.save([decision, decision]) == (True, False)
        assert storage.save([decision]) == (False,)
        assert [type(event) for event in storage.history(decision.task.id)] == [RunStarted, RunSucceeded]

    def test_a_lost_run_cannot_overwrite_the_one_that_replaced_it(self, storage: Storage) -> None:
        """Fencing: the old worker's report is refused."""
        old = running(storage, ago=HOUR, lease=MINUTE)
        storage.reclaim(1, lose)
        storage.update([old.id], lambda given, at: handle(given, Edit(at=at, due=at)))
        take(storage, (), 1, start(worker="worker-2"))
        assert storage.save([succeed(old, storage.now())]) == (False,)
        (answer,) = storage.update([old.id], succeed)
        assert isinstance(answer, Refused)
        assert isinstance(answer.error, StaleRun)
        state = storage.get(old.id).state
        assert isinstance(state, Running)
        assert (state.worker, state.run) == ("worker-2", 2)

    def test_a_missing_task_is_not_saved(self, storage: Storage) -> None:
        """False, as for any version that is not there."""
        held = running(storage)
        storage.delete([held.id])
        assert storage.save([succeed(held, storage.now())]) == (False,)

    def test_decisions_of_one_call_may_follow_one_another(self, storage: Storage) -> None:
        """They are written in order: a later one may build on an earlier one, or take a name that it gave up."""
        held = running(storage, name="n")
        other = added(storage, late=-HOUR)
        ended = succeed(held, storage.now())
        again = handle(ended.task, Requeue(at=storage.now()))
        renamed = handle(other, Edit(at=storage.now(), name="n"))
        assert storage.save([ended, renamed]) == (True, True)
        assert storage.get(other.id).name == "n"
        with pytest.raises(Conflict):
            storage.save([again])
        dropped = handle(renamed.task, Edit(at=storage.now(), name=None))
        assert storage.save([dropped, again]) == (True, True)
        assert storage.get(held.id) == again.task

    def test_a_taken_name_refuses_the_whole_call(self, storage: Storage) -> None:
        """Conflict, and nothing of it is written."""
        added(storage, name="n")
        held, other = running(storage), added(storage, late=-HOUR)
        with pytest.raises(Conflict):
            storage.save([succeed(held, storage.now()), handle(other, Edit(at=storage.now(), name="n"))])
        assert storage.get(held.id) == held
        assert len(storage.history(held.id)) == 1

    def test_a_decision_without_events_is_applied_if_current(self, storage: Storage) -> None:
        """Nothing is written for it."""
        made = added(storage)
        nothing = Decision(task=made, read_version=1, events=(), effects=())
        assert storage.save([nothing, evolve(nothing, read_version=2)]) == (True, False)
        assert storage.get(made.id) == made

    def test_update_answers_in_the_order_asked(self, storage: Storage) -> None:
        """A step's own refusal, a missing task and a taken name refuse that task only."""
        added(storage, name="n")
        good, ended, clash = added(storage), running(storage), added(storage)
        storage.update([ended.id], succeed)

        def step(given: Task, at: datetime) -> Decision:
            return handle(given, Edit(at=at, name="n")) if given.id == clash.id else cancel(given, at)

        answers = storage.update([ended.id, NOBODY, clash.id, good.id], step)
        errors = [answer.error if isinstance(answer, Refused) else None for answer in answers]
        assert [type(error) for error in errors] == [IllegalTransition, NotFound, Conflict, type(None)]
        assert [answer.task_id for answer in answers if isinstance(answer, Refused)] == [ended.id, NOBODY, clash.id]
        assert storage.get(good.id).state.status == "cancelled"
        assert storage.get(clash.id) == clash

    def test_an_update_sees_what_the_same_call_wrote(self, storage: Storage) -> None:
        """Naming a task twice passes it through the step twice."""
        held = running(storage)
        first, second = storage.update([held.id, held.id], cancel)
        assert isinstance(first, Decision)
        assert isinstance(second, Decision)
        assert second.events == ()
        assert storage.get(held.id) == first.task

    def test_another_error_of_an_update_step_undoes_the_call(self, storage: Storage) -> None:
        """An error that is not mainspring's is a bug: nothing is written."""
        made = [added(storage), added(storage)]

        def step(given: Task, at: datetime) -> Decision:
            if given.id == made[1].id:
                raise RuntimeError("the step broke")
            return cancel(given, at)

        with pytest.raises(RuntimeError, match="broke"):
            storage.update([one.id for one in made], step)
        assert storage.get(made[0].id) == made[0]

    def test_the_history_is_every_recorded_event_in_order(self, storage: Storage) -> None:
        """From the first start to the end, through a retry; reading it changes nothing."""
        made = running(storage)
        decisions = [fail(made, storage.now())]
        decisions.append(handle(decisions[-1].task, Edit(at=storage.now(), due=storage.now(), priority=3)))
        decisions.append(start()(decisions[-1].task, storage.now()))
        decisions.append(handle(decisions[-1].task, Succeed(at=storage.now(), run=2, result="ü\0")))
        assert storage.save(decisions) == (True,) * 4
        events = [event for decision in decisions for event in decision.events]
        history = storage.history(made.id)
        assert type(history[0]) is RunStarted
        assert type(history[1]) is RetryScheduled
        assert list(history[1:]) == events
        assert storage.get(made.id) == decisions[-1].task

    def test_an_edit_changes_what_is_found_by(self, storage: Storage) -> None:
        """Queue, priority, due and name move in every index."""
        made = added(storage, late=-HOUR, queue="a", name="old")
        edit = Edit(
            at=storage.now(), due=storage.now(), queue="b", priority=5, name="new", call=FunctionCall(function="f")
        )
        storage.update([made.id], lambda given, at: handle(given, edit))
        assert _page(storage, queue="a") == []
        assert _page(storage, name="new") == [made.id]
        assert storage.upcoming(("a",)).tasks == {}
        added(storage, name="old")
        assert [decision.task.call for decision in take(storage, ("b",), 1, start())] == [FunctionCall(function="f")]

    def test_a_requeued_task_is_live_again(self, storage: Storage) -> None:
        """It can be taken again, keeps its history, and holds its name."""
        held = running(storage, name="n")
        storage.update([held.id], succeed)
        storage.update([held.id], lambda given, at: handle(given, Requeue(at=at)))
        with pytest.raises(Conflict):
            added(storage, name="n")
        (decision,) = take(storage, (), 1, start())
        assert decision.task.id == held.id
        assert len(storage.history(held.id)) == 4

    def test_follow_ups_are_written_with_the_end_that_asks_for_them(self, storage: Storage) -> None:
        """In the same transaction: a stale end makes none."""
        after = FollowUp(call=FunctionCall(function="after"))
        good = running(storage, on_success=after, on_failure=after)
        decision = succeed(good, storage.now())
        bad = handle(good, Fail(at=storage.now(), run=1, failure=evolve(FAILURE, permanent=True), entropy=0.0))
        assert storage.save([decision, bad]) == (True, False)
        (follow_up,) = decision.follow_ups
        assert storage.get(follow_up.id) == follow_up
        assert isinstance(bad.task.state, Failed)
        with pytest.raises(NotFound):
            storage.get(bad.follow_ups[0].id)
        assert isinstance(storage.get(good.id).state, Succeeded)

    def test_a_running_task_is_asked_to_stop(self, storage: Storage) -> None:
        """The request is recorded, and the lease goes on."""
        held = running(storage)
        storage.update([held.id], cancel)
        assert storage.get(held.id).state.status == "cancelling"
        assert type(storage.history(held.id)[-1]) is CancelAsked

    def test_a_closed_storage_is_unavailable(self, storage: Storage) -> None:
        """Closing twice is fine; what is asked afterwards is refused."""
        made = task(storage)
        storage.close()
        storage.close()
        with pytest.raises(Unavailable):
            storage.find(ALL)
        with pytest.raises(Unavailable):
            storage.add(creations([made]))
