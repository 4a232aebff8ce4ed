"""The trace, told task by task and schedule by schedule: what the checkers ask for again and again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import define, field

from mainspring.core.events import UNRECORDED, Event
from mainspring.core.ids import ScheduleId, TaskId
from mainspring.core.schedule import Schedule, Slot
from mainspring.core.task import Task
from mainspring.simulation.trace import (
    Calm,
    Ended,
    Inserted,
    Nudged,
    Over,
    Planned,
    Removed,
    ScheduleGone,
    ScheduleMade,
    Trace,
    Wrote,
)


@define
class Life:
    """A task from its creation on."""

    inserted: Inserted
    task: Task
    writes: list[Wrote] = field(factory=list[Wrote])
    removed: Removed | None = None

    @property
    def events(self) -> list[Event]:
        """Everything that happened to it, heartbeats included."""
        return [event for write in self.writes for event in write.decision.events]

    @property
    def recorded(self) -> tuple[Event, ...]:
        """What has to be in its history."""
        return tuple(event for event in self.events if type(event) not in UNRECORDED)


@define
class Course:
    """A schedule from its creation on."""

    versions: list[Schedule]
    plans: list[Planned] = field(factory=list[Planned])
    gone: ScheduleGone | None = None

    @property
    def schedule(self) -> Schedule:
        """As it is now, or was at last."""
        return self.versions[-1]

    def slots(self) -> Iterator[Slot]:
        """Give every record that was written, replaced ones included."""
        return (slot for planned in self.plans for slot in planned.plan.slots)


@define
class Story:
    """What a trace tells."""

    lives: list[Life] = field(factory=list[Life])
    current: dict[TaskId, Life] = field(factory=dict[TaskId, Life])
    twice: list[TaskId] = field(factory=list[TaskId])
    """Tasks that were created while they existed."""
    courses: dict[ScheduleId, Course] = field(factory=dict[ScheduleId, Course])
    ends: dict[tuple[TaskId, int], Ended] = field(factory=dict[tuple[TaskId, int], Ended])
    calm: Calm | None = None
    over: Over | None = None

    @property
    def calm_at(self) -> datetime | None:
        """When the faults ended."""
        return None if self.calm is None else self.calm.at


def story_of(trace: Trace) -> Story:
    """Tell a trace as a story; told once, it is kept with the trace as long as nothing is added."""
    known = trace.told
    if known is not None and known[0] == len(trace.entries):
        story = known[1]
        if isinstance(story, Story):
            return story
    story = Story()
    for entry in trace.entries:
        _tell(story, entry)
    trace.told = len(trace.entries), story
    return story


def _tell(story: Story, entry: object) -> None:
    match entry:
        case Inserted():
            if entry.task.id in story.current:
                story.twice.append(entry.task.id)
            life = Life(entry, entry.task)
            story.lives.append(life)
            story.current[entry.task.id] = life
        case Wrote():
            life = story.current[entry.before.id]
            life.writes.append(entry)
            life.task = entry.decision.task
        case Removed():
            story.current.pop(entry.task.id).removed = entry
        case ScheduleMade():
            story.courses[entry.schedule.id] = Course([entry.schedule])
        case Planned():
            course = story.courses[entry.before.id]
            course.plans.append(entry)
            course.versions.append(entry.plan.schedule)
        case Nudged():
            story.courses[entry.after.id].versions.append(entry.after)
        case ScheduleGone():
            story.courses[entry.schedule.id].gone = entry
        case Ended():
            story.ends[entry.task_id, entry.run] = entry
        case Calm():
            story.calm = entry
        case Over():
            story.over = entry
        case _:
            pass
