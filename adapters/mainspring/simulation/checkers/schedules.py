"""What must hold of every schedule: I8 and I9."""

from __future__ import annotations

from datetime import datetime

from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.invariants import TICK, Breaches, next_never_goes_back, occurrences_are_exact
from mainspring.core.schedule import Buffered, Created, Schedule, Skipped, Slot
from mainspring.core.schedule.plan import PARALLEL
from mainspring.core.schedule.values import PROMPT
from mainspring.core.states import TERMINAL
from mainspring.core.task import Fired, schedule_of
from mainspring.simulation.checkers.story import Course, story_of
from mainspring.simulation.trace import Inserted, Planned, Removed, Trace, Wrote


def occurrences_have_one_record(trace: Trace) -> Breaches:
    """I8: each occurrence has one record, whose task exists; late ones by the catch-up, busy ones by the overlap."""
    story = story_of(trace)
    known = {life.task.id for life in story.lives}
    known |= {task.id for planned in trace.of(Planned) for task in planned.plan.tasks}
    for schedule_id, course in story.courses.items():
        slots: dict[tuple[datetime, bool], Slot] = {}
        for slot in course.slots():
            before = slots.get((slot.occurrence, slot.manual))
            if before is not None and not isinstance(before.outcome, Buffered):
                yield f"I8: {course.schedule} has a second record of {slot.occurrence}"
            slots[slot.occurrence, slot.manual] = slot
            if isinstance(slot.outcome, Created) and slot.outcome.task_id not in known:
                yield f"I8: {slot.occurrence} of {course.schedule} has a record of a task that was never created"
        yield from occurrences_are_exact(_rules(course), course.schedule, [*slots.values()])
        recorded = {slot.outcome.task_id for slot in slots.values() if isinstance(slot.outcome, Created)}
        for life in story.lives:
            if schedule_of(life.inserted.task) == schedule_id and life.task.id not in recorded:
                yield f"I8: {course.schedule} made {life.task}, which no record speaks of"
        if story.over is not None:
            stored = story.over.slots.get(schedule_id, ())
            if {(slot.occurrence, slot.manual): slot for slot in stored} != slots:
                yield f"I8: {course.schedule} wrote {len(slots)} records, {len(stored)} are stored, or others"
        for planned in course.plans:
            yield from _catches_up(planned)
    yield from _overlaps(trace)


def _rules(course: Course) -> list[tuple[Schedule, datetime]]:
    """The rules that held, each with the instant after which it did."""
    first = course.versions[0]
    rules = [(first, first.created_at if first.next_at is None else min(first.created_at, first.next_at - TICK))]
    for planned in course.plans:
        before, after = planned.before, planned.plan.schedule
        if _rule(before) != _rule(after) and planned.plan.events:
            recorded = [instant for instant in (before.last_fired, before.excluded_to) if instant is not None]
            rules.append((after, max([planned.plan.events[0].at, *recorded])))
    return rules


def _rule(schedule: Schedule) -> tuple[object, ...]:
    return schedule.recurrence, schedule.starts_at, schedule.ends_at, schedule.max_runs


def _catches_up(planned: Planned) -> Breaches:
    """What lies within the catch-up window is not passed over, and what lies before it is."""
    before = planned.before
    waited = {due.occurrence for due in before.waiting}
    for slot in planned.plan.slots:
        edge = slot.at - max(before.catch_up.window, PROMPT)
        passed = isinstance(slot.outcome, Skipped) and slot.outcome.reason == "outside_window"
        if passed and slot.until >= edge:
            yield f"I8: {before} passed {slot.until} over, which lies in the window from {edge}"
        fresh = isinstance(slot.outcome, Created | Buffered) and not slot.manual and slot.occurrence not in waited
        if fresh and slot.occurrence < edge:
            yield f"I8: {before} made up for {slot.occurrence}, which lies before the window from {edge}"


def _overlaps(trace: Trace) -> Breaches:
    """Under a policy that lets one wait for the other, none starts beside another."""
    live: dict[ScheduleId, set[TaskId]] = {}
    for entry in trace.entries:
        if isinstance(entry, Planned):
            yield from _beside(entry, live.get(entry.before.id, set()))
        elif isinstance(entry, Inserted):
            schedule_id = schedule_of(entry.task)
            if schedule_id is not None:
                live.setdefault(schedule_id, set()).add(entry.task.id)
        elif isinstance(entry, Wrote):
            task = entry.decision.task
            schedule_id = schedule_of(task)
            if schedule_id is not None:
                tasks = live.setdefault(schedule_id, set())
                (tasks.discard if isinstance(task.state, TERMINAL) else tasks.add)(task.id)
        elif isinstance(entry, Removed):
            live.get(schedule_of(entry.task) or ScheduleId(""), set()).discard(entry.task.id)


def _beside(planned: Planned, live: set[TaskId]) -> Breaches:
    plan, before = planned.plan, planned.before
    if not plan.tasks or any(event.kind == "backfilled" for event in plan.events):
        return
    if before.overlap in PARALLEL:
        left = live - set(plan.cancels)
        if before.overlap == "cancel_other" and left and any(isinstance(task.origin, Fired) for task in plan.tasks):
            yield f"I8: {before} cancels others by its policy, {len(left)} were left alone"
    elif live or len(plan.tasks) > 1:
        yield f"I8: {before} made {len(plan.tasks)} tasks beside {len(live)}, its policy is {before.overlap}"


def next_moves_on(trace: Trace) -> Breaches:
    """I9: the next occurrence of a schedule never goes back but by an edit, and what was set changes only by hand."""
    for course in story_of(trace).courses.values():
        yield from next_never_goes_back(course.versions)
        for planned in course.plans:
            if not planned.plan.events and _settings(planned.before) != _settings(planned.plan.schedule):
                yield f"I9: {planned.before} was changed by a firing, over what was set before"


def _settings(schedule: Schedule) -> tuple[object, ...]:
    return (*_rule(schedule), schedule.template, schedule.overlap, schedule.catch_up, schedule.paused, schedule.jitter)
