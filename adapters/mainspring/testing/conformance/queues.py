"""What every storage guarantees about queues: shares, gates, settings, and the end of what is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from mainspring.core.errors import Conflict, NotFound
from mainspring.core.machine import Decision
from mainspring.core.ports import MAX_KEYS_SEEN, QueueStatus, Storage, Taken, TaskQuery, TaskStep
from mainspring.core.queue import (
    Admission,
    Limits,
    Queue,
    QueueEdit,
    QueueRef,
    QueueView,
    Rate,
    Turn,
    admit,
    close_queue,
    edit_queue,
    open_queue,
    queue_ref,
)
from mainspring.core.retry import Never
from mainspring.core.states import Pending, Running
from mainspring.core.task import DEFAULT_PROJECT, Task
from mainspring.testing.conformance.port import creations, fire
from mainspring.testing.conformance.values import (
    ALL,
    HOUR,
    MINUTE,
    SECOND,
    added,
    added_schedule,
    cancel,
    fail,
    running,
    start,
    succeed,
    task,
)

MAIL = queue_ref(DEFAULT_PROJECT, "mail")
VIDEO = queue_ref(DEFAULT_PROJECT, "video")
MILLISECOND = timedelta(milliseconds=1)


def configured(storage: Storage, ref: QueueRef = MAIL, **limits: object) -> Queue:
    """Set the limits of a queue."""
    edit = QueueEdit(**limits)  # type: ignore[arg-type]  # each test's own
    return storage.update_queue(ref, lambda queue, at: edit_queue(queue, edit))


def give(storage: Storage, count: int = 1, ref: QueueRef = MAIL, **fields: Any) -> list[Task]:
    """Put due tasks into a queue."""
    made = [task(storage, queue=ref.name, project=ref.project, **fields) for _ in range(count)]
    storage.add(creations(made))
    return made


def taken(storage: Storage, share: int, step: TaskStep | None = None, ref: QueueRef = MAIL) -> list[Task]:
    """Take from one queue."""
    return [decision.task for decision in storage.take({ref: share}, step or start(), admit).decisions]


class Queues:
    """Shares and gates."""

    def test_each_queue_gives_at_most_its_share(self, storage: Storage) -> None:
        """A queue that was not asked for gives nothing; one that does not exist is empty."""
        give(storage, 3)
        give(storage, 3, VIDEO)
        give(storage, 3, queue_ref(DEFAULT_PROJECT, "other"))
        shares = {MAIL: 2, VIDEO: 1, queue_ref(DEFAULT_PROJECT, "nowhere"): 9}
        answer = storage.take(shares, start(), admit)
        assert sorted(decision.task.queue for decision in answer.decisions) == ["mail", "mail", "video"]
        assert answer.again is None
        assert storage.take({}, start(), admit) == Taken(decisions=(), again=None)

    def test_projects_have_queues_of_their_own(self, storage: Storage) -> None:
        """The same name in another project is another queue, with other limits."""
        theirs = queue_ref("theirs", "mail")
        configured(storage, theirs, concurrency=1)
        give(storage, 3)
        give(storage, 3, theirs)
        assert set(storage.upcoming(()).tasks) == set(storage.upcoming(("mail",)).tasks) == {MAIL, theirs}
        assert (len(taken(storage, 9)), len(taken(storage, 9, ref=theirs))) == (3, 1)

    def test_a_limit_holds_over_what_runs(self, storage: Storage) -> None:
        """A place is free again when a run ends, or when its lease has ended."""
        configured(storage, concurrency=2)
        give(storage, 6)
        held = taken(storage, 9)
        assert (len(held), taken(storage, 9)) == (2, [])
        storage.save([succeed(held[0], storage.now())])
        assert len(taken(storage, 9, start(lease=MILLISECOND))) == 1
        time.sleep(0.01)
        assert len(taken(storage, 9)) == 1, "the lease has ended, though nobody reclaimed it"

    def test_a_limit_holds_over_many_takers(self, storage: Storage) -> None:
        """At every instant no more than that are held (I10)."""
        configured(storage, concurrency=3)
        give(storage, 60)
        running_now: list[int] = []

        def work(_: int) -> int:
            done = 0
            while done < 15:
                mine = taken(storage, 2)
                held = storage.find(TaskQuery(statuses=frozenset({"running"}), limit=1000)).items
                running_now.append(len(held))
                storage.save([succeed(one, storage.now()) for one in mine])
                done += len(mine) or not storage.count(DEFAULT_PROJECT).get("pending")
            return done

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert storage.count(DEFAULT_PROJECT) == {"succeeded": 60}
        assert max(running_now) <= 3

    def test_a_rate_holds_in_every_window(self, storage: Storage) -> None:
        """Over many takers too (I11); the answer says when the next one may start."""
        configured(storage, rate=Rate(count=5, per=SECOND))
        give(storage, 40)
        starts: list[datetime] = []
        end = time.monotonic() + 2.2

        def work(_: int) -> Sequence[datetime]:
            mine: list[datetime] = []
            while time.monotonic() < end:
                answer = storage.take({MAIL: 3}, start(), admit)
                states = [decision.task.state for decision in answer.decisions]
                mine += [state.started_at for state in states if isinstance(state, Running)]
                assert answer.decisions or answer.again is not None
                time.sleep(0.005)
            return mine

        with ThreadPoolExecutor(3) as pool:
            for part in pool.map(work, range(3)):
                starts += part
        assert 10 <= len(starts) <= 15
        assert all(sum(one - SECOND < other <= one for other in starts) <= 5 for one in starts)

    def test_keys_have_limits_of_their_own_and_take_turns(self, storage: Storage) -> None:
        """The crowd of one key does not hold up another; tasks without a key share one."""
        configured(storage, key_concurrency=2)
        give(storage, 9, key="crowd")
        give(storage, 1, key="single")
        give(storage, 3)
        held = taken(storage, 9)
        assert sorted(str(one.key) for one in held) == ["None", "None", "crowd", "crowd", "single"]
        configured(storage, VIDEO, concurrency=4)
        give(storage, 9, VIDEO, key="crowd")
        give(storage, 2, VIDEO, key="other")
        assert sorted(str(one.key) for one in taken(storage, 4, ref=VIDEO)) == ["crowd", "crowd", "other", "other"]

    def test_a_paused_queue_gives_nothing_from_the_moment_of_its_pause(self, storage: Storage) -> None:
        """Also to a taker that looked before (I12)."""
        give(storage, 2)
        storage.update_queue(MAIL, lambda queue, at: close_queue(queue, "paused", at, "deploy"))
        assert storage.take({MAIL: 9}, start(), admit) == Taken(decisions=(), again=None)
        storage.update_queue(MAIL, lambda queue, at: open_queue(queue))
        assert len(taken(storage, 9)) == 2

    def test_starts_and_their_log_are_written_together(self, storage: Storage) -> None:
        """A step that breaks leaves neither; tasks that the gate held back stay in their places."""
        before = configured(storage, rate=Rate(count=2, per=HOUR))
        made = give(storage, 3)

        def step(given: Task, at: datetime) -> Decision:
            raise RuntimeError("the step broke")

        with pytest.raises(RuntimeError):
            taken(storage, 9, step)
        assert storage.get_queue(MAIL) == before
        assert [one.id for one in taken(storage, 9)] == sorted(one.id for one in made)[:2]
        assert len(storage.get_queue(MAIL).starts) == 2

    def test_a_gate_is_asked_for_gated_queues_only(self, storage: Storage) -> None:
        """A queue with a weight or a default is configured, and still open."""
        configured(storage, weight=5)
        configured(storage, VIDEO, concurrency=1)
        give(storage, 2)
        give(storage, 2, VIDEO)
        asked: list[QueueRef] = []

        def gate(view: QueueView, due: Sequence[Task], at: datetime, want: int) -> Admission:
            asked.append(view.queue.ref)
            return admit(view, due, at, want)

        assert len(storage.take({MAIL: 9, VIDEO: 9}, start(), gate).decisions) == 3
        assert asked == [VIDEO]

    def test_a_share_bounds_a_gated_queue_too(self, storage: Storage) -> None:
        """Whichever is less, the share or the limit; by priority, then due, then id."""
        configured(storage, concurrency=3)
        low = give(storage, 2)
        high = give(storage, 2, priority=5, late=MINUTE)
        first = give(storage, 1, priority=5, late=HOUR)
        assert [one.id for one in taken(storage, 2)] == [first[0].id, min(one.id for one in high)]
        assert [one.id for one in taken(storage, 9)] == [max(one.id for one in high)]
        assert taken(storage, 9) == []
        assert {one.id for one in storage.find(evolve(ALL, statuses=frozenset({"pending"}))).items} == {
            one.id for one in low
        }

    def test_what_is_not_due_is_not_shown_to_a_gate(self, storage: Storage) -> None:
        """Neither with a key nor without."""
        configured(storage, concurrency=9)
        give(storage, 1, late=-HOUR)
        give(storage, 1, late=-HOUR, key="k")
        (due,) = give(storage, 1, key="k")
        shown: list[Task] = []

        def gate(view: QueueView, due: Sequence[Task], at: datetime, want: int) -> Admission:
            shown.extend(due)
            return admit(view, due, at, want)

        storage.take({MAIL: 9}, start(), gate)
        assert shown == [due]

    def test_keys_take_turns_from_look_to_look(self, storage: Storage) -> None:
        """With one place at a time, none of them waits for the end of another's line."""
        configured(storage, concurrency=1)
        for key in ("a", "b", "c"):
            give(storage, 3, key=key)
        order: list[str | None] = []
        for _ in range(9):
            (one,) = taken(storage, 1)
            order.append(one.key)
            storage.save([succeed(one, storage.now())])
        assert all(set(order[turn : turn + 3]) == {"a", "b", "c"} for turn in (0, 3, 6))

    def test_a_rate_of_each_key_holds(self, storage: Storage) -> None:
        """The keys do not use up each other's; ``again`` is when the first of them may go on."""
        configured(storage, key_rate=Rate(count=2, per=HOUR))
        give(storage, 5, key="a")
        give(storage, 1, key="b")
        before = storage.now()
        answer = storage.take({MAIL: 9}, start(), admit)
        assert sorted(str(decision.task.key) for decision in answer.decisions) == ["a", "a", "b"]
        again = storage.take({MAIL: 9}, start(), admit)
        assert again.decisions == ()
        assert again.again is not None
        assert before + HOUR <= again.again <= storage.now() + HOUR

    def test_limits_of_keys_hold_over_many_takers(self, storage: Storage) -> None:
        """For each key by itself, at every instant (I10)."""
        configured(storage, key_concurrency=1)
        for key in ("a", "b"):
            give(storage, 15, key=key)
        seen: list[int] = []

        def work(_: int) -> None:
            while storage.count(DEFAULT_PROJECT).get("pending"):
                mine = taken(storage, 4)
                held = storage.find(evolve(ALL, statuses=frozenset({"running"}))).items
                seen.extend(sum(one.key == key for one in held) for key in ("a", "b"))
                storage.save([succeed(one, storage.now()) for one in mine])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert storage.count(DEFAULT_PROJECT) == {"succeeded": 30}
        assert max(seen) == 1

    def test_of_very_many_keys_the_longest_without_a_turn_are_shown(self, storage: Storage) -> None:
        """So that none is left out for ever, also when all of them are remembered."""
        configured(storage, key_rate=Rate(count=9, per=HOUR))
        keys = [f"k{number:04}" for number in range(MAX_KEYS_SEEN + 5)]
        storage.add(creations([task(storage, queue="mail", key=key) for key in keys for _ in range(2)]))
        first, second = taken(storage, 2 * MAX_KEYS_SEEN), taken(storage, 10)
        assert {one.key for one in first} == set(keys[:MAX_KEYS_SEEN])
        assert len(first) == 2 * MAX_KEYS_SEEN
        assert {one.key for one in second} == set(keys[MAX_KEYS_SEEN:])

    def test_keys_that_are_remembered_take_turns_beyond_what_is_shown(self, storage: Storage) -> None:
        """The one whose last turn is longest ago is among the shown."""
        old, new = storage.now() - MINUTE, storage.now()
        keys = [f"k{number:04}" for number in range(MAX_KEYS_SEEN + 1)]
        turns = tuple(Turn(key=key, starts=(), last=old if key == keys[-1] else new) for key in keys)
        storage.update_queue(MAIL, lambda queue, at: evolve(queue, limits=Limits(concurrency=1), turns=turns))
        storage.add(creations([task(storage, queue="mail", key=key) for key in keys]))
        assert [one.key for one in taken(storage, 1)] == [keys[-1]]

    def test_other_queues_of_a_take_are_unaffected(self, storage: Storage) -> None:
        """A paused one gives nothing, a limited one its part, an open one its share; a step that breaks undoes all."""
        other = queue_ref(DEFAULT_PROJECT, "other")
        storage.update_queue(MAIL, lambda queue, at: close_queue(queue, "paused", at, ""))
        limited = configured(storage, VIDEO, rate=Rate(count=1, per=HOUR))
        give(storage, 3)
        give(storage, 3, VIDEO)
        give(storage, 3, other)
        shares = {MAIL: 9, VIDEO: 9, other: 2}

        def step(given: Task, at: datetime) -> Decision:
            if given.queue == "other":
                raise RuntimeError("the step broke")
            return start()(given, at)

        with pytest.raises(RuntimeError):
            storage.take(shares, step, admit)
        assert storage.count(DEFAULT_PROJECT) == {"pending": 9}
        assert storage.get_queue(VIDEO) == limited
        answer = storage.take(shares, start(), admit)
        assert sorted(decision.task.queue for decision in answer.decisions) == ["other", "other", "video"]
        assert answer.again is not None
        assert len(storage.get_queue(VIDEO).starts) == 1

    def test_a_gate_that_breaks_leaves_everything_in_its_place(self, storage: Storage) -> None:
        """Its error is passed on; the next look finds what was there."""
        configured(storage, concurrency=9)
        made = give(storage, 2) + give(storage, 2, key="k")

        def gate(view: QueueView, due: Sequence[Task], at: datetime, want: int) -> Admission:
            raise RuntimeError("the gate broke")

        with pytest.raises(RuntimeError):
            storage.take({MAIL: 9}, start(), gate)
        assert {one.id for one in taken(storage, 9)} == {one.id for one in made}

    def test_what_is_coming_is_told_queue_by_queue(self, storage: Storage) -> None:
        """The least due of each, of those asked for; a queue without pending tasks is left out."""
        theirs = queue_ref("theirs", "mail")
        late, later = give(storage, 1, late=MINUTE), give(storage, 1, late=-HOUR)
        (due,) = give(storage, 1, theirs, late=-MINUTE)
        running(storage, queue="video")
        assert isinstance(late[0].state, Pending)
        assert isinstance(due.state, Pending)
        assert storage.upcoming(()).tasks == {MAIL: late[0].state.due, theirs: due.state.due}
        assert storage.upcoming(("video", "nowhere")).tasks == {}
        storage.delete([late[0].id])
        assert isinstance(later[0].state, Pending)
        assert storage.upcoming(("mail",)).tasks == {MAIL: later[0].state.due, theirs: due.state.due}


class KeepingQueues:
    """Settings, counts, retention."""

    def test_settings_are_kept(self, storage: Storage) -> None:
        """A queue that nobody configured has the defaults; an update that changes nothing writes nothing."""
        assert storage.get_queue(MAIL) == Queue(ref=MAIL)
        assert storage.update_queue(MAIL, lambda queue, at: queue) == Queue(ref=MAIL)
        assert storage.configured() == ()
        made = configured(storage, concurrency=3, weight=2)
        assert storage.get_queue(MAIL) == made == Queue(ref=MAIL, version=2, limits=Limits(concurrency=3), weight=2)
        other = configured(storage, queue_ref("a", "z"), weight=3)
        assert storage.configured() == (other, made)

    def test_a_step_answers_for_the_queue_that_it_is_given(self, storage: Storage) -> None:
        """Else Conflict; an error of the step is passed on."""
        with pytest.raises(Conflict):
            storage.update_queue(MAIL, lambda queue, at: Queue(ref=VIDEO))
        with pytest.raises(ZeroDivisionError):
            storage.update_queue(MAIL, lambda queue, at: evolve(queue, weight=1 // 0))
        assert storage.configured() == ()

    def test_a_queue_is_forgotten(self, storage: Storage) -> None:
        """It is open from then on; its tasks stay."""
        configured(storage, concurrency=1)
        give(storage, 3)
        storage.delete_queue(MAIL)
        with pytest.raises(NotFound):
            storage.delete_queue(MAIL)
        assert len(taken(storage, 9)) == 3

    def test_queues_are_counted(self, storage: Storage) -> None:
        """Those that are configured or hold live tasks, by project and name."""
        made = configured(storage, queue_ref("a", "idle"), weight=2)
        give(storage, 3)
        taken(storage, 1)
        running(storage, queue="video")
        mail = QueueStatus(queue=Queue(ref=MAIL), pending=2, held=1)
        video = QueueStatus(queue=Queue(ref=VIDEO), pending=0, held=1)
        idle = QueueStatus(queue=made, pending=0, held=0)
        assert storage.queues() == (idle, mail, video)
        assert storage.queues(DEFAULT_PROJECT) == (mail, video)
        assert storage.queues("a") == (idle,)

    def test_tasks_are_found_by_key_and_age(self, storage: Storage) -> None:
        """Each condition by itself, and over the pages."""
        now = storage.now()
        old = added(storage, key="k", created_at=now - HOUR)
        new = added(storage, key="k")
        other = added(storage, key="l")
        done = running(storage)
        storage.save([succeed(done, now)])
        found = storage.find(evolve(ALL, key="k")).items
        assert {one.id for one in found} == {old.id, new.id}
        page = storage.find(evolve(ALL, key="k", limit=1))
        assert [one.id for one in page.items] == [new.id]
        assert [one.id for one in storage.find(evolve(ALL, key="k", limit=1, after=page.cursor)).items] == [old.id]
        assert [one.id for one in storage.find(evolve(ALL, created_before=now - MINUTE)).items] == [old.id]
        assert [one.id for one in storage.find(evolve(ALL, ended_before=now + SECOND)).items] == [done.id]
        assert storage.find(evolve(ALL, ended_before=now)).items == ()
        assert storage.find(evolve(ALL, key="l", project="other")).items == ()
        assert storage.find(evolve(ALL, key="l")).items == (other,)

    def test_a_forgotten_queue_forgets_its_log(self, storage: Storage) -> None:
        """One of the same name that is configured later begins anew; another project's is not touched."""
        theirs = configured(storage, queue_ref("theirs", "mail"), weight=2)
        configured(storage, rate=Rate(count=1, per=HOUR))
        give(storage, 2)
        assert len(taken(storage, 9)) == 1
        storage.delete_queue(MAIL)
        assert storage.get_queue(MAIL) == Queue(ref=MAIL)
        assert configured(storage, rate=Rate(count=1, per=HOUR)).starts == ()
        assert len(taken(storage, 9)) == 1
        assert storage.get_queue(theirs.ref) == theirs

    def test_edits_of_a_queue_build_on_each_other(self, storage: Storage) -> None:
        """From many threads, and over the starts that are logged meanwhile: none is lost."""
        configured(storage, rate=Rate(count=1000, per=HOUR))
        give(storage, 20)

        def work(number: int) -> int:
            done = 0
            for _ in range(10):
                storage.update_queue(MAIL, lambda queue, at: evolve(queue, weight=queue.weight + 1))
                done += len(taken(storage, 1)) if number % 2 else 0
            return done

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(work, range(4))) == 20
        queue = storage.get_queue(MAIL)
        assert (queue.weight, len(queue.starts)) == (41, 20)

    def test_filters_by_age_lead_through_all_pages(self, storage: Storage) -> None:
        """Also over several states."""
        now = storage.now()
        held = [running(storage, key="k", ago=HOUR, created_at=now - n * MINUTE) for n in range(7)]
        storage.save([(fail if n % 2 else succeed)(one, now - SECOND) for n, one in enumerate(held)])
        storage.update([one.id for one in held if held.index(one) % 2], cancel)
        added(storage, key="k", created_at=now - HOUR)
        query = TaskQuery(key="k", ended_before=now + HOUR, created_before=now - SECOND, limit=2)
        seen: list[str] = []
        while True:
            page = storage.find(query)
            seen += [one.id for one in page.items]
            if page.cursor is None:
                break
            query = evolve(query, after=page.cursor)
        assert seen == [one.id for one in held[1:]]
        assert storage.find(evolve(query, after=None, ended_before=now - SECOND)).items == ()

    def test_pruning_takes_the_oldest_end_of_all_states_first(self, storage: Storage) -> None:
        """States that are pruned together share the limit."""
        now = storage.now()
        held = [running(storage, ago=HOUR, retry=Never()) for _ in range(6)]
        ends = [now - (9 - n) * MINUTE for n in range(6)]
        storage.save([(fail if n % 2 else succeed)(one, ends[n]) for n, one in enumerate(held)])
        both = frozenset({"succeeded", "failed"})
        assert storage.prune(None, both, now, 3) == 3
        assert {one.id for one in storage.find(ALL).items} == {one.id for one in held[3:]}
        assert storage.prune(None, frozenset({"failed"}), now, 9) == 2
        assert storage.prune(None, frozenset(), now, 9) == 0
        assert [one.id for one in storage.find(ALL).items] == [held[4].id]

    def test_what_has_had_its_time_is_pruned(self, storage: Storage) -> None:
        """Oldest end first, at most so many; of these states, of this project; never what lives."""
        now = storage.now()
        held = [running(storage, ago=(9 - n) * MINUTE, project="a" if n == 3 else DEFAULT_PROJECT) for n in range(4)]
        ends = [now - (9 - n) * MINUTE for n in range(4)]
        storage.save([succeed(one, end) for one, end in zip(held, ends, strict=True)])
        live = added(storage)
        wanted = frozenset({"succeeded"})
        assert storage.prune(None, frozenset({"failed", "pending", "running"}), now, 9) == 0
        assert storage.prune(None, wanted, ends[0], 9) == 0, "the edge is exclusive"
        assert storage.prune(DEFAULT_PROJECT, wanted, now, 2) == 2
        assert {one.id for one in storage.find(ALL).items} == {live.id, held[2].id}
        assert storage.prune(None, wanted, now, 9) == 2
        assert storage.count("a") == {}
        with pytest.raises(NotFound):
            storage.history(held[0].id)

    def test_pruning_leaves_the_fence_of_an_occurrence(self, storage: Storage) -> None:
        """Its slot record stays: the occurrence is not fired again."""
        made = added_schedule(storage, late=SECOND)
        fire(storage, 1)
        (slot,) = storage.slots(made.id)
        (child,) = storage.find(ALL).items
        (decision,) = storage.update([child.id], start())
        assert isinstance(decision, Decision)
        storage.save([succeed(decision.task, storage.now())])
        assert storage.prune(None, frozenset({"succeeded"}), storage.now() + SECOND, 9) == 1
        assert storage.slots(made.id) == (slot,)
