"""Creating tasks: a taken name and a repeated request, policy by policy."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve as changed

from mainspring.core.commands import Edit
from mainspring.core.creation import KEEP_KEYS, Accepted, ClashPolicy, Creation, IdempotencyKey, clash, repeated
from mainspring.core.errors import Conflict, InvalidInput
from mainspring.core.events import TaskEdited
from mainspring.core.ids import TaskId
from mainspring.core.machine import Decision
from mainspring.core.retry import Never
from mainspring.core.states import Pending, State
from mainspring.core.task import FollowUp, Task, new_task
from support.builders import (
    DAY,
    FUNCTION,
    HOUR,
    HTTP,
    NOW,
    SCHEDULE_ID,
    TASK_ID,
    at,
    cancelling,
    make_task,
    one_of_each_state,
    running,
)

FOLLOW_UP = FollowUp(call=FUNCTION)
THERE = make_task(Pending(due=at(60)), name="welcome")


def wanted(**fields: object) -> Task:
    """Another task of the same name, to be created one second later."""
    values: dict[str, object] = {"task_id": TaskId(SCHEDULE_ID), "call": HTTP, "at": at(1), "name": "welcome"}
    return new_task(**(values | fields))


def test_reject_refuses_and_names_who_has_the_name() -> None:
    """The default: the caller learns which task it is and what else there is."""
    creation = Creation(task=wanted())
    assert creation.on_clash == "reject"
    with pytest.raises(Conflict) as refused:
        clash(THERE, creation)
    assert str(refused.value) == (
        f"name 'welcome': task {TASK_ID} has it; "
        "wait for its end, use another name, or ask to keep, replace or debounce it"
    )


@pytest.mark.parametrize("state", [Pending(due=NOW), running(), cancelling()])
def test_keep_answers_with_the_task_that_is_there(state: State) -> None:
    """Whatever its state, nothing is written."""
    there = changed(THERE, state=state)
    decision, how = clash(there, Creation(task=wanted(), on_clash="keep"))
    assert how == "kept"
    assert decision == Decision(task=there, read_version=1, events=(), effects=())


def test_replace_gives_the_pending_task_what_the_new_one_wanted() -> None:
    """All that a creation sets; id, name, creation, attempts and the course of versions stay."""
    later: dict[str, Any] = {"key": "k", "start_by": at(1) + DAY, "on_success": FOLLOW_UP, "on_failure": FOLLOW_UP}
    new = wanted(call=FUNCTION, delay=HOUR, queue="mail", priority=7, retry=Never(), timeout=HOUR, **later)
    decision, how = clash(THERE, Creation(task=new, on_clash="replace"))
    assert how == "replaced"
    due = at(1) + HOUR
    edit = Edit(at=at(1), due=due, call=FUNCTION, queue="mail", priority=7, retry=Never(), timeout=HOUR, **later)
    assert decision.events == (TaskEdited(at=at(1), due=due, edit=edit),)
    assert decision.task == changed(
        THERE,
        state=Pending(due=due),
        scheduled_for=due,
        call=FUNCTION,
        queue="mail",
        priority=7,
        retry=Never(),
        timeout=HOUR,
        version=2,
        **later,
    )


def test_replace_takes_away_what_the_new_request_leaves_open() -> None:
    """Nothing of the old request comes up in the middle of the new one."""
    there = changed(THERE, key="k", start_by=at(90), on_success=FOLLOW_UP, on_failure=FOLLOW_UP, priority=5)
    new = wanted()
    decision, _ = clash(there, Creation(task=new, on_clash="replace"))
    kept = {"id": there.id, "created_at": there.created_at, "version": 2}
    assert decision.task == changed(new, **kept)


def test_debounce_only_moves_the_instants() -> None:
    """Each new request puts the task off; what it does stays what it was."""
    decision, how = clash(THERE, Creation(task=wanted(call=FUNCTION, delay=DAY, priority=7), on_clash="debounce"))
    assert how == "debounced"
    due = at(1) + DAY
    assert decision.task == changed(THERE, state=Pending(due=due), scheduled_for=due, version=2)
    assert decision.events == (TaskEdited(at=at(1), due=due, edit=Edit(at=at(1), due=due, start_by=None)),)
    held = changed(THERE, start_by=at(90))
    pushed, _ = clash(held, Creation(task=wanted(delay=HOUR, start_by=at(1) + DAY), on_clash="debounce"))
    assert pushed.task.start_by == at(1) + DAY


def test_a_creation_that_is_not_pending_is_read_by_what_it_was_scheduled_for() -> None:
    """A task that is imported in another state still says when it was to run."""
    imported = make_task(one_of_each_state()[Pending], scheduled_for=at(5))
    decision, _ = clash(THERE, Creation(task=imported, on_clash="debounce"))
    assert decision.task.state.due == NOW
    ended = make_task(running(), scheduled_for=at(5))
    decision, _ = clash(THERE, Creation(task=ended, on_clash="debounce"))
    assert decision.task.state.due == at(5)


@pytest.mark.parametrize("policy", ["replace", "debounce"])
@pytest.mark.parametrize("state", [running(), cancelling()])
def test_a_task_that_runs_cannot_be_replaced(policy: ClashPolicy, state: State) -> None:
    """It is too late: the conflict says in which state it is."""
    with pytest.raises(Conflict) as refused:
        clash(changed(THERE, state=state), Creation(task=wanted(), on_clash=policy))
    assert str(refused.value) == (
        f"name 'welcome': task {TASK_ID} has it; it is {state.status} and cannot be changed any more; wait for its end"
    )


def test_a_repeated_request_answers_with_the_first_task() -> None:
    """Whatever has become of it; nothing is created."""
    key = IdempotencyKey(key="k-1", fingerprint="abc")
    for state in one_of_each_state().values():
        there = changed(THERE, state=state)
        assert repeated(there, key, IdempotencyKey(key="k-1", fingerprint="abc")) == Accepted(
            task=there, how="repeated"
        )
    assert KEEP_KEYS == DAY


def test_a_key_that_was_used_for_another_request_is_refused() -> None:
    """A client that reuses a key by mistake does not get a stranger's task."""
    with pytest.raises(Conflict) as refused:
        repeated(THERE, IdempotencyKey(key="k", fingerprint="abc"), IdempotencyKey(key="k", fingerprint="abd"))
    assert str(refused.value) == (
        f"idempotency_key: key 'k' was used for another request (task {TASK_ID}); use a new key for a new request"
    )


@pytest.mark.parametrize("key", ["k", "x" * 255, "6f1c-9d2e", "~ !"])
def test_keys_that_are_accepted(key: str) -> None:
    """1 to 255 printable ASCII characters."""
    assert IdempotencyKey(key=key, fingerprint="").key == key


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\n", "\x00", "a\x7f"])
def test_keys_that_are_refused(key: str) -> None:
    """Anything that a header could not carry as it is; a long one is shown in part."""
    with pytest.raises(InvalidInput) as refused:
        IdempotencyKey(key=key, fingerprint="")
    assert str(refused.value) == f"idempotency_key: {key[:40]!r} is no key; use 1 to 255 ASCII characters"


FIRST = new_task(task_id=TASK_ID, call=HTTP, at=NOW, name="welcome", delay=HOUR)


@pytest.mark.parametrize("seconds", [0, 10])
def test_the_same_request_a_moment_later_is_answered_with_the_task_that_is_there(seconds: int) -> None:
    """Its sender never saw the answer: a refusal would be a lie, a second task a duplicate."""
    again = wanted(at=at(seconds), delay=HOUR)
    decision, how = clash(FIRST, Creation(task=again, on_clash="repeat"))
    assert how == "repeated"
    assert decision == Decision(task=FIRST, read_version=1, events=(), effects=())
    running_already = changed(FIRST, state=running())
    assert clash(running_already, Creation(task=again, on_clash="repeat"))[0].task is running_already


def test_the_same_instant_counts_as_the_same_wait() -> None:
    """A request that names its instant asks for the same one each time."""
    again = wanted(at=at(3), scheduled_for=FIRST.scheduled_for)
    assert clash(FIRST, Creation(task=again, on_clash="repeat"))[1] == "repeated"


@pytest.mark.parametrize(
    "again",
    [
        wanted(at=at(10.001), delay=HOUR),
        wanted(at=at(-1), delay=HOUR),
        wanted(call=FUNCTION, delay=HOUR),
        wanted(delay=DAY),
        wanted(delay=HOUR, priority=1),
    ],
    ids=["too late", "before it", "another call", "another instant", "another priority"],
)
def test_another_request_for_the_name_is_refused(again: Task) -> None:
    """As ``reject`` refuses it."""
    with pytest.raises(Conflict, match="has it; wait for its end"):
        clash(FIRST, Creation(task=again, on_clash="repeat"))
