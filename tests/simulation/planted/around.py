"""Bugs of an adapter or an engine that uses the port wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve as changed

from mainspring.core.commands import LoseLease
from mainspring.core.creation import Accepted, Creation
from mainspring.core.errors import MainspringError
from mainspring.core.events import RetryScheduled, RunStarted
from mainspring.core.ids import ENTROPY_BYTES, ScheduleId, TaskId, uuid7
from mainspring.core.machine import Decision, handle
from mainspring.core.ports import (
    Gate,
    Page,
    Refused,
    ScheduleStep,
    Taken,
    TaskQuery,
    TaskStep,
    Unplanned,
    Upcoming,
)
from mainspring.core.queue import Admission, Limits, Queue, QueueRef, QueueView, admit
from mainspring.core.schedule import Created, Plan, ScheduleView
from mainspring.core.states import Cancelling, Pending, Running
from mainspring.core.task import Task
from mainspring.simulation.actors import PROJECTS
from simulation.planted.planting import Around, bug


@bug("advance then insert", "I8")
class AdvanceThenInsert(Around):
    """The schedule is advanced in one transaction, its tasks are inserted in the next."""

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        made: dict[ScheduleId, tuple[Task, ...]] = {}

        def advance(view: ScheduleView, at: datetime) -> Plan:
            plan = step(view, at)
            made[view.schedule.id] = plan.tasks
            return changed(plan, tasks=())

        plans: tuple[Plan | Unplanned, ...] = await self.inner.fire(limit, advance)
        tasks = [task for plan in plans if isinstance(plan, Plan) for task in made[plan.schedule.id]]
        await self.inner.add([Creation(task=task) for task in tasks], atomic=False)
        return plans


@bug("insert then advance, without a key", "I8")
class InsertThenAdvance(Around):
    """The tasks are inserted first, with ids of their own, and the schedule is advanced in the next transaction."""

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        made: dict[ScheduleId, tuple[Task, ...]] = {}

        def look(view: ScheduleView, at: datetime) -> Plan:
            plan = step(view, at)
            octets = self.world.now().isoformat().encode() + self.node.name.encode()
            made[view.schedule.id] = tuple(
                changed(task, id=TaskId(uuid7(at, (octets + bytes([number]))[-ENTROPY_BYTES:])))
                for number, task in enumerate(plan.tasks)
            )
            return Plan(schedule=view.schedule, read_version=view.schedule.version)

        await self.inner.fire(limit, look)
        await self.inner.add([Creation(task=task) for tasks in made.values() for task in tasks], atomic=False)

        def advance(view: ScheduleView, at: datetime) -> Plan:
            plan = step(view, at)
            ids = iter([task.id for task in made.get(view.schedule.id, ())])
            slots = tuple(
                changed(slot, outcome=Created(task_id=next(ids, slot.outcome.task_id)))
                if isinstance(slot.outcome, Created)
                else slot
                for slot in plan.slots
            )
            return changed(plan, tasks=(), slots=slots)

        return await self.inner.fire(limit, advance)


@bug("no compare-and-set on fire", "I8", "I9", "I12")
class NoCompareAndSet(Around):
    """What was planned on an earlier reading is written whatever has become of the schedule since."""

    async def fire(self, limit: int, step: ScheduleStep) -> tuple[Plan | Unplanned, ...]:
        made: dict[ScheduleId, Plan] = {}

        def look(view: ScheduleView, at: datetime) -> Plan:
            made[view.schedule.id] = step(view, at)
            return Plan(schedule=view.schedule, read_version=view.schedule.version)

        await self.inner.fire(limit, look)
        plans: list[Plan | Unplanned] = []
        for schedule_id, plan in made.items():

            def write(view: ScheduleView, at: datetime, plan: Plan = plan) -> Plan:
                version = view.schedule.version
                after = changed(plan.schedule, version=version + 1)
                return changed(plan, schedule=after, read_version=version)

            try:
                plans.append(await self.inner.update_schedule(schedule_id, write))
            except MainspringError as error:
                plans.append(Unplanned(schedule_id, error))
        return tuple(plans)


@bug("worker clock for leases", "I3")
class WorkerClockForLease(Around):
    """A lease ends so long after what the worker's own clock shows."""

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        skew = self.skew

        def by_the_wall(task: Task, at: datetime) -> Decision:
            decision = step(task, at)
            state = decision.task.state
            if not isinstance(state, Running):
                return decision
            until = state.lease_until + skew
            events = tuple(
                changed(event, lease_until=until) if isinstance(event, RunStarted) else event
                for event in decision.events
            )
            return changed(
                decision, task=changed(decision.task, state=changed(state, lease_until=until)), events=events
            )

        return await self.inner.take(shares, by_the_wall, gate)


@bug("worker clock for retries", "I5")
class WorkerClockForRetry(Around):
    """A retry is due so long after what the worker's own clock shows."""

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        skew = self.skew

        def by_the_wall(decision: Decision) -> Decision:
            state = decision.task.state
            if not isinstance(state, Pending) or not isinstance(decision.events[0], RetryScheduled):
                return decision
            event = changed(decision.events[0], due=decision.events[0].due + skew)
            return changed(
                decision, task=changed(decision.task, state=changed(state, due=state.due + skew)), events=(event,)
            )

        return await self.inner.save([by_the_wall(decision) for decision in decisions])


@bug("no idempotency key", "I1")
class NoIdempotencyKey(Around):
    """A request that is repeated is carried out again."""

    async def add(self, creations: Sequence[Creation], *, atomic: bool = True) -> tuple[Accepted | Refused, ...]:
        plain = [changed(creation, idempotency=None) for creation in creations]
        return await self.inner.add(plain, atomic=atomic)


class _Gated(Around):
    """Another gate than ``admit`` itself."""

    def seen(self, queue: Queue) -> Queue:
        """The queue as the wrong gate sees it."""
        return queue

    def gate(self, view: QueueView, due: Sequence[Task], at: datetime, want: int) -> Admission:
        """Admit by what is seen; what was set stays set."""
        queue = view.queue
        admission = admit(changed(view, queue=self.seen(queue)), due, at, want)
        after = changed(
            admission.queue,
            limits=queue.limits,
            key_limits=queue.key_limits,
            paused=queue.paused,
            version=queue.version + 1,
        )
        return changed(admission, queue=after)

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        return await self.inner.take(shares, step, self.gate)


@bug("no concurrency check", "I10")
class NoConcurrency(_Gated):
    """A queue's concurrency limit is not looked at."""

    def seen(self, queue: Queue) -> Queue:
        free = Limits(rate=queue.limits.rate)
        return changed(queue, limits=free, key_limits=Limits(rate=queue.key_limits.rate))


@bug("no rate check", "I11")
class NoRate(_Gated):
    """A queue's rate is not looked at."""

    def seen(self, queue: Queue) -> Queue:
        free = Limits(concurrency=queue.limits.concurrency)
        return changed(queue, limits=free, key_limits=Limits(concurrency=queue.key_limits.concurrency))


@bug("pause ignored", "I12")
class PauseIgnored(_Gated):
    """A paused queue goes on."""

    def seen(self, queue: Queue) -> Queue:
        return changed(queue, paused=None)

    async def configured(self) -> tuple[Queue, ...]:
        return tuple(self.seen(queue) for queue in await self.inner.configured())


@bug("check, then claim in another transaction", "I10")
class CheckThenClaim(Around):
    """How many run is read first, and the tasks are taken by that later."""

    async def take(self, shares: Mapping[QueueRef, int], step: TaskStep, gate: Gate) -> Taken:
        held = {status.queue.ref: status.held for status in await self.inner.queues()}

        def by_what_was_read(view: QueueView, due: Sequence[Task], at: datetime, want: int) -> Admission:
            return admit(changed(view, running={"": held.get(view.queue.ref, 0)}), due, at, want)

        return await self.inner.take(shares, step, by_what_was_read)


class _Reclaiming(Around):
    """Another reclaim than the storage's own."""

    async def held(self) -> list[Task]:
        """Every task that is held, as it is read now."""
        statuses = frozenset({Running.status, Cancelling.status})
        pages = [await self.inner.find(TaskQuery(project=project, statuses=statuses)) for project in PROJECTS]
        return [task for page in pages for task in page.items]


@bug("reclaim brings an ended task back", "I4", "I6", "I7")
class Resurrection(_Reclaiming):
    """Expired runs are read first, and lose their lease later, whatever has become of the task."""

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        held = {task.id: task for task in await self.held()}

        def lose(task: Task, at: datetime) -> Decision:
            decision = step(held[task.id], at)
            return changed(decision, task=changed(decision.task, version=task.version + 1), read_version=task.version)

        answers = await self.inner.update([*held], lose)
        return tuple(answer for answer in answers if isinstance(answer, Decision))


@bug("claim ignores the end of the lease", "I3", "I4")
class LeaseIgnored(_Reclaiming):
    """What somebody else holds is taken over at once."""

    async def upcoming(self, queues: Sequence[str]) -> Upcoming:
        found: Upcoming = await self.inner.upcoming(queues)
        return found if found.lease is None else changed(found, lease=found.lease - timedelta(days=1))

    async def reclaim(self, limit: int, step: TaskStep) -> tuple[Decision, ...]:
        held = [task.id for task in await self.held()]

        def lose(task: Task, at: datetime) -> Decision:
            state = task.state
            if isinstance(state, Running | Cancelling):
                task = changed(task, state=changed(state, lease_until=at))
            return handle(task, LoseLease(at=at, entropy=0.5))

        answers = await self.inner.update(held[:limit], lose)
        return tuple(answer for answer in answers if isinstance(answer, Decision))


@bug("follow-ups in a transaction of their own", "I15")
class FollowUpsLater(Around):
    """What is to follow the end of a task is created after that end was written."""

    async def save(self, decisions: Sequence[Decision]) -> tuple[bool, ...]:
        applied: tuple[bool, ...] = await self.inner.save([changed(one, follow_ups=()) for one in decisions])
        later = [
            task
            for decision, written in zip(decisions, applied, strict=True)
            if written
            for task in decision.follow_ups
        ]
        if later:
            await self.inner.add([Creation(task=task) for task in later], atomic=False)
        return applied


@bug("projects mixed up", "I14")
class ProjectsMixed(Around):
    """Who looks for tasks of a project finds those of another as well."""

    async def find(self, query: TaskQuery) -> Page[Task]:
        return await self.inner.find(changed(query, project=PROJECTS[0]))


BUGS: tuple[Any, ...] = (
    AdvanceThenInsert,
    InsertThenAdvance,
    NoCompareAndSet,
    WorkerClockForLease,
    WorkerClockForRetry,
    NoIdempotencyKey,
    NoConcurrency,
    CheckThenClaim,
    NoRate,
    Resurrection,
    LeaseIgnored,
    PauseIgnored,
    FollowUpsLater,
    ProjectsMixed,
)
