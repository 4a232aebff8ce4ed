"""Preview: it shows what a step-by-step run through the same functions comes to; its bounds; its refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.ids import TaskId
from mainspring.core.preview import MAX_CUT, Preview, PreviewRow, preview
from mainspring.core.queue import Limits, Queue, QueuePause, QueueRef, Rate
from mainspring.core.recurrence import Cron, Interval, Recurrence
from mainspring.core.schedule import AtMost, CatchUp, Overlap, Schedule, ScheduleEdit, TaskTemplate
from mainspring.core.states import Pending
from support.builders import DAY, HOUR, HTTP, MINUTE, NOW, SECOND, TASK_ID
from support.schedules import TICK, World, describe, key_of, make_schedule, occurrences

START = NOW.replace(second=0)
MAIL = QueueRef("default", "mail")
IN_MAIL = TaskTemplate(call=HTTP, queue="mail")
OVERLAPS: st.SearchStrategy[Overlap] = st.sampled_from(
    ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"]
)
RULES: st.SearchStrategy[Recurrence] = st.one_of(
    st.builds(Interval, every=st.integers(1, 40).map(lambda minutes: minutes * MINUTE), anchor=st.just(START)),
    st.sampled_from(
        [Cron.parse("*/7 * * * *", timezone="UTC"), Cron.parse("5,6,30 * * * *", timezone="Europe/Berlin")]
    ),
)
OPTIONS = st.fixed_dictionaries(
    {"overlap": OVERLAPS},
    optional={
        "catch_up": st.builds(
            CatchUp,
            window=st.sampled_from([timedelta(0), 10 * MINUTE, HOUR]),
            mode=st.sampled_from(["none", "latest", "all"]) | st.integers(1, 3).map(AtMost),
        ),
        "starts_at": st.just(START + 20 * MINUTE),
        "ends_at": st.just(START + 90 * MINUTE),
        "max_runs": st.integers(1, 5),
    },
)


def rows(seen: Preview) -> list[tuple[str, str]]:
    """Each row in short: when, and what becomes of it."""
    return [(f"{row.occurrence:%H:%M}", describe(row.outcome)) for row in seen.rows]


def runs(seen: Preview) -> list[tuple[str, str, str]]:
    """Each run that starts: its occurrence, its start and its end."""
    return [
        (f"{row.occurrence:%H:%M}", f"{row.starts:%H:%M}", f"{row.ends:%H:%M}")
        for row in seen.rows
        if row.starts and row.ends
    ]


# --- the whole, against a plain run --------------------------------------------------------------------------------


@define
class Plain:
    """Minute after minute: tasks end, the schedule is planned, tasks start, until nothing moves."""

    world: World
    duration: timedelta
    limit: int | None
    rate: int | None
    line: list[TaskId] = field(factory=list)
    ends: dict[TaskId, datetime] = field(factory=dict)
    starts: dict[TaskId, datetime] = field(factory=dict)
    cut_short: dict[TaskId, datetime] = field(factory=dict)
    seen: int = 0

    def minute(self, now: datetime) -> None:
        """Everything that happens at this instant."""
        while self._moves(now):
            pass

    def _moves(self, now: datetime) -> bool:
        before = (self.world.schedule, len(self.world.live), len(self.line))
        for task_id in [one for one, end in self.ends.items() if end == now and one in self.world.live]:
            self.world.end(task_id, now)
        if self.world.schedule.wake_at is not None and self.world.schedule.wake_at <= now:
            written = self.world.plan(now)
            self.line += [task.id for task in written.tasks]
            self.cut_short |= dict.fromkeys(written.cancels, now)
        self.line = [task_id for task_id in self.line if task_id in self.world.live]
        while self.line and not self._full(now):
            task_id = self.line.pop(0)
            self.starts[task_id] = now
            self.ends[task_id] = now + self.duration
        return before != (self.world.schedule, len(self.world.live), len(self.line))

    def _full(self, now: datetime) -> bool:
        held = [task_id for task_id in self.ends if task_id in self.world.live]
        recent = [start for start in self.starts.values() if start > now - 30 * MINUTE]
        return (self.limit is not None and len(held) >= self.limit) or (
            self.rate is not None and len(recent) >= self.rate
        )


@given(
    RULES,
    OPTIONS,
    st.lists(st.sampled_from(["plan", "plan", "run_now", "pause", "resume", "skip_next"]), max_size=5),
    st.integers(0, 50),
    st.integers(0, 45),
    st.none() | st.integers(1, 3),
    st.none() | st.integers(1, 3),
)
def test_it_is_what_a_step_by_step_run_comes_to(
    rule: Recurrence,
    options: dict[str, Any],
    life: list[str],
    gap: int,
    length: int,
    limit: int | None,
    rate: int | None,
) -> None:
    """From any state of a schedule, under any overlap, catch-up and queue limit: outcomes, starts and ends."""
    world = World(make_schedule(rule, template=IN_MAIL, at=START - TICK, **options))
    now = START
    for number, change in enumerate(life):
        now = START + 3 * number * MINUTE
        getattr(world, change)(now)
    at, until, duration = now + gap * MINUTE, now + gap * MINUTE + 2 * HOUR, length * MINUTE
    rates = None if rate is None else Rate(count=rate, per=30 * MINUTE)
    queue = Queue(ref=MAIL, limits=Limits(concurrency=limit, rate=rates))
    live, known = tuple(world.live), len(world.created)
    seen = preview(world.schedule, until=until, at=at, duration=duration, live=live, queue=queue)

    plain = Plain(world=world, duration=duration, limit=limit, rate=rate)
    plain.ends = dict.fromkeys(live, at + duration)
    before = {key for key, outcome in world.records.items() if outcome != "buffered"}
    for minute in range(121):
        plain.minute(at + minute * MINUTE)
    expected = {key: outcome for key, outcome in world.records.items() if key not in before}
    found = {
        (one, row.manual): describe(row.outcome)
        for row in seen.rows
        for one in (
            [row.occurrence] if row.count == 1 else occurrences(world.schedule, row.occurrence - TICK, row.until)
        )
    }
    assert found == expected
    assert seen.cut == 0
    tasks = {key_of(task): task for task in world.created[known:]}
    for row in seen.rows:
        task = tasks.get((row.occurrence, row.manual))
        assert (task is None) == (describe(row.outcome) != "created")
        if task is not None:
            cut = plain.cut_short.get(task.id)
            assert row.due == (task.state.due if isinstance(task.state, Pending) else None)
            assert (row.starts, row.cancelled) == (plain.starts.get(task.id), cut is not None)
            assert row.ends == (cut or plain.ends.get(task.id))


# --- by example ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overlap", "outcomes"),
    [
        ("skip", ["created", "skipped: overlap", "skipped: overlap", "created"]),
        ("buffer_one", ["created", "created", "skipped: overlap", "buffered"]),
        ("buffer_all", ["created", "created", "buffered", "buffered"]),
        ("serial", ["created", "created", "buffered", "buffered"]),
        ("allow_all", ["created"] * 4),
        ("cancel_other", ["created"] * 4),
    ],
)
def test_each_overlap_policy_shows(overlap: Overlap, outcomes: list[str]) -> None:
    """Every ten minutes, each task takes 25: what waited shows what became of it."""
    seen = preview(make_schedule(overlap=overlap), at=NOW, until=NOW + 30 * MINUTE, duration=25 * MINUTE)
    assert [outcome for _, outcome in rows(seen)] == outcomes
    assert seen.cut == 0


def test_a_task_that_is_cut_short_says_so() -> None:
    """The later occurrence ends the earlier task, whether it runs or waits for its queue."""
    seen = preview(make_schedule(overlap="cancel_other"), at=NOW, until=NOW + 15 * MINUTE, duration=HOUR)
    assert [(row.starts, row.ends, row.cancelled) for row in seen.rows] == [
        (NOW, NOW + 10 * MINUTE, True),
        (NOW + 10 * MINUTE, NOW + 70 * MINUTE, False),
    ]
    paused = Queue(ref=MAIL, paused=QueuePause(at=NOW))
    schedule = make_schedule(overlap="cancel_other", template=IN_MAIL)
    held = preview(schedule, at=NOW, until=NOW + 15 * MINUTE, duration=HOUR, queue=paused)
    assert [(row.due, row.starts, row.ends, row.cancelled) for row in held.rows] == [
        (NOW, None, NOW + 10 * MINUTE, True),
        (NOW + 10 * MINUTE, None, None, False),
    ]


def test_a_task_is_due_after_its_jitter() -> None:
    """The same delay as in production, and a task that is cancelled before it never starts."""
    schedule = make_schedule(jitter=5 * MINUTE, overlap="allow_all")
    seen = preview(schedule, at=NOW, until=NOW + HOUR)
    assert all(row.due == row.starts == row.ends for row in seen.rows[:6])
    waits = [row.due - row.occurrence for row in seen.rows if row.due is not None]
    assert all(timedelta(0) <= wait < 5 * MINUTE for wait in waits)
    assert len(set(waits)) == 7
    late = preview(make_schedule(jitter=30 * MINUTE, overlap="cancel_other"), at=NOW, until=NOW + DAY)
    for row, following in pairwise(late.rows):
        assert row.due is not None
        assert row.cancelled == (row.due >= following.occurrence)
        assert (row.starts, row.ends) == ((None, following.occurrence) if row.cancelled else (row.due, row.due))
    assert {row.cancelled for row in late.rows} == {True, False}


def test_limits_of_the_queue_put_tasks_off() -> None:
    """The log that the queue has already counts; a rate lets one go on at the very instant it allows."""
    limits = Limits(rate=Rate(count=1, per=15 * MINUTE))
    queue = Queue(ref=MAIL, limits=limits, starts=(NOW - 10 * MINUTE,))
    schedule = make_schedule(overlap="allow_all", template=IN_MAIL)
    seen = preview(schedule, at=NOW, until=NOW + 20 * MINUTE, queue=queue)
    assert [row.starts for row in seen.rows] == [NOW + 5 * MINUTE, NOW + 20 * MINUTE, None]
    idle = Queue(ref=MAIL, weight=7)
    assert [row.starts for row in preview(schedule, at=NOW, until=NOW, queue=idle).rows] == [NOW]


def test_live_tasks_have_just_started() -> None:
    """They hold the schedule back, and a place of its queue, for one duration; they have no row."""
    schedule = make_schedule(overlap="skip", template=IN_MAIL)
    seen = preview(schedule, at=NOW, until=NOW + 20 * MINUTE, duration=15 * MINUTE, live=(TASK_ID,))
    assert [outcome for _, outcome in rows(seen)] == ["skipped: overlap", "skipped: overlap", "created"]
    full = Queue(ref=MAIL, limits=Limits(concurrency=1))
    parallel = make_schedule(overlap="allow_all", template=IN_MAIL)
    held = preview(parallel, at=NOW, until=NOW + 20 * MINUTE, duration=15 * MINUTE, live=(TASK_ID,), queue=full)
    assert runs(held) == [("03:04", "03:19", "03:34")]
    ousted = preview(make_schedule(overlap="cancel_other"), at=NOW, until=NOW, duration=HOUR, live=(TASK_ID,))
    assert runs(ousted) == [("03:04", "03:04", "04:04")]


def test_those_that_wait_at_first_have_their_rows() -> None:
    """Also one that waited when the preview began shows what becomes of it."""
    world = World(make_schedule())
    world.plan(NOW + 10 * MINUTE)
    at = NOW + 12 * MINUTE
    seen = preview(world.schedule, at=at, until=at + 5 * MINUTE, duration=4 * MINUTE, live=tuple(world.live))
    assert runs(seen) == [("03:14", "03:20", "03:24")]
    still = preview(world.schedule, at=at, until=at, duration=4 * MINUTE, live=tuple(world.live))
    assert rows(still) == [("03:14", "buffered")]


def test_a_backlog_is_caught_up_first() -> None:
    """A schedule that fell behind is met as production would: the old ones share a row."""
    schedule = make_schedule(catch_up=CatchUp(window=15 * MINUTE, mode="all"), overlap="allow_all")
    at = NOW + DAY
    seen = preview(schedule, at=at, until=at)
    assert [(row.count, describe(row.outcome)) for row in seen.rows] == [
        (143, "skipped: outside_window"),
        (1, "created"),
        (1, "created"),
    ]
    assert (seen.rows[0].occurrence, seen.rows[0].until) == (NOW, at - 20 * MINUTE)
    assert [row.starts for row in seen.rows] == [None, at, at]


def test_a_paused_schedule_shows_what_it_skips() -> None:
    """A pause has no end that preview could know of."""
    world = World(make_schedule())
    world.pause(NOW - TICK)
    seen = preview(world.schedule, at=NOW, until=NOW + 10 * MINUTE)
    assert rows(seen) == [("03:04", "skipped: paused"), ("03:14", "skipped: paused")]


def test_the_past_year_9999_is_never() -> None:
    """A task whose end no calendar holds never ends."""
    last = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
    schedule = make_schedule(Interval(every=HOUR, anchor=last), at=last - DAY)
    seen = preview(schedule, at=last, until=last + MINUTE, duration=HOUR)
    assert seen.rows == (
        PreviewRow(occurrence=last, until=last, count=1, outcome=seen.rows[0].outcome, due=last, starts=last),
    )


# --- bounds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"])
@given(limit=st.integers(1, 13), length=st.integers(0, 45))
def test_the_limit_only_cuts(overlap: Overlap, limit: int, length: int) -> None:
    """The first rows are the same whatever the limit (ends of what waits included), and the rest is counted."""
    schedule, until, duration = make_schedule(overlap=overlap), NOW + 2 * HOUR, length * MINUTE
    whole = preview(schedule, at=NOW, until=until, duration=duration)
    seen = preview(schedule, at=NOW, until=until, duration=duration, limit=limit)
    assert seen.rows == whole.rows[:limit]
    assert seen.cut == 13 - len(seen.rows)


def test_what_is_cut_is_counted_within_bounds() -> None:
    """A rule of every second over years: the count says at least so many, and it is quick."""
    seconds = make_schedule(Interval(every=SECOND, anchor=NOW), overlap="allow_all")
    assert preview(seconds, at=NOW, until=NOW + 1000 * DAY, limit=3).cut == MAX_CUT == 100_000
    ended = make_schedule(Interval(every=SECOND, anchor=NOW), overlap="allow_all", ends_at=NOW + 9 * SECOND)
    assert preview(ended, at=NOW, until=NOW + DAY, limit=3).cut == 7
    runs_out = make_schedule(overlap="allow_all", max_runs=4)
    assert preview(runs_out, at=NOW, until=NOW + DAY, limit=4).cut == 0


def test_a_schedule_far_behind_is_not_played_to_its_end() -> None:
    """What lies outside the window is met by the ten thousands, but only so many of them."""
    seconds = make_schedule(Interval(every=SECOND, anchor=NOW))
    at = NOW + 30 * DAY
    seen = preview(seconds, at=at, until=at)
    assert [row.count for row in seen.rows] == [20_000] * 5
    assert seen.cut == MAX_CUT


def test_a_crowd_starts_in_several_looks() -> None:
    """The queue is shown the head of a long line, again and again until all have started or it is full."""
    schedule = make_schedule(Interval(every=SECOND, anchor=NOW), overlap="allow_all", template=IN_MAIL)
    at = NOW + 250 * SECOND
    for queue, started in [(None, 251), (Queue(ref=MAIL, limits=Limits(concurrency=150)), 150)]:
        seen = preview(schedule, at=at, until=at, duration=HOUR, queue=queue)
        assert sum(1 for row in seen.rows if row.starts == at) == started
        assert [row.starts for row in seen.rows] == [at] * started + [None] * (251 - started)


def test_every_loop_has_a_bound() -> None:
    """Whatever may be wrong in the rules below: it ends, and shows what it has seen."""
    with patch("mainspring.core.preview.MAX_STEPS", 2):
        seen = preview(make_schedule(overlap="allow_all"), at=NOW, until=NOW + DAY, duration=HOUR)
    assert len(seen.rows) == 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"until": NOW - TICK}, "until: it lies before the preview's start; use a later instant"),
        ({"until": datetime(2030, 1, 1)}, "until: 2030-01-01T00:00:00 has no offset; give it a time zone"),  # noqa: DTZ001
        ({"at": datetime(2030, 1, 1)}, "at: 2030-01-01T00:00:00 has no offset; give it a time zone"),  # noqa: DTZ001
        ({"duration": -TICK}, "duration: -1us is out of range; use 0s or more"),
        ({"duration": 36_526 * DAY}, "duration: 36526d is out of range; use 0s or more"),
        ({"limit": 0}, "limit: 0 is out of range; use 1 to 10000"),
        ({"limit": 10_001}, "limit: 10001 is out of range; use 1 to 10000"),
        (
            {"queue": Queue(ref=MAIL)},
            "queue: the schedule's tasks go to queue default, not to queue mail; give queue default",
        ),
    ],
)
def test_what_it_cannot_play_is_refused(fields: dict[str, Any], text: str) -> None:
    """Each argument by its name."""
    with pytest.raises(InvalidInput) as refused:
        preview(make_schedule(), **({"at": NOW, "until": NOW + HOUR} | fields))
    assert str(refused.value).startswith(text)


def test_the_bounds_themselves_are_allowed() -> None:
    """The longest duration, the most rows, and a preview of a single instant."""
    schedule: Schedule = make_schedule()
    assert rows(preview(schedule, at=NOW, until=NOW, duration=36_525 * DAY, limit=10_000)) == [("03:04", "created")]
    start, end = NOW - HOUR, NOW - TICK
    assert preview(schedule, at=start, until=end) == Preview(schedule=schedule, at=start, until=end, rows=(), cut=0)


# --- an edit before it is made -------------------------------------------------------------------------------------


def test_an_edit_is_shown_before_it_is_made() -> None:
    """By the production edit: what came due before is settled as it was, and what waits goes on under the new rules."""
    schedule = make_schedule(Interval(every=10 * MINUTE, anchor=START), at=START - TICK)
    seen = preview(
        schedule,
        at=START + 10 * MINUTE,
        until=START + HOUR,
        duration=5 * MINUTE,
        edit=ScheduleEdit(recurrence=Interval(every=30 * MINUTE, anchor=START), queue="mail"),
        queue=Queue(ref=MAIL),
    )
    assert rows(seen) == [
        (f"{START:%H:%M}", "created"),
        (f"{START + 10 * MINUTE:%H:%M}", "created"),
        (f"{START + 30 * MINUTE:%H:%M}", "created"),
        (f"{START + HOUR:%H:%M}", "created"),
    ]
    assert (seen.schedule.template.queue, seen.schedule.version) == ("mail", schedule.version + 1)
    assert seen.schedule.next_at == START + 30 * MINUTE
    with pytest.raises(InvalidInput):
        preview(schedule, at=START, until=START + HOUR, edit=ScheduleEdit(overlap="skip"), queue=Queue(ref=MAIL))
