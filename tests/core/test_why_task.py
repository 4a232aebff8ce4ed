"""Why a task is what it is: each case as a sentence, with the fact that it rests on."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve as changed
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.commands import (
    Cancel,
    Command,
    ConfirmCancel,
    Edit,
    Expire,
    Fail,
    Heartbeat,
    Note,
    Release,
    Requeue,
    RunNow,
    Snooze,
    Start,
    Succeed,
)
from mainspring.core.errors import InvalidInput
from mainspring.core.events import Event, RetryScheduled
from mainspring.core.machine import handle
from mainspring.core.ports import SUPERSEDED
from mainspring.core.queue import Limits, Queue, QueuePause, QueueRef, QueueView, Rate, Turn, admit
from mainspring.core.retry import Exponential, Failure, Fixed, Ladder, Never
from mainspring.core.retry_text import format_retry
from mainspring.core.schedule import Created, Slot
from mainspring.core.schedule.plan import jitter_of, plan
from mainspring.core.states import Cancelled, Cancelling, Expired, Failed, Pending, Running, State, Succeeded, Tally
from mainspring.core.task import Fired, Followed, RunByHand, Task
from mainspring.core.why import Reason, why_task
from mainspring.core.why.of_task import MAX_EVENTS
from support.builders import (
    DAY,
    FAILURE,
    HOUR,
    LEASE,
    MINUTE,
    NOW,
    SCHEDULE_ID,
    SECOND,
    TASK_ID,
    at,
    cancelling,
    make_task,
    one_of_each_event,
    one_of_each_state,
    running,
)
from support.schedules import World, make_schedule

MAIL = QueueRef("default", "mail")


def live(*commands: Command, **fields: Any) -> tuple[Task, tuple[Event, ...]]:
    """A task after these commands, and its history."""
    task = make_task(**({"created_at": NOW, "retry": Fixed(delay=MINUTE, attempts=2)} | fields))
    history: list[Event] = []
    for command in commands:
        decision = handle(task, command)
        task = decision.task
        history += decision.events
    return task, tuple(history)


def start(seconds: float) -> Start:
    """A worker takes it."""
    return Start(at=at(seconds), worker="w1", lease=LEASE)


def fail(seconds: float, run: int, failure: Failure = FAILURE) -> Fail:
    """A run fails."""
    return Fail(at=at(seconds), run=run, failure=failure, entropy=0.0)


def told(task: Task, history: tuple[Event, ...] = (), seconds: float = 0, **known: Any) -> list[str]:
    """The chain behind the rule, sentence by sentence."""
    return [reason.text for reason in why_task(task, at=at(seconds), history=history, **known)[1:]]


# --- who asked for it ----------------------------------------------------------------------------------------------


def test_a_client_asked_for_it() -> None:
    """The chain starts with who created it, and for when."""
    (first, *_) = why_task(make_task(), at=NOW)
    assert first == Reason(
        stage="rule",
        at=NOW - DAY,
        text="A client created it, to run at 2030-01-02T03:04:05Z.",
        fact="task.origin",
    )


def test_the_end_of_another_task_asked_for_it() -> None:
    """A follow-up names the task that it follows, and how that ended."""
    origin = Followed(task_id=TASK_ID, status="failed")
    (first, *_) = why_task(make_task(origin=origin), at=NOW)
    assert first.text == f"Task {TASK_ID} ended as failed and had asked for it, to run at 2030-01-02T03:04:05Z."
    assert (first.stage, first.fact) == ("rule", "task.origin")


def slot(seconds: float = 1, **fields: Any) -> Slot:
    """The record of the occurrence ``NOW``, planned so many seconds later."""
    values: dict[str, Any] = {"schedule_id": SCHEDULE_ID, "occurrence": NOW, "until": NOW, "count": 1}
    return Slot(**(values | {"outcome": Created(task_id=TASK_ID), "at": at(seconds)} | fields))


FIRED = Fired(schedule_id=SCHEDULE_ID, occurrence=NOW)
EVERY = "Every 10 minutes of elapsed time, counted from 2030-01-02T03:04:05Z"


def test_a_schedule_asked_for_it() -> None:
    """Rule, occurrence, and what the slot record says of it."""
    chain = why_task(make_task(origin=FIRED), at=NOW, schedule=make_schedule(), slot=slot())
    assert chain[:3] == (
        Reason(
            stage="rule", at=None, text=f"Schedule {SCHEDULE_ID} has the rule: {EVERY}.", fact="schedule.recurrence"
        ),
        Reason(stage="occurrence", at=NOW, text="Its occurrence is 2030-01-02T03:04:05Z.", fact="task.origin"),
        Reason(
            stage="policy",
            at=at(1),
            text=f"It was planned 1s after it came due, and made task {TASK_ID}.",
            fact="slot",
        ),
    )


def test_a_schedule_that_is_gone_is_told_so() -> None:
    """Tasks outlive the schedule that made them, and so do slot records."""
    chain = why_task(make_task(origin=FIRED), at=NOW, slot=slot(120))
    assert [reason.text for reason in chain[:3]] == [
        f"Schedule {SCHEDULE_ID} made it; that schedule is not there any more.",
        "Its occurrence is 2030-01-02T03:04:05Z.",
        (
            f"It was planned 2m after it came due, and made task {TASK_ID}. "
            "It had waited for an earlier task, or was caught up."
        ),
    ]
    assert (chain[0].at, chain[0].fact) == (None, "task.origin")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, f"It was planned the moment it came due, and made task {TASK_ID}."),
        (60, f"It was planned 1m after it came due, and made task {TASK_ID}."),
        (
            61.5,
            (
                f"It was planned 1m1s after it came due, and made task {TASK_ID}. It had waited for an earlier task, "
                "or was caught up (overlap serial, catch-up all within 1h)."
            ),
        ),
    ],
)
def test_a_late_plan_names_the_policies_that_may_make_one(seconds: float, text: str) -> None:
    """The record does not say which of them it was, so neither do we."""
    told_of = told(make_task(origin=FIRED), schedule=make_schedule(), slot=slot(seconds))
    assert told_of[1] == text


def test_jitter_is_told() -> None:
    """The wait that is the same for this occurrence each time."""
    schedule = make_schedule(jitter=HOUR)
    wait = jitter_of(schedule, NOW)
    chain = why_task(make_task(origin=FIRED), at=NOW, schedule=schedule)
    (reason,) = (reason for reason in chain if reason.fact == "schedule.jitter")
    assert reason.at == NOW + wait
    assert reason.text.startswith("The schedule's jitter puts this occurrence off by ")
    assert reason.text.endswith(" (of at most 1h).")


def test_by_hand() -> None:
    """Run now and backfill are marked as such; their slot is told if it was read."""
    task = make_task(origin=RunByHand(schedule_id=SCHEDULE_ID, occurrence=NOW))
    (first, *_) = why_task(task, at=NOW)
    assert first.text == f"Schedule {SCHEDULE_ID} was run by hand for 2030-01-02T03:04:05Z."
    late = told(task, slot=slot(300, manual=True), schedule=make_schedule())
    assert late[0] == f"It was planned 5m after it came due, and made task {TASK_ID}."
    assert "slot" not in {reason.fact for reason in why_task(task, at=NOW)}


# --- what happened -------------------------------------------------------------------------------------------------


def test_it_ran_and_succeeded() -> None:
    """When it started, how late, and how it ended; nothing is said twice."""
    task, history = live(start(2), Succeed(at=at(5), run=1))
    chain = why_task(task, at=at(60), history=history)
    assert chain[1:] == (
        Reason(
            stage="gate",
            at=at(2),
            text="Worker w1 started run 1 (attempt 1), 2s after it was due.",
            fact="event 1: RunStarted",
        ),
        Reason(stage="outcome", at=at(5), text="Run 1 succeeded after 3s.", fact="event 2: RunSucceeded"),
    )


def test_it_was_retried_then() -> None:
    """The failure, the wait, and the policy that asked for it; then the next start, measured by its own due."""
    task, history = live(start(0), fail(1, 1), start(63.25))
    assert told(task, history, 64)[:3] == [
        "Worker w1 started run 1 (attempt 1), the moment it was due.",
        (
            "Run 1 failed after 1s (HTTP 503); the next attempt was due 1m later, at 2030-01-02T03:05:06Z: "
            "policy fixed(attempts=2, delay=1m)."
        ),
        "Worker w1 started run 2 (attempt 2), 2s250ms after it was due.",
    ]


def test_retry_after_is_told_where_it_decided() -> None:
    """Not where the policy would have waited as long."""
    asked = changed(FAILURE, retry_after=HOUR)
    task, history = live(start(0), fail(1, 1, asked))
    assert told(task, history)[1].endswith(
        "due 1h later, at 2030-01-02T04:04:06Z: its answer asked for that (Retry-After)."
    )
    task, history = live(start(0), fail(1, 1, changed(FAILURE, retry_after=SECOND)))
    assert told(task, history)[1].endswith(": policy fixed(attempts=2, delay=1m).")
    jittered = Fixed(delay=MINUTE, jitter=0.5)
    longest = Fail(at=at(1), run=1, failure=changed(FAILURE, retry_after=SECOND), entropy=0.999)
    task, history = live(start(0), longest, retry=jittered)
    assert told(task, history)[1].endswith(": policy fixed(jitter=0.5, delay=1m).")


def test_a_retry_without_its_start_is_told_by_the_policy() -> None:
    """A history that was cut short does not name the attempt; nothing is guessed."""
    event = one_of_each_event()[RetryScheduled]
    asked = changed(event, failure=changed(FAILURE, retry_after=HOUR))
    assert told(make_task(), (asked,))[0].endswith(": policy mergent.")


def test_a_long_policy_is_cut() -> None:
    """A ladder of a hundred steps is not a sentence."""
    task, history = live(start(0), fail(1, 1), retry=Ladder(steps=(HOUR,) * 100))
    assert told(task, history)[1].endswith(f": policy {format_retry(task.retry)[:120]}….")


def test_a_policy_without_a_curve_waits_for_whoever_asks() -> None:
    """When the policy was edited to one without retries, the record still tells what was decided before."""
    _, history = live(start(0), fail(1, 1, changed(FAILURE, retry_after=HOUR)))
    assert told(make_task(retry=Never()), history)[1].endswith(": policy never.")


@pytest.mark.parametrize(
    ("retry", "failure", "text"),
    [
        (Fixed(delay=MINUTE, attempts=1), FAILURE, "1 attempt was made, all that its policy allows"),
        (Never(), FAILURE, "1 attempt was made, the policy has no further delay"),
        (
            Fixed(delay=MINUTE, give_up_on=("5xx", "404", "503")),
            FAILURE,
            "another attempt cannot help (its policy gives up on 503, 5xx)",
        ),
        (
            Fixed(delay=MINUTE),
            changed(FAILURE, permanent=True),
            "another attempt cannot help (the failure is one that does not pass)",
        ),
        (
            Exponential(initial=HOUR, max_age=MINUTE),
            FAILURE,
            "the next attempt would have started more than 1m (max_age) after the first one",
        ),
    ],
)
def test_it_is_dead(retry: Any, failure: Failure, text: str) -> None:
    """Exhausted, not to be helped, or too old: each with the setting that says so."""
    task, history = live(start(0), fail(1, 1, failure), retry=retry)
    (started, outcome) = why_task(task, at=at(9), history=history)[1:]
    assert outcome == Reason(
        stage="outcome",
        at=at(1),
        text=f"Run 1 failed after 1s (HTTP 503) and the task was given up: {text}.",
        fact="event 2: TaskFailed",
    )
    assert started.stage == "gate"
    assert told(task)[0] == f"It failed for good (HTTP 503): {text}."


def test_a_policy_that_has_lost_its_age_is_not_made_up() -> None:
    """The policy may have been edited since; the record's reason stands."""
    dead = make_task(Failed(at=NOW, failure=FAILURE, reason="too_old", tally=Tally()))
    assert told(dead)[0].endswith("more than its policy's max_age after the first one.")


def test_it_was_snoozed_or_given_back() -> None:
    """Neither burns an attempt; the next start is measured by the new due."""
    task, history = live(
        start(0), Snooze(at=at(2), run=1, wait=HOUR, entropy=0.0), start(3602), Release(at=at(3605), run=2), start(3606)
    )
    assert told(task, history)[1:5] == [
        "Run 1 asked to be run again in 1h; its attempt was given back.",
        "Worker w1 started run 2 (attempt 1), the moment it was due.",
        "The worker of run 2 shut down and gave it back; its attempt was given back.",
        "Worker w1 started run 3 (attempt 1), 1s after it was due.",
    ]


def test_it_was_moved() -> None:
    """Edit, run now and requeue name what was asked; a due that an edit has hidden is not guessed."""
    task, history = live(
        start(0),
        fail(1, 1),
        Edit(at=at(2), due=at(600), priority=3, name=None),
        RunNow(at=at(30)),
        start(31),
        Succeed(at=at(32), run=2),
        Requeue(at=at(40), reset=False),
        start(41),
        Succeed(at=at(42), run=3),
        Requeue(at=at(50)),
    )
    sentences = told(task, history, 50)
    assert sentences[0] == "Worker w1 started run 1 (attempt 1)."
    assert sentences[2:4] == [
        "It was edited (due, name, priority): due at 2030-01-02T03:14:05Z.",
        "It was told to run now.",
    ]
    assert sentences[4] == "Worker w1 started run 2 (attempt 2), 1s after it was due."
    assert sentences[6] == "It had ended as succeeded and was requeued with the attempts it had left."
    assert sentences[7] == "Worker w1 started run 3 (attempt 3), 1s after it was due."
    assert sentences[9] == "It had ended as succeeded and was requeued with all its attempts."
    edited, history = live(Edit(at=at(1), priority=3), start(2))
    assert told(edited, history)[1] == "Worker w1 started run 1 (attempt 1), 2s after it was due."


def test_the_first_due_of_a_schedules_task_is_known_only_without_jitter() -> None:
    """Its jitter may have been another then."""
    task, history = live(start(5), origin=FIRED, created_at=at(2))
    for schedule, text in [
        (make_schedule(), ", 3s after it was due."),
        (make_schedule(jitter=MINUTE), "(attempt 1)."),
        (None, "(attempt 1)."),
    ]:
        chain = why_task(task, at=at(5), history=history, schedule=schedule)
        (started,) = (reason for reason in chain if reason.fact == "event 1: RunStarted")
        assert started.text.endswith(text)


def test_it_was_cancelled() -> None:
    """Before it ran, or during a run that was asked to stop first."""
    task, history = live(Cancel(at=at(1), reason="not needed"))
    assert told(task, history) == ["It was cancelled before it ran (not needed)."]
    task, history = live(start(0), Cancel(at=at(1)), ConfirmCancel(at=at(2), run=1))
    assert told(task, history)[1:] == [
        "Run 1 was asked to stop (by request).",
        "It was cancelled during run 1 (by request).",
    ]
    assert told(task) == ["It was cancelled (by request)."]


def test_it_was_cancelled_by_overlap() -> None:
    """The schedule's policy did it, for a later occurrence: a storage's cancel is told from a person's."""
    task, history = live(Cancel(at=at(1), reason=SUPERSEDED))
    by = "by the overlap policy of its schedule (cancel_other), for a later occurrence"
    assert told(task, history) == [f"It was cancelled before it ran: {by}."]
    task, history = live(start(0), Cancel(at=at(1), reason=SUPERSEDED))
    assert told(task, history)[1] == f"Run 1 was asked to stop: {by}."
    assert told(make_task(Cancelled(at=NOW, reason="", tally=Tally()))) == ["It was cancelled."]


def test_it_expired() -> None:
    """It had a last instant to start by; before a worker has looked, it is about to."""
    task, history = live(Expire(at=at(61)), start_by=at(60))
    assert told(task, history) == ["It expired: it had not been started by 2030-01-02T03:05:05Z."]
    assert told(task) == ["It expired: it was not started in time."]
    waiting = make_task(start_by=at(60))
    assert told(waiting, seconds=61) == ["It was to start by 2030-01-02T03:05:05Z: the next look at it lets it expire."]
    assert told(waiting, seconds=60) == [
        "It has been due for 1m and no limit holds it back: no worker of queue default took it yet."
    ]


def test_what_explains_nothing_is_left_out() -> None:
    """Notes and heartbeats are no reasons; events keep the numbers that the history has."""
    task, history = live(
        start(0), Note(at=at(1), run=1, text="half"), Heartbeat(at=at(2), run=1, lease=LEASE), Succeed(at=at(3), run=1)
    )
    facts = [reason.fact for reason in why_task(task, at=NOW, history=history)]
    assert facts == ["task.origin", "event 1: RunStarted", "event 4: RunSucceeded"]


@pytest.mark.parametrize("event", one_of_each_event().values(), ids=lambda event: type(event).__name__)
def test_every_event_has_its_sentence(event: Event) -> None:
    """A sentence ends with a full stop, and rests on the event; those that explain nothing have none."""
    found = [reason for reason in why_task(make_task(), at=NOW, history=(event,)) if reason.fact.startswith("event")]
    if type(event).__name__ in ("LeaseExtended", "RunNoted"):
        assert found == []
        return
    (reason,) = found
    assert reason.fact == f"event 1: {type(event).__name__}"
    assert reason.at == event.at
    assert reason.text.endswith(".")


def test_a_dropped_report_is_told() -> None:
    """Somebody's work was thrown away: that may be what one looks for."""
    (event,) = (event for event in one_of_each_event().values() if type(event).__name__ == "ReportDropped")
    assert told(make_task(), (event,))[0] == (
        "A report of run 2 (succeeded) came too late from elsewhere; it was dropped."
    )


def test_a_long_history_is_told_from_its_end() -> None:
    """The newest events, with the numbers that they have; what is left out is said and still counts."""
    task, history = make_task(), ()
    commands = [
        command for run in range(1, 121) for command in (start(run * 10), Release(at=at(run * 10 + 1), run=run))
    ]
    task, history = live(*commands)
    chain = why_task(task, at=at(9999), history=history)
    assert len(history) == 240
    assert chain[1] == Reason(stage="gate", at=None, text="The 40 oldest events are left out here.", fact="history")
    assert [reason.fact for reason in (chain[2], chain[-2])] == ["event 41: RunStarted", "event 240: RunReleased"]
    assert chain[2].text == "Worker w1 started run 21 (attempt 1), 9s after it was due."
    assert len(chain) == 2 + MAX_EVENTS + 1
    assert told(task, history[:200])[0].startswith("Worker w1 started run 1 ")


# --- what it waits for now -----------------------------------------------------------------------------------------


def test_it_is_due_later() -> None:
    """Nothing else needs to be known."""
    chain = why_task(make_task(Pending(due=at(300))), at=NOW)
    assert chain[1:] == (
        Reason(
            stage="gate",
            at=at(300),
            text="It does not run yet: it is due in 5m, at 2030-01-02T03:09:05Z.",
            fact="task.state.due",
        ),
    )


def test_no_worker_took_it_yet() -> None:
    """Due, and nothing on record holds it back."""
    chain = why_task(make_task(queue="mail"), at=at(90), queue=QueueView(queue=Queue(ref=MAIL), running={}))
    assert chain[1:] == (
        Reason(
            stage="gate",
            at=NOW,
            text="It has been due for 1m30s and no limit holds it back: no worker of queue mail took it yet.",
            fact="task.state.due",
        ),
    )


def view(running: dict[str, int] | None = None, **fields: Any) -> QueueView:
    """The queue *mail* with these settings, and what runs in it."""
    return QueueView(queue=Queue(ref=MAIL, **fields), running=running or {})


@pytest.mark.parametrize(
    ("queue", "key", "when", "text", "fact"),
    [
        (
            view(paused=QueuePause(at=at(-60), note="incident 7")),
            None,
            at(-60),
            "Its queue mail is paused since 2030-01-02T03:03:05Z (incident 7).",
            "queue.paused",
        ),
        (
            view({"a": 2, "": 1}, limits=Limits(concurrency=3)),
            None,
            NOW,
            "All places of queue mail are taken: 3 of 3 run.",
            "queue.limits.concurrency",
        ),
        (
            view({"a": 2, "": 1}, key_limits=Limits(concurrency=2)),
            "a",
            NOW,
            "All places of key a in queue mail are taken: 2 of 2 run.",
            "queue.key_limits.concurrency",
        ),
        (
            view({"": 1}, key_limits=Limits(concurrency=1)),
            None,
            NOW,
            "All places of tasks without a key in queue mail are taken: 1 of 1 run.",
            "queue.key_limits.concurrency",
        ),
        (
            view(limits=Limits(rate=Rate(count=2, per=MINUTE)), starts=(at(-60), at(-50), at(-10))),
            None,
            at(10),
            (
                "The rate of queue mail is used up: 2 of 2 starts within 1m; the next one may start at "
                "2030-01-02T03:04:15Z."
            ),
            "queue.limits.rate",
        ),
        (
            view(
                key_limits=Limits(rate=Rate(count=1, per=MINUTE)), turns=(Turn(key="a", starts=(at(-1),), last=at(-1)),)
            ),
            "a",
            at(59),
            (
                "The rate of key a in queue mail is used up: 1 of 1 starts within 1m; the next one may start at "
                "2030-01-02T03:05:04Z."
            ),
            "queue.key_limits.rate",
        ),
    ],
)
def test_its_queue_holds_it_back(queue: QueueView, key: str | None, when: object, text: str, fact: str) -> None:
    """Paused, or a limit that is used up: which one, by how much, and until when if that is known."""
    chain = why_task(make_task(queue="mail", key=key), at=NOW, queue=queue)
    assert chain[1:] == (Reason(stage="gate", at=when, text=text, fact=fact),)


def test_all_that_holds_it_back_is_told() -> None:
    """A task that is due later in a paused queue has two reasons."""
    texts = told(make_task(Pending(due=at(60)), queue="mail"), queue=view(paused=QueuePause(at=NOW)))
    assert texts == [
        "It does not run yet: it is due in 1m, at 2030-01-02T03:05:05Z.",
        "Its queue mail is paused since 2030-01-02T03:04:05Z.",
    ]


LIMITS = st.builds(
    Limits,
    concurrency=st.none() | st.integers(1, 3),
    rate=st.none() | st.builds(Rate, count=st.integers(1, 3), per=st.sampled_from([SECOND, MINUTE])),
)
STARTS = st.lists(st.integers(-70, 5).map(at), max_size=4).map(lambda starts: tuple(sorted(starts)))


@given(
    LIMITS,
    LIMITS,
    st.booleans(),
    STARTS,
    STARTS,
    st.dictionaries(st.sampled_from(["", "a", "b"]), st.integers(0, 3)),
    st.sampled_from([None, "a", "b"]),
)
def test_it_tells_a_gate_where_admit_holds_back(
    limits: Limits,
    key_limits: Limits,
    paused: bool,
    starts: tuple[Any, ...],
    own: tuple[Any, ...],
    running: dict[str, int],
    key: str | None,
) -> None:
    """The words and the decision go by the same limits: one is told exactly if the task could not start."""
    queue = view(
        running,
        limits=limits,
        key_limits=key_limits,
        paused=QueuePause(at=NOW) if paused else None,
        starts=starts,
        turns=(Turn(key="a", starts=own, last=max(own, default=NOW)),),
    )
    task = make_task(queue="mail", key=key)
    admitted = admit(queue, [task], NOW, 1).admitted
    facts = [reason.fact for reason in why_task(task, at=NOW, queue=queue)[1:]]
    assert (facts == ["task.state.due"]) == bool(admitted)
    assert all(fact.startswith("queue.") for fact in facts) != bool(admitted)


def test_it_runs() -> None:
    """Who has it, until when, and whether that worker is still believed to live."""
    chain = why_task(make_task(running()), at=at(29))
    assert chain[1:] == (
        Reason(
            stage="outcome",
            at=NOW,
            text="Worker worker-1 runs it (run 3); it has to end by 2030-01-02T03:19:05Z.",
            fact="task.state",
        ),
        Reason(
            stage="gate",
            at=NOW + LEASE,
            text="The worker holds it until 2030-01-02T03:04:35Z, and longer as long as it shows that it is alive.",
            fact="task.state.lease_until",
        ),
    )
    assert told(make_task(running()), seconds=30)[1] == (
        "The worker's lease ended at 2030-01-02T03:04:35Z: it is taken for dead, and the next look takes the run "
        "from it."
    )


def test_it_was_asked_to_stop() -> None:
    """Asked is not stopped: the worker has to confirm it, or lose its lease."""
    assert told(make_task(cancelling()), seconds=2) == [
        "Worker worker-1 was asked to stop run 3 at 2030-01-02T03:04:06Z (by request); it has not confirmed that yet.",
        "The worker holds it until 2030-01-02T03:04:35Z, and longer as long as it shows that it is alive.",
    ]


@pytest.mark.parametrize("state", one_of_each_state().values(), ids=lambda state: state.status)
def test_without_a_history_the_state_tells(state: State) -> None:
    """What is not on record any more is not made up: the state alone says how it stands."""
    chain = why_task(make_task(state), at=at(1))
    assert chain[-1].fact.startswith("task.state")
    expected = {
        Pending: "gate",
        Running: "gate",
        Cancelling: "gate",
        Succeeded: "outcome",
        Failed: "outcome",
        Cancelled: "outcome",
        Expired: "outcome",
    }
    assert chain[-1].stage == expected[type(state)]
    assert told(make_task(one_of_each_state()[Succeeded])) == ["It succeeded."]


def test_a_whole_chain_from_a_schedules_records() -> None:
    """What a schedule, its slot and a history say together, in order: rule, occurrence, policy, gate, outcome."""
    world = World(make_schedule())
    written = plan(world.view, NOW)
    (task,), (record,) = written.tasks, written.slots
    started = handle(task, start(1))
    done = handle(started.task, Succeed(at=at(2), run=1))
    history = (*started.events, *done.events)
    chain = why_task(done.task, at=at(3), history=history, schedule=written.schedule, slot=record)
    assert [reason.stage for reason in chain] == ["rule", "occurrence", "policy", "gate", "outcome"]


# --- an instant that has passed ------------------------------------------------------------------------------------


def test_what_a_task_had_come_to_at_an_instant() -> None:
    """What was recorded by then, and which record came next; what holds now says nothing about then."""
    task, history = live(start(0), fail(1, 1), start(63.25), Succeed(at=at(70), run=2))
    chain = why_task(task, at=at(99), history=history, instant=at(30))
    assert [reason.fact for reason in chain] == [
        "task.origin", "event 1: RunStarted", "event 2: RetryScheduled", "event 3: RunStarted"
    ]  # fmt: skip
    assert chain[-1] == Reason(
        stage="outcome",
        at=at(63.25),
        text="At 2030-01-02T03:04:35Z that was all; "
        "what came next, at 2030-01-02T03:05:08.250000Z, is event 3: RunStarted.",
        fact="event 3: RunStarted",
    )


def test_at_an_instant_behind_the_last_record_the_whole_chain_holds() -> None:
    """Nothing happened since, so what is true now was true then."""
    task, history = live(start(0), fail(1, 1))
    assert why_task(task, at=at(99), history=history, instant=at(1)) == why_task(task, at=at(99), history=history)


def test_before_its_creation_there_is_no_task() -> None:
    """And nothing else is said; an instant without an offset is refused."""
    task, history = live(start(0))
    (only,) = why_task(task, at=NOW, history=history, instant=NOW - SECOND)
    assert only.fact == "task.created_at"
    assert only.text == ("At 2030-01-02T03:04:04Z the task did not exist yet: it was created at 2030-01-02T03:04:05Z.")
    with pytest.raises(InvalidInput, match="instant"):
        why_task(task, at=NOW, history=history, instant=NOW.replace(tzinfo=None))


def test_a_due_that_an_edit_moves_later_is_not_guessed() -> None:
    """The edit lies behind the instant, but it tells that when it was first due is on no record."""
    task, history = live(start(3), fail(4, 1), Edit(at=at(5), due=at(50)))
    chain = why_task(task, at=at(60), history=history, instant=at(3))
    assert chain[1].text == "Worker w1 started run 1 (attempt 1)."


def test_a_requeue_does_not_rewrite_why_it_had_died() -> None:
    """The attempts that it had made then are told, not those that it has made since it was given all of them again."""
    task, history = live(start(0), fail(1, 1), start(63), fail(64, 2), Requeue(at=at(70)))
    given_up = told(task, history, 71)[3]
    assert given_up.endswith("2 attempts were made, all that its policy allows.")
