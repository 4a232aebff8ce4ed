"""What the stateful test does with tasks and queues, and how it looks at the storages after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mainspring.core.commands import LoseLease, Start
from mainspring.core.creation import Accepted
from mainspring.core.errors import Conflict, MainspringError
from mainspring.core.ids import TaskId
from mainspring.core.machine import Decision, handle
from mainspring.core.matching import matches
from mainspring.core.ports import QueueStep, Refused, Storage, Taken, TaskStep
from mainspring.core.queue import Queue, QueueRef, admit, close_queue, edit_queue, open_queue
from mainspring.core.states import LIVE, STATES, TERMINAL, TERMINAL_STATUSES, Cancelling, Pending, Running, State
from mainspring.core.task import Task
from mainspring.testing.conformance import asked
from mainspring.testing.conformance.ledger import Ledger
from mainspring.testing.conformance.sides import PROJECTS, Job, Picture, Side, Sides

BUSY = 20
"""How many tasks there are at most before some are taken away: a picture should not take long."""


FITTING: dict[str, tuple[type[State], ...]] = {"live": LIVE, "pending": (Pending,), "ended": TERMINAL}


def start(worker: str) -> TaskStep:
    """A step that starts a task."""

    def step(task: Task, at: datetime) -> Decision:
        return handle(task, Start(at=at, worker=worker, lease=asked.LEASE))

    return step


def lose(task: Task, at: datetime) -> Decision:
    """A step that reclaims a run."""
    return handle(task, LoseLease(at=at, entropy=0.5))


class TaskRules(RuleBasedStateMachine):
    """Some storages side by side, and what is asked of them about tasks and queues."""

    compared: ClassVar[Mapping[str, Side]] = {}
    """What is compared with the memory storage, by name."""
    words: ClassVar[bool] = False
    """Whether refusals have to be worded alike, too."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = Sides(self.compared, words=self.words)
        self.ledger = Ledger()
        self.number = 0
        self.known: list[Task] = []
        """Tasks as they were at some time, for reports that may come late."""
        self.picture: Picture = self.sides.picture()

    def teardown(self) -> None:
        """Everything is whole in the end."""
        self.sides.close()

    @property
    def now(self) -> datetime:
        """The instant."""
        return self.sides.clock()

    def ask_all(self, job: Job) -> Any:
        """Ask all storages, and look at what they hold then."""
        answer = self.sides.ask(job)
        self.picture = self.sides.picture()
        return answer

    def next_number(self) -> int:
        """A number for an id."""
        self.number += 1
        return self.number

    def some(self, numbers: Sequence[int], states: tuple[type[State], ...] = STATES) -> list[TaskId]:
        """Some of the tasks in these states; now and then one in another, and one that there is not."""
        every = sorted(self.picture.tasks)
        fitting = [task_id for task_id in every if isinstance(self.picture.tasks[task_id].state, states)]
        found: list[TaskId] = []
        for number in numbers:
            known = every if number % 11 == 10 else fitting
            there = known and number % 17 != 16
            found.append(known[number % len(known)] if there else asked.id_at(self.now, 10**9))
        return found

    @invariant()
    def they_hold_what_they_should(self) -> None:
        """The picture of this step, against the one before and the invariants."""
        self.ledger.look(self.picture)

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Some tasks and some limits to begin with."""
        self.create(data, 5, 1, 0)
        for ref in data.draw(st.lists(asked.refs, max_size=3)):
            self.set_limits(ref, data.draw(asked.queue_edits))

    # --- time --------------------------------------------------------------------------------------------------------

    @rule(by=asked.steps_of_time)
    def time_passes(self, by: timedelta) -> None:
        """Nothing happens by that alone."""
        self.sides.clock.move(by)

    @precondition(lambda self: len(self.picture.tasks) > 5)
    @rule(by=st.sampled_from([0.5, 30, 3600]), really=st.integers(0, 9))
    def the_clock_goes_back(self, by: float, really: int) -> None:
        """Seldom; the storages still agree, and what is written once stays."""
        if really == 0:
            self.ledger.straight = False
            self.sides.clock.move(timedelta(seconds=-by))

    @rule()
    def they_are_opened_again(self) -> None:
        """Everything is still there."""
        self.sides.reopen()
        self.picture = self.sides.picture()

    # --- tasks -------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), count=st.integers(1, 5), atomic=st.integers(0, 3), again=st.integers(0, 60))
    def create(self, data: st.DataObject, count: int, atomic: int, again: int) -> None:
        """With any policy, some with a key, now and then with an id that exists."""
        numbers = [again if n == 0 and 0 < again <= self.number else self.next_number() for n in range(count)]
        wanted = [data.draw(asked.creations(self.now, number)) for number in numbers]
        answers = self.ask_all(lambda storage: storage.add(wanted, atomic=atomic == 0))
        if isinstance(answers, MainspringError):
            assert atomic == 0
            assert isinstance(answers, Conflict)
            self.ledger.seen["none"] += 1
            return
        assert len(answers) == len(wanted)
        for creation, answer in zip(wanted, answers, strict=True):
            self.ledger.created(creation, answer, self.now)
            if isinstance(answer, Accepted):
                assert answer.task.id in self.picture.tasks, "I1: what was acknowledged is there"

    @rule(places=st.dictionaries(asked.refs, st.integers(1, 3), min_size=1, max_size=4), worker=st.sampled_from("vw"))
    def take(self, places: dict[QueueRef, int], worker: str) -> None:
        """Some of some queues."""
        self._take(places, worker)

    @rule(share=st.integers(1, 5))
    def take_of_all(self, share: int) -> None:
        """As a worker with free places does."""
        self._take(dict.fromkeys(asked.REFS, share), "w")

    def _take(self, places: dict[QueueRef, int], worker: str) -> None:
        before = {ref: self.sides.memory.get_queue(ref) for ref in places}
        taken = self.ask_all(lambda storage: storage.take(places, start(worker), admit))
        assert isinstance(taken, Taken)
        self.known += [decision.task for decision in taken.decisions]
        self.ledger.took(before, taken.decisions, self.picture)

    @rule(number=st.integers(0, 2))
    def take_and_fail(self, number: int) -> None:
        """An error of the step: nothing is written, not the queue's log either, and all can be taken later."""
        before, calls = self.picture, Counter[int]()

        def job(storage: Storage) -> Taken:
            def step(task: Task, at: datetime) -> Decision:
                calls[id(storage)] += 1
                if calls[id(storage)] > number:
                    raise Conflict("step", "it was told to fail", "try again")
                return start("w")(task, at)

            return storage.take(dict.fromkeys(asked.REFS, 3), step, admit)

        answer = self.ask_all(job)
        if isinstance(answer, MainspringError):
            assert self.picture == before
            self._take(dict.fromkeys(asked.REFS, 1), "w")
        else:
            self.known += [decision.task for decision in answer.decisions]
            queues = {queue.ref: queue for queue in before.configured}
            self.ledger.took(
                {ref: queues.get(ref, Queue(ref=ref)) for ref in asked.REFS}, answer.decisions, self.picture
            )

    @precondition(lambda self: self.known)
    @rule(which=asked.numbers, word=asked.reports, late=st.booleans())
    def report(self, which: int, word: str, late: bool) -> None:
        """A worker reports, perhaps of a task that has moved on (I4: that changes nothing)."""
        current = [task for task in self.picture.tasks.values() if isinstance(task.state, Running)]
        choice = self.known if late or not current else sorted(current, key=lambda task: task.id)
        task = choice[which % len(choice)]
        try:
            decision = handle(task, asked.report(word, task, self.now))
        except MainspringError:
            return
        before = self.picture
        answer = self.ask_all(lambda storage: storage.save([decision]))
        current_version = before.tasks[task.id].version if task.id in before.tasks else None
        if isinstance(answer, MainspringError):
            assert self.picture == before
        else:
            assert answer == (current_version == decision.read_version,)
            assert answer == (True,) or self.picture == before
            self.ledger.seen["saved" if answer == (True,) else "stale"] += 1

    @rule(which=st.lists(asked.numbers, min_size=1, max_size=3), word=asked.reports)
    def report_under_lock(self, which: list[int], word: str) -> None:
        """The same as a step: refused where it is not the current run."""
        task_ids = self.some(which, (Running, Cancelling))

        def step(task: Task, at: datetime) -> Decision:
            return handle(task, asked.report(word, task, at))

        self.ask_all(lambda storage: storage.update(task_ids, step))

    @rule(by=asked.steps_of_time, share=st.integers(1, 3), words=st.lists(asked.reports, min_size=1, max_size=6))
    def work(self, by: timedelta, share: int, words: list[str]) -> None:
        """As workers do: take what is due, and report of it in one call; some runs are left to be lost."""
        self._take(dict.fromkeys(asked.REFS, share), "w")
        held = [task for task in self.picture.tasks.values() if isinstance(task.state, Running)]
        self.sides.clock.move(by)
        decisions = [
            handle(task, asked.report(word, task, self.now))
            for task, word in zip(held, words, strict=False)
            if word not in ("heartbeat", "confirm")
        ]
        answers = self.ask_all(lambda storage: storage.save(decisions))
        self.ledger.seen["saved"] += len(decisions)
        assert answers == (True,) * len(decisions)

    @rule(which=st.lists(asked.numbers, min_size=1, max_size=4), request=asked.requests())
    def ask(self, which: list[int], request: Any) -> None:
        """Cancel, edit, run now, requeue; also one that there is not, or one twice."""
        of_what, command = request
        task_ids = self.some(which, FITTING[of_what])
        answers = self.ask_all(lambda storage: storage.update(task_ids, lambda task, at: handle(task, command(at))))
        self.known += [answer.task for answer in answers if isinstance(answer, Decision)]
        self.ledger.seen["asked"] += sum(isinstance(answer, Decision) for answer in answers)
        self.ledger.seen["asked in vain"] += sum(isinstance(answer, Refused) for answer in answers)

    @rule(limit=st.integers(1, 3))
    def reclaim(self, limit: int) -> None:
        """Runs whose lease has ended."""
        answer: tuple[Decision, ...] = self.ask_all(lambda storage: storage.reclaim(limit, lose))
        self.ledger.seen["reclaimed"] += len(answer)

    @rule(which=st.lists(asked.numbers, min_size=1, max_size=2), really=st.integers(0, 2))
    def delete(self, which: list[int], really: int) -> None:
        """In any state."""
        task_ids = self.some(which) if really == 0 else []
        there = len({task_id for task_id in task_ids if task_id in self.picture.tasks})
        assert self.ask_all(lambda storage: storage.delete(task_ids)) == there

    @rule(which=st.lists(asked.numbers, min_size=1, max_size=3), query=asked.task_queries)
    def delete_if_wanted(self, which: list[int], query: Any) -> None:
        """Only what a query asks for."""
        ended = (query.statuses & TERMINAL_STATUSES) or frozenset({"cancelled"})
        task_ids, query = self.some(which), evolve(query, statuses=ended)
        wanted = {id for id in task_ids if id in self.picture.tasks and matches(self.picture.tasks[id], query)}
        assert self.ask_all(lambda storage: storage.delete(task_ids, lambda task: matches(task, query))) == len(wanted)
        assert not wanted & self.picture.tasks.keys()

    @rule(
        project=st.sampled_from([None, *PROJECTS]),
        statuses=st.sets(st.sampled_from([state.status for state in STATES]), min_size=1).map(frozenset),
        age=st.sampled_from([0, 5, 60]),
        limit=st.integers(1, 5),
    )
    def prune(self, project: str | None, statuses: frozenset[str], age: int, limit: int) -> None:
        """What has ended, of these states."""
        before, edge = self.picture, self.now - timedelta(seconds=age)
        count = self.ask_all(lambda storage: storage.prune(project, statuses, edge, limit))
        gone = [before.tasks[task_id] for task_id in before.tasks.keys() - self.picture.tasks.keys()]
        assert len(gone) == count <= limit
        assert all(task.state.status in statuses and project in (None, task.project) for task in gone)
        assert self.picture.slots == before.slots

    @precondition(lambda self: len(self.picture.tasks) > BUSY)
    @rule()
    def clear(self) -> None:
        """Too many for a quick picture: take away what has ended, else what is oldest."""
        ended = frozenset(state.status for state in STATES)
        self.ask_all(lambda storage: storage.prune(None, ended, self.now + asked.SECOND, 100))
        oldest = sorted(self.picture.tasks)[: max(0, len(self.picture.tasks) - BUSY)]
        self.ask_all(lambda storage: storage.delete(oldest))

    @rule(query=asked.task_queries, older=st.sampled_from([None, 0, 30]), ended=st.sampled_from([None, 0, 30]))
    def find(self, query: Any, older: int | None, ended: int | None) -> None:
        """The same page, and the same one behind it."""
        query = evolve(
            query,
            created_before=None if older is None else self.now - timedelta(seconds=older),
            ended_before=None if ended is None else self.now - timedelta(seconds=ended),
        )
        page = self.sides.ask(lambda storage: storage.find(query))
        if page.cursor is not None:
            self.sides.ask(lambda storage: storage.find(evolve(query, after=page.cursor)))
        self.sides.ask(lambda storage: dict(storage.upcoming(("a", "b")).tasks))
        self.sides.ask(lambda storage: storage.queues("other"))

    # --- queues ------------------------------------------------------------------------------------------------------

    @rule(ref=asked.refs, change=asked.queue_edits)
    def set_limits(self, ref: QueueRef, change: Any) -> None:
        """New limits; the log of the old ones is kept."""
        self._change_queue(ref, lambda queue, at: edit_queue(queue, change))

    @rule(ref=asked.refs, how=st.sampled_from(["paused", "draining", "open", "open"]))
    def open_or_close(self, ref: QueueRef, how: Any) -> None:
        """Pause, drain, or let it go on."""
        self._change_queue(
            ref, lambda queue, at: open_queue(queue) if how == "open" else close_queue(queue, how, at, "a note")
        )

    def _change_queue(self, ref: QueueRef, step: QueueStep) -> None:
        before = self.sides.memory.get_queue(ref)
        after = self.ask_all(lambda storage: storage.update_queue(ref, step))
        self.ledger.queue_changed(before, after)

    @rule(ref=asked.refs)
    def forget_queue(self, ref: QueueRef) -> None:
        """It is open from now on."""
        before = self.sides.memory.get_queue(ref)
        answer = self.ask_all(lambda storage: storage.delete_queue(ref))
        if not isinstance(answer, MainspringError):
            self.ledger.queue_changed(before, None)
