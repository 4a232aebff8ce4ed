"""What every storage guarantees about creations: names that are taken, repeated requests, refusals one by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from attrs import evolve

from mainspring.core.creation import Accepted, ClashPolicy, Creation, IdempotencyKey
from mainspring.core.errors import Conflict
from mainspring.core.events import TaskEdited
from mainspring.core.ports import Refused, Storage, TaskQuery
from mainspring.core.queue import Queue, close_queue, queue_ref
from mainspring.core.retry import Never
from mainspring.core.states import Cancelled, Pending, Tally
from mainspring.core.task import DEFAULT_PROJECT, FollowUp, FunctionCall
from mainspring.testing.conformance.port import creations, take
from mainspring.testing.conformance.values import HOUR, added, running, start, succeed, task

REF = queue_ref(DEFAULT_PROJECT, "mail")
KEY = IdempotencyKey(key="order-7", fingerprint="a")


def _one(storage: Storage, creation: Creation) -> Accepted:
    (answer,) = storage.add([creation])
    assert isinstance(answer, Accepted)
    return answer


class Creating:
    """Creations, one by one and many together."""

    def test_a_creation_answers_with_the_task_that_is_there(self, storage: Storage) -> None:
        """In the order asked."""
        made = [task(storage) for _ in range(3)]
        assert storage.add(creations(made)) == tuple(Accepted(task=one, how="created") for one in made)

    def test_all_are_created_or_none(self, storage: Storage) -> None:
        """The first refusal is raised, and undoes those before it."""
        holder = added(storage, name="n")
        with pytest.raises(Conflict):
            storage.add(creations([task(storage), task(storage, name="n")]))
        with pytest.raises(Conflict):
            storage.add(creations([task(storage), holder]))
        assert storage.count(DEFAULT_PROJECT) == {"pending": 1}

    def test_each_is_created_by_itself_where_that_is_asked(self, storage: Storage) -> None:
        """What is refused is answered in its place, and holds up no other."""
        holder = added(storage, name="n")
        first, second = task(storage), task(storage)
        wanted = [first, task(storage, name="n"), evolve(task(storage), id=holder.id), second]
        one, taken, known, other = storage.add(creations(wanted), atomic=False)
        assert [one, other] == [Accepted(task=first, how="created"), Accepted(task=second, how="created")]
        for refused, creation in ((taken, wanted[1]), (known, wanted[2])):
            assert isinstance(refused, Refused)
            assert (refused.task_id, type(refused.error)) == (creation.id, Conflict)
        assert storage.count(DEFAULT_PROJECT) == {"pending": 3}

    def test_later_creations_see_what_earlier_ones_did(self, storage: Storage) -> None:
        """Also within one call: the second of a name meets the first."""
        first, second = task(storage, name="n"), task(storage, name="n")
        answers = storage.add([Creation(task=first), Creation(task=second, on_clash="keep")])
        assert answers == (Accepted(task=first, how="created"), Accepted(task=first, how="kept"))

    @pytest.mark.parametrize(("policy", "how"), [("keep", "kept"), ("replace", "replaced"), ("debounce", "debounced")])
    def test_a_taken_name_is_dealt_with_as_asked(self, storage: Storage, policy: ClashPolicy, how: str) -> None:
        """Keep leaves the task alone, replace changes it, debounce moves it; each with its record."""
        holder = added(storage, name="n", late=-HOUR)
        new = task(storage, name="n", late=-2 * HOUR, call=FunctionCall(function="other"), priority=7)
        answer = _one(storage, Creation(task=new, on_clash=policy))
        kept = storage.get(holder.id)
        assert (answer.task, answer.how) == (kept, how)
        assert isinstance(new.state, Pending)
        changes = {
            "keep": holder,
            "replace": evolve(
                holder, call=new.call, priority=7, state=new.state, scheduled_for=new.state.due, version=2
            ),
            "debounce": evolve(holder, state=new.state, scheduled_for=new.state.due, version=2),
        }
        assert kept == changes[policy]
        assert [type(event) for event in storage.history(holder.id)] == [TaskEdited] * (kept.version - 1)
        assert storage.count(DEFAULT_PROJECT) == {"pending": 1}

    def test_what_was_replaced_is_found_by_what_it_is_now(self, storage: Storage) -> None:
        """Queue, key and deadline are those of the new request: searches and limits go by them."""
        holder = added(storage, name="n", key="old", queue="old")
        follow_up = FollowUp(call=FunctionCall(function="after"))
        new = task(storage, name="n", key="new", queue="new", start_by=storage.now() + HOUR, on_failure=follow_up)
        answer = _one(storage, Creation(task=new, on_clash="replace"))
        assert (answer.task.start_by, answer.task.on_failure) == (new.start_by, follow_up)
        assert storage.find(TaskQuery(key="new", queue="new")).items == (storage.get(holder.id),)
        assert storage.find(TaskQuery(key="old")).items == storage.find(TaskQuery(queue="old")).items == ()
        assert take(storage, ("old",), 1, start()) == ()
        assert [decision.task.id for decision in take(storage, ("new",), 1, start())] == [holder.id]

    def test_a_live_task_that_is_created_again_is_met_by_its_name(self, storage: Storage) -> None:
        """Its own name is taken, by itself; without a name its id is."""
        named, nameless = added(storage, name="n"), added(storage)
        with pytest.raises(Conflict, match="name 'n'"):
            storage.add([Creation(task=named)])
        assert _one(storage, Creation(task=named, on_clash="keep")) == Accepted(task=named, how="kept")
        with pytest.raises(Conflict, match="its id exists already"):
            storage.add([Creation(task=nameless, on_clash="keep")])

    def test_a_task_that_has_ended_holds_no_name_when_it_is_created(self, storage: Storage) -> None:
        """An imported one is no clash with the live task of its name."""
        added(storage, name="n")
        ended = task(storage, name="n", state=Cancelled(at=storage.now(), reason="", tally=Tally()))
        assert _one(storage, Creation(task=ended)) == Accepted(task=ended, how="created")

    @pytest.mark.parametrize("policy", ["reject", "replace", "debounce"])
    def test_a_running_task_keeps_its_name(self, storage: Storage, policy: ClashPolicy) -> None:
        """It cannot be changed any more: Conflict."""
        holder = running(storage, name="n")
        with pytest.raises(Conflict):
            storage.add([Creation(task=task(storage, name="n"), on_clash=policy)])
        assert storage.get(holder.id) == holder

    def test_a_running_task_may_be_kept(self, storage: Storage) -> None:
        """The answer is the run's task, and nothing is written."""
        holder = running(storage, name="n")
        before = storage.history(holder.id)
        answer = _one(storage, Creation(task=task(storage, name="n"), on_clash="keep"))
        assert answer == Accepted(task=holder, how="kept")
        assert storage.history(holder.id) == before

    def test_a_refusal_undoes_what_earlier_creations_did_to_others(self, storage: Storage) -> None:
        """A replaced task is as it was, with its history, and no key is kept."""
        holder = added(storage, name="n", late=-HOUR)
        blocked = running(storage, name="m")
        wanted = [
            Creation(task=task(storage, name="n", late=-2 * HOUR), on_clash="replace", idempotency=KEY),
            Creation(task=task(storage, name="m"), on_clash="debounce"),
        ]
        with pytest.raises(Conflict):
            storage.add(wanted)
        assert (storage.get(holder.id), storage.history(holder.id)) == (holder, ())
        assert _one(storage, Creation(task=task(storage), idempotency=KEY)).how == "created"
        replaced, refused = storage.add([evolve(wanted[0], idempotency=None), wanted[1]], atomic=False)
        assert isinstance(replaced, Accepted)
        assert isinstance(refused, Refused)
        assert storage.get(holder.id) == replaced.task
        assert storage.get(blocked.id) == blocked

    def test_one_task_may_be_met_several_times_in_one_call(self, storage: Storage) -> None:
        """Each creation builds on the one before."""
        first = task(storage, name="n", late=-HOUR)
        others = [task(storage, name="n", late=-hours * HOUR) for hours in (2, 3)]
        answers = storage.add([Creation(task=first), *(Creation(task=one, on_clash="debounce") for one in others)])
        assert [answer.how for answer in answers if isinstance(answer, Accepted)] == [
            "created",
            "debounced",
            "debounced",
        ]
        assert isinstance(others[1].state, Pending)
        now = storage.get(first.id)
        assert (now.state, now.version) == (others[1].state, 3)
        assert len(storage.history(first.id)) == 2

    def test_concurrent_requests_of_one_key_make_one_task(self, storage: Storage) -> None:
        """All of them are answered with it."""

        def work(number: int) -> list[tuple[str, str]]:
            asked = [IdempotencyKey(key=f"order-{index}", fingerprint="a") for index in range(10)]
            answers = [_one(storage, Creation(task=task(storage), idempotency=key)) for key in asked]
            return [(answer.task.id, answer.how) for answer in answers]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(work, range(4)))
        for column in zip(*answers, strict=True):
            assert len({task_id for task_id, _ in column}) == 1
            assert sorted(how for _, how in column) == ["created", "repeated", "repeated", "repeated"]
        assert storage.count(DEFAULT_PROJECT) == {"pending": 10}

    def test_concurrent_creators_make_one_task(self, storage: Storage) -> None:
        """Whatever they want of the others' task."""

        def work(number: int) -> list[str]:
            policies: tuple[ClashPolicy, ...] = ("keep", "replace", "debounce", "keep")
            wanted = [
                Creation(task=task(storage, name=f"n{index}", late=-HOUR), on_clash=policies[number])
                for index in range(10)
            ]
            return [_one(storage, creation).how for creation in wanted]

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(work, range(4)))
        assert [sum(how == "created" for how in column) for column in zip(*answers, strict=True)] == [1] * 10
        assert storage.count(DEFAULT_PROJECT) == {"pending": 10}

    def test_a_repeated_request_gets_the_first_ones_task(self, storage: Storage) -> None:
        """As it is by now, also when it has ended; within one call too."""
        first = _one(storage, Creation(task=task(storage), idempotency=KEY)).task
        storage.update([first.id], start())
        again = _one(storage, Creation(task=task(storage), idempotency=KEY))
        assert (again.how, again.task) == ("repeated", storage.get(first.id))
        other = evolve(KEY, key="order-8")
        two = storage.add([Creation(task=task(storage), idempotency=other) for _ in range(2)])
        assert [answer.how for answer in two if isinstance(answer, Accepted)] == ["created", "repeated"]
        assert sum(storage.count(DEFAULT_PROJECT).values()) == 2

    def test_a_key_belongs_to_a_project_and_a_request(self, storage: Storage) -> None:
        """Another request with it is refused; another project's is another key."""
        _one(storage, Creation(task=task(storage), idempotency=KEY))
        with pytest.raises(Conflict, match="idempotency_key"):
            storage.add([Creation(task=task(storage), idempotency=evolve(KEY, fingerprint="b"))])
        assert _one(storage, Creation(task=task(storage, project="other"), idempotency=KEY)).how == "created"

    def test_a_key_outlives_the_refusal_of_its_request_no_more_than_its_task(self, storage: Storage) -> None:
        """A refused creation leaves no key behind, and a deleted task's request makes a new one."""
        holder = added(storage, name="n")
        with pytest.raises(Conflict):
            storage.add([Creation(task=task(storage, name="n"), idempotency=KEY)])
        storage.add([Creation(task=task(storage, name="n"), idempotency=KEY)], atomic=False)
        made = _one(storage, Creation(task=task(storage), idempotency=KEY))
        assert made.how == "created"
        storage.delete([made.task.id, holder.id])
        assert _one(storage, Creation(task=task(storage), idempotency=KEY)).how == "created"

    def test_what_a_request_left_open_is_its_queues(self, storage: Storage) -> None:
        """If that is configured, and has it."""
        storage.update_queue(REF, lambda queue, at: evolve(queue, retry=Never(), version=queue.version + 1))
        wanted = Creation(task=task(storage, queue="mail"), inherits=frozenset({"retry", "timeout"}))
        assert _one(storage, wanted).task == storage.get(wanted.task.id) == evolve(wanted.task, retry=Never())
        elsewhere = Creation(task=task(storage), inherits=frozenset({"retry", "timeout"}))
        assert _one(storage, elsewhere).task == elsewhere.task

    def test_a_draining_queue_refuses_what_is_new(self, storage: Storage) -> None:
        """And keeps what it has."""
        mine = added(storage, queue="mail")

        def drain(queue: Queue, at: object) -> Queue:
            return close_queue(queue, "draining", storage_now, "")

        storage_now = storage.now()
        storage.update_queue(REF, drain)
        with pytest.raises(Conflict, match="draining"):
            storage.add(creations([task(storage, queue="mail")]))
        assert storage.get(mine.id) == mine

    def test_a_refused_report_leaves_nothing_of_what_follows_it(self, storage: Storage) -> None:
        """A follow-up whose id exists refuses the decision that asks for it, and that one only."""
        held = running(storage, on_success=FollowUp(call=FunctionCall(function="after")))
        blocked = task(storage)

        def step(given: object, at: object) -> object:
            return decision

        decision = succeed(held, storage.now())
        (follow_up,) = decision.follow_ups
        storage.add(creations([evolve(blocked, id=follow_up.id)]))
        (refused,) = storage.update([held.id], step)  # type: ignore[arg-type]  # the step gives what was decided
        assert isinstance(refused, Refused)
        assert storage.get(held.id) == held
        assert len(storage.history(held.id)) == 1

    def test_a_batch_of_reports_with_a_refused_follow_up_is_not_written(self, storage: Storage) -> None:
        """``save`` writes all of them or, since an id exists, none."""
        plain, asking = running(storage), running(storage, on_success=FollowUp(call=FunctionCall(function="after")))
        decisions = [succeed(plain, storage.now()), succeed(asking, storage.now())]
        (follow_up,) = decisions[1].follow_ups
        storage.add(creations([evolve(task(storage), id=follow_up.id)]))
        with pytest.raises(Conflict):
            storage.save(decisions)
        assert (storage.get(plain.id), storage.get(asking.id)) == (plain, asking)
        assert len(storage.history(plain.id)) == len(storage.history(asking.id)) == 1

    def test_a_follow_up_is_there_when_its_task_has_ended(self, storage: Storage) -> None:
        """In the same transaction: whoever sees the end sees it too."""

        after = FollowUp(call=FunctionCall(function="after"), queue="mail", delay=timedelta(minutes=5))
        held = running(storage, on_success=after, on_failure=FollowUp(call=FunctionCall(function="never")))
        decision = succeed(held, storage.now())
        assert storage.save([decision]) == (True,)
        (follow_up,) = decision.follow_ups
        assert storage.get(follow_up.id) == follow_up
        assert (follow_up.call, follow_up.queue) == (after.call, "mail")
