"""Schedules over random lives: the plain model of the rules, and I8 and I9 at every step."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.recurrence import Cron, Interval, Recurrence, between
from mainspring.core.schedule import AtMost, CatchUp, Overlap
from support.builders import DAY, HOUR, MINUTE, NOW, SECOND
from support.schedules import TICK, Model, World, coalesced, key_of, make_schedule, occurrences

OVERLAPS: st.SearchStrategy[Overlap] = st.sampled_from(
    ["skip", "buffer_one", "buffer_all", "cancel_other", "allow_all", "serial"]
)
CATCH_UPS = st.builds(
    CatchUp,
    window=st.sampled_from([timedelta(0), MINUTE, HOUR, DAY]),
    mode=st.sampled_from(["none", "latest", "all"]) | st.integers(1, 4).map(AtMost),
)
RULES: st.SearchStrategy[Recurrence] = st.one_of(
    st.builds(
        Interval,
        every=st.sampled_from([5 * MINUTE, 17 * MINUTE, HOUR, 3 * HOUR]),
        anchor=st.sampled_from([NOW, NOW - DAY, NOW + HOUR]),
    ),
    st.sampled_from(
        [
            Cron.parse("*/20 * * * *", timezone="UTC"),
            Cron.parse("30 2,14 * * *", timezone="Europe/Berlin"),
            Cron.parse("7 * * * *", timezone="UTC"),
        ]
    ),
)
STEPS = st.sampled_from([TICK, SECOND, MINUTE, 10 * MINUTE, HOUR - TICK, HOUR, 7 * HOUR])
BOUNDS = st.none() | st.sampled_from([NOW, NOW + HOUR, NOW + 5 * HOUR - TICK, NOW + DAY])
RUNS = st.none() | st.integers(1, 6)
Change: TypeAlias = tuple[str, dict[str, Any]]
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.tuples(st.sampled_from(["plan", "plan", "plan", "run_now", "pause", "resume"]), st.just({})),
    st.tuples(st.just("end"), st.fixed_dictionaries({"which": st.integers(0, 9), "failed": st.booleans()})),
    st.tuples(
        st.just("edit"),
        st.fixed_dictionaries(
            {},
            optional={
                "recurrence": RULES,
                "overlap": OVERLAPS,
                "catch_up": CATCH_UPS,
                "starts_at": BOUNDS,
                "ends_at": BOUNDS,
                "max_runs": RUNS,
            },
        ),
    ),
    st.tuples(st.just("skip_next"), st.just({})),
    st.tuples(
        st.just("backfill"),
        st.fixed_dictionaries({"back": st.sampled_from([TICK, HOUR, 5 * HOUR]), "overlap": st.none() | OVERLAPS}),
    ),
)


def do(world: World, model: Model, at: datetime, change: Change) -> None:
    """Do the same to the world and to the model."""
    kind, fields = change
    if kind == "end":
        if world.live:
            task_id = list(world.live)[fields["which"] % len(world.live)]
            model.end(world.live[task_id], fields["failed"])
            world.end(task_id, at, fields["failed"])
        return
    if kind == "skip_next" and not deepcopy(model).skip_next(at):
        assert world.skip_next(at) is None, "there was nothing to skip: nothing is written"
        return
    if kind == "backfill":
        start, overlap = at - fields["back"], fields["overlap"]
        found = between(model.recurrence, start - TICK, at)
        if found and not any((one, True) in model.records for one in found):  # a second one would be a conflict
            world.backfill(start, at, at, overlap)
            model.backfill(start, at, overlap)
            model.live -= model.cancelled if world.prompt else set()
        return
    getattr(world, kind)(at, **fields)
    getattr(model, kind)(at, **fields)
    if world.prompt:
        model.live -= model.cancelled


@given(
    RULES,
    st.fixed_dictionaries(
        {"overlap": OVERLAPS, "catch_up": CATCH_UPS},
        optional={"starts_at": BOUNDS, "ends_at": BOUNDS, "max_runs": RUNS},
    ),
    st.booleans(),
    st.lists(st.tuples(STEPS, CHANGES), min_size=1, max_size=25),
)
def test_a_schedule_does_what_its_sentences_say(
    rule: Recurrence, options: dict[str, Any], prompt: bool, life: list[tuple[timedelta, Change]]
) -> None:
    """Every record, every task and every waiting occurrence is as in the plain model; I8 and I9 hold at each step."""
    at = NOW - TICK
    world = World(make_schedule(rule, **options), prompt=prompt)
    model = Model(recurrence=rule, since=at, **options)
    for step, change in life:
        at += step
        do(world, model, at, change)
        assert world.records == model.records
        assert [(due.occurrence, due.manual) for due in world.schedule.waiting] == model.waiting
        assert set(world.live.values()) == model.live
        upcoming = [] if model.ended else occurrences(model, model.since, model.since + 3 * DAY)
        assert world.schedule.next_at == (upcoming[0] if upcoming else None)
        assert (world.schedule.paused is not None) == model.paused
        world.check(at)
    made = [key_of(task) for task in world.created]
    assert len(made) == len(set(made)) == world.schedule.fired
    assert world.schedule.runs == model.runs == len([manual for _, manual in made if not manual])
    by_rule = [occurrence for occurrence, manual in made if not manual]
    assert world.schedule.last_fired == max(by_rule, default=None)


@given(RULES, st.lists(STEPS, min_size=1, max_size=20))
def test_while_planned_in_time_every_occurrence_makes_its_task(rule: Recurrence, steps: list[timedelta]) -> None:
    """The plain case: planned at each wake-up, each occurrence makes one task, at its instant and with its id."""
    world = World(make_schedule(rule, overlap="allow_all"))
    at = NOW
    for step in steps:
        at += step
        while world.schedule.wake_at is not None and world.schedule.wake_at <= at:
            world.plan(world.schedule.wake_at)
    assert [task.scheduled_for for task in world.created] == list(between(rule, NOW - TICK, at, limit=10_000))
    assert [task.created_at for task in world.created] == [task.scheduled_for for task in world.created]


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 30),
    st.integers(0, 20),
    st.sampled_from(["none", "latest", "all", AtMost(1), AtMost(3), AtMost(7)]),
    st.sampled_from(["allow_all", "skip", "buffer_one", "buffer_all", "serial"]),
    st.booleans(),
)
def test_planning_in_batches_comes_to_the_same(
    batch: int, sweep: int, old: int, fresh: int, mode: Any, overlap: Overlap, paused: bool
) -> None:
    """A backlog that takes several plans makes the tasks, and leaves waiting, what one plan would have."""
    every = 10 * SECOND
    rule = Interval(every=every, anchor=NOW)
    at = NOW + every * (old + fresh)
    catch_up = CatchUp(window=max(fresh * every, MINUTE), mode=mode)
    model = Model(recurrence=rule, since=NOW - TICK, overlap=overlap, catch_up=catch_up)
    world = World(make_schedule(rule, overlap=overlap, catch_up=catch_up))
    if paused:
        world.pause(NOW - TICK)
        model.pause(NOW - TICK)
    with patch.multiple("mainspring.core.schedule.plan", BATCH=batch, SWEEP=sweep):
        for _ in range(100):
            before = world.schedule
            written = world.plan(at)
            assert len(written.tasks) <= batch
            world.check(at)
            if world.schedule.wake_at is None or world.schedule.wake_at > at:
                break
            assert world.schedule.next_at != before.next_at, "every plan gets on"
        else:
            pytest.fail("it never caught up")
    model.plan(at)
    assert {key_of(task) for task in world.created} == model.live
    assert [(due.occurrence, due.manual) for due in world.schedule.waiting] == model.waiting
    plain = {key: outcome for key, outcome in model.records.items() if not outcome.startswith("coalesced")}
    assert {key: world.records[key] for key in plain} == plain
    for (occurrence, _), outcome in world.records.items():
        if outcome.startswith("coalesced"):  # into the next batch's first one, and so on to the last
            assert mode == "latest"
            assert outcome > coalesced(occurrence)
