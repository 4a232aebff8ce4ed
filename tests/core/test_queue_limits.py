"""Queues with limits: ``admit`` and ``share``, rule by rule and over random lives against a plain model."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from attrs import evolve as changed
from hypothesis import given
from hypothesis import strategies as st

from mainspring.core.errors import InvalidInput
from mainspring.core.ids import TaskId, uuid7
from mainspring.core.queue import (
    MAX_KEYS,
    Admission,
    Limits,
    Queue,
    QueuePause,
    QueueRef,
    QueueView,
    Rate,
    Turn,
    admit,
    queue_of,
    share,
)
from mainspring.core.states import Pending
from mainspring.core.task import Task
from support.builders import DAY, MINUTE, NOW, SECOND, at, make_task

MAIL = QueueRef("default", "mail")
TICK = timedelta(microseconds=1)


def tasks(*keys: str | None) -> list[Task]:
    """Due tasks of these keys, in the order of the queue."""
    return [
        make_task(Pending(due=NOW), id=TaskId(uuid7(NOW, number.to_bytes(8, "big"))), key=key, queue="mail")
        for number, key in enumerate(keys)
    ]


def queue(**fields: object) -> Queue:
    """The queue *mail* with these settings."""
    return Queue(ref=MAIL, **fields)


def admitted(of: Queue, due: list[Task], want: int = 100, running: dict[str, int] | None = None) -> list[int]:
    """Which of the due tasks may start now, by their place in the line."""
    found = admit(QueueView(queue=of, running=running or {}), due, NOW, want)
    return [[task.id for task in due].index(task_id) for task_id in found.admitted]


# --- values --------------------------------------------------------------------------------------------------------


def test_a_queue_is_named_by_its_project_and_its_name() -> None:
    """The default project goes without saying; refs sort by project, then name."""
    assert str(MAIL) == str(queue()) == "queue mail"
    assert str(QueueRef("shop", "mail")) == "queue shop/mail"
    assert queue_of(make_task(project="shop", queue="mail")) == QueueRef("shop", "mail")
    assert sorted([QueueRef("b", "a"), QueueRef("a", "b")]) == [QueueRef("a", "b"), QueueRef("b", "a")]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: QueueRef("a b", "q"), "project: 'a b' contains invalid characters; use only A-Z a-z 0-9 _ -"),
        (lambda: QueueRef("p", "a b"), "name: 'a b' contains invalid characters; use only A-Z a-z 0-9 _ -"),
        (lambda: Limits(concurrency=0), "concurrency: 0 is out of range; use 1 to 1000000, or pause the queue"),
        (
            lambda: Limits(concurrency=1_000_001),
            "concurrency: 1000001 is out of range; use 1 to 1000000, or pause the queue",
        ),
        (lambda: Rate(count=0, per=SECOND), "rate: 0 starts are out of range; use 1 to 10000"),
        (lambda: Rate(count=10_001, per=SECOND), "rate: 10001 starts are out of range; use 1 to 10000"),
        (lambda: Rate(count=1, per=SECOND - TICK), "rate: a window of 999ms999us is out of range; use 1s to 7d"),
        (lambda: Rate(count=1, per=7 * DAY + TICK), "rate: a window of 7d1us is out of range; use 1s to 7d"),
        (lambda: queue(weight=0), "weight: 0 is out of range; use 1 to 1000"),
        (lambda: queue(weight=1001), "weight: 1001 is out of range; use 1 to 1000"),
        (lambda: queue(timeout=timedelta(0)), "timeout: 0s is out of range; use 1ms to 24h"),
        (lambda: queue(timeout=DAY + TICK), "timeout: 1d1us is out of range; use 1ms to 24h"),
    ],
)
def test_each_bad_setting_is_refused_by_its_field(make: type, text: str) -> None:
    """What was wrong, where, and what would be right."""
    with pytest.raises(InvalidInput) as refused:
        make()
    assert str(refused.value) == text


def test_the_bounds_themselves_are_allowed() -> None:
    """The first and the last value of each range are in it; None is no limit."""
    Limits(concurrency=1, rate=Rate(count=1, per=SECOND))
    Limits(concurrency=1_000_000, rate=Rate(count=10_000, per=7 * DAY))
    assert queue(weight=1000, timeout=DAY).weight == 1000
    assert queue(timeout=timedelta(milliseconds=1)).timeout == timedelta(milliseconds=1)
    assert (queue().weight, queue().timeout, queue().retry, queue().version) == (1, None, None, 1)


def test_an_open_queue_is_not_gated() -> None:
    """Unlimited queues pay nothing: only a limit or a pause makes storages consult one."""
    assert not queue().gated
    assert not queue(weight=5).gated
    assert queue(paused=QueuePause(at=NOW)).gated
    assert queue(limits=Limits(concurrency=1)).gated
    assert queue(limits=Limits(rate=Rate(count=1, per=SECOND))).gated
    assert queue(key_limits=Limits(concurrency=1)).gated


# --- admit ---------------------------------------------------------------------------------------------------------


def test_without_limits_all_that_is_wanted_starts_in_order() -> None:
    """The order is the queue's; no more than wanted."""
    assert admitted(queue(), tasks(None, None, None)) == [0, 1, 2]
    assert admitted(queue(), tasks(None, None, None), want=2) == [0, 1]
    assert admitted(queue(), tasks(None), want=0) == []
    assert admitted(queue(), []) == []


def test_while_paused_nothing_starts() -> None:
    """And nothing is written."""
    paused = queue(paused=QueuePause(at=NOW, note="incident"))
    found = admit(QueueView(queue=paused, running={}), tasks(None), NOW, 5)
    assert found == Admission(queue=paused, admitted=(), again=None)


@pytest.mark.parametrize(("running", "expected"), [({}, [0, 1, 2]), ({"": 1}, [0, 1]), ({"": 3}, []), ({"": 9}, [])])
def test_concurrency_bounds_what_runs_at_once(running: dict[str, int], expected: list[int]) -> None:
    """I10: what runs already counts, of whatever key; after the limit was lowered there may be too many."""
    assert admitted(queue(limits=Limits(concurrency=3)), tasks(*[None] * 5), running=running) == expected
    assert admitted(queue(limits=Limits(concurrency=3)), tasks(*[None] * 5), running={"a": 1, "b": 1}) == [0]


def test_a_rate_bounds_every_window() -> None:
    """I11: a start exactly one window ago is outside; the first place is free when the oldest leaves."""
    limits = Limits(rate=Rate(count=2, per=MINUTE))
    of = queue(limits=limits, starts=(NOW - MINUTE, NOW - MINUTE + TICK))
    view = QueueView(queue=of, running={})
    found = admit(view, tasks(None, None), NOW, 5)
    assert len(found.admitted) == 1
    assert found.queue == changed(of, starts=(NOW - MINUTE + TICK, NOW), version=2)
    assert found.again == NOW + TICK
    full = admit(QueueView(queue=found.queue, running={}), tasks(None), NOW, 5)
    assert (full.admitted, full.again, full.queue) == ((), NOW + TICK, found.queue)


def test_starts_after_now_count_as_well() -> None:
    """When the storage's clock went back, no window gets more for it."""
    of = queue(limits=Limits(rate=Rate(count=1, per=MINUTE)), starts=(at(30),))
    found = admit(QueueView(queue=of, running={}), tasks(None), NOW, 5)
    assert (found.admitted, found.again) == ((), at(90))


def test_the_log_stays_in_order_when_the_clock_goes_back() -> None:
    """Oldest first, for the queue and for each key: else ``again`` would come too late."""
    rate = Limits(rate=Rate(count=2, per=MINUTE))
    of = queue(limits=rate, key_limits=rate, starts=(at(30),), turns=(Turn(key="a", starts=(at(30),), last=at(30)),))
    found = admit(QueueView(queue=of, running={}), tasks("a", "a"), NOW, 5)
    assert found.queue.starts == (NOW, at(30))
    assert found.queue.turns == (Turn(key="a", starts=(NOW, at(30)), last=NOW),)
    assert (len(found.admitted), found.again) == (1, at(60))


def test_again_is_when_the_rate_lets_one_more_start() -> None:
    """Not the newest but the one whose leaving makes room; None when it is not the rate that holds back."""
    starts = tuple(at(-number) for number in (50, 40, 30, 20))
    lowered = queue(limits=Limits(rate=Rate(count=2, per=MINUTE)), starts=starts)
    assert admit(QueueView(queue=lowered, running={}), tasks(None), NOW, 5).again == at(30)
    full = queue(limits=Limits(concurrency=1))
    assert admit(QueueView(queue=full, running={"": 1}), tasks(None), NOW, 5).again is None
    idle = queue(limits=Limits(rate=Rate(count=1, per=MINUTE)), starts=(at(-1),))
    assert admit(QueueView(queue=idle, running={}), [], NOW, 5).again is None
    enough = queue(limits=Limits(rate=Rate(count=1, per=MINUTE)))
    assert admit(QueueView(queue=enough, running={}), tasks(None, None), NOW, 1).again is None


def test_each_key_has_its_own_limits() -> None:
    """They hold for each key by itself; tasks without a key share one."""
    of = queue(key_limits=Limits(concurrency=1))
    assert admitted(of, tasks("a", "a", "b", None, None)) == [0, 2, 3]
    assert admitted(of, tasks("a", "a", "b", None, None), running={"a": 1}) == [2, 3]
    assert admitted(of, tasks("a", "b"), running={"": 5}) == [0, 1]


def test_each_key_has_its_own_rate() -> None:
    """The log is kept per key, and says when the first of those held back may go on."""
    of = queue(
        key_limits=Limits(rate=Rate(count=1, per=MINUTE)),
        turns=(
            Turn(key="a", starts=(at(-20),), last=at(-20)),
            Turn(key="b", starts=(at(-50),), last=at(-50)),
            Turn(key="c", starts=(at(-60),), last=at(-60)),
        ),
    )
    found = admit(QueueView(queue=of, running={}), tasks("a", "b", "c"), NOW, 5)
    assert len(found.admitted) == 1
    assert found.again == at(10)
    assert {turn.key: turn.starts for turn in found.queue.turns} == {"a": (at(-20),), "b": (at(-50),), "c": (NOW,)}
    only_a = admit(QueueView(queue=of, running={}), tasks("a"), NOW, 5)
    assert only_a.again == at(40)


def test_keys_take_turns() -> None:
    """One task at a time, a key that never started first, then the one whose last start is longest ago."""
    assert admitted(queue(limits=Limits(concurrency=4)), tasks("a", "a", "a", "b", "b", "c")) == [0, 3, 5, 1]
    of = queue(
        limits=Limits(concurrency=2),
        turns=(Turn(key="a", starts=(), last=at(-1)), Turn(key="b", starts=(), last=at(-2))),
    )
    assert admitted(of, tasks("a", "b", "c")) == [2, 1]
    assert admitted(of, tasks("a", "a", "b")) == [2, 0]


def test_a_key_that_is_full_does_not_spoil_the_turns_of_the_others() -> None:
    """It is left out, and the turns go on behind it."""
    of = queue(key_limits=Limits(concurrency=2))
    assert admitted(of, tasks("a", "a", "b", "c"), running={"b": 2}) == [0, 3, 1]


def test_a_queue_without_keys_keeps_no_turns() -> None:
    """Its log stays small: nothing has to be remembered of tasks without a key."""
    found = admit(QueueView(queue=queue(limits=Limits(concurrency=5)), running={}), tasks(None), NOW, 5)
    assert (found.queue.turns, found.queue.starts, found.queue.version) == ((), (), 2)
    keyed = admit(QueueView(queue=queue(key_limits=Limits(concurrency=5)), running={}), tasks(None), NOW, 5)
    assert keyed.queue.turns == (Turn(key="", starts=(), last=NOW),)
    mixed = admit(QueueView(queue=queue(limits=Limits(concurrency=5)), running={}), tasks(None, "a"), NOW, 5)
    assert {turn.key for turn in mixed.queue.turns} == {"", "a"}
    assert (keyed.queue.version, mixed.queue.version) == (2, 2)


def test_nothing_admitted_is_nothing_to_write() -> None:
    """The very same queue comes back."""
    of = queue(limits=Limits(concurrency=1))
    assert admit(QueueView(queue=of, running={"": 1}), tasks(None), NOW, 5).queue is of


def test_old_turns_are_forgotten() -> None:
    """A queue remembers the turn of a thousand keys, the newest, and every one that a window still needs."""
    old = tuple(Turn(key=f"k{number}", starts=(), last=at(-number - 1)) for number in range(MAX_KEYS + 5))
    found = admit(QueueView(queue=queue(limits=Limits(concurrency=9), turns=old), running={}), tasks("new"), NOW, 5)
    kept = {turn.key for turn in found.queue.turns}
    assert len(kept) == MAX_KEYS == 1_000
    assert kept == {"new"} | {f"k{number}" for number in range(MAX_KEYS - 1)}
    rate = Limits(rate=Rate(count=5, per=MINUTE))
    needed = tuple(Turn(key=f"k{number}", starts=(at(-1),), last=at(-1)) for number in range(MAX_KEYS))
    spare = Turn(key="old", starts=(at(-61),), last=at(-61))
    full = queue(key_limits=rate, turns=(spare, *needed))
    found = admit(QueueView(queue=full, running={}), tasks("new"), NOW, 5)
    assert {turn.key for turn in found.queue.turns} == {"new"} | {turn.key for turn in needed}


LIMITS = st.builds(
    Limits,
    concurrency=st.none() | st.integers(1, 4),
    rate=st.none() | st.builds(Rate, count=st.integers(1, 4), per=st.sampled_from([SECOND, 10 * SECOND])),
)
KEYS = st.sampled_from([None, "a", "b"])


@given(
    LIMITS,
    LIMITS,
    st.lists(
        st.tuples(
            st.sampled_from([TICK, SECOND, 4 * SECOND, 10 * SECOND]),
            st.lists(KEYS, max_size=6),
            st.integers(0, 5),
            st.integers(0, 4),
        ),
        max_size=12,
    ),
)
def test_limits_hold_at_every_instant_and_in_every_window(
    limits: Limits, key_limits: Limits, life: list[tuple[timedelta, list[str | None], int, int]]
) -> None:
    """I10 and I11 over random arrivals and ends; and nothing is held back that no limit holds back."""
    of = queue(limits=limits, key_limits=key_limits)
    now, line, running, log = NOW, [], [], []
    for number, (step, arriving, want, ending) in enumerate(life):
        now += step
        running = running[ending:]
        line += [changed(task, id=TaskId(f"{number}-{task.id}")) for task in tasks(*arriving)]
        counts = Counter(task.key or "" for task in running)
        found = admit(QueueView(queue=of, running=counts), line, now, want)
        started = [task for task in line if task.id in found.admitted]
        line = [task for task in line if task.id not in found.admitted]
        running += started
        log += [(now, task.key or "") for task in started]
        assert len(found.admitted) == len(started) <= want
        check_limits(limits, len(running), [instant for instant, _ in log], now)
        for key in ("", "a", "b"):
            held = sum(1 for task in running if (task.key or "") == key)
            check_limits(key_limits, held, [instant for instant, owner in log if owner == key], now)
        if line and len(started) < want:
            check_held_back(limits, key_limits, line, running, log, now, found.again)
        of = found.queue


def check_limits(limits: Limits, held: int, starts: list[datetime], now: datetime) -> None:
    """At most so many at once, at most so many starts in the window that ends now."""
    assert limits.concurrency is None or held <= limits.concurrency
    if limits.rate is not None:
        assert sum(1 for start in starts if start > now - limits.rate.per) <= limits.rate.count


def full(limits: Limits, held: int, starts: list[datetime], now: datetime) -> bool:
    """Whether one more would be too many."""
    if limits.concurrency is not None and held >= limits.concurrency:
        return True
    rate = limits.rate
    return rate is not None and sum(1 for start in starts if start > now - rate.per) >= rate.count


def check_held_back(
    limits: Limits,
    key_limits: Limits,
    line: list[Task],
    running: list[Task],
    log: list[tuple[datetime, str]],
    now: datetime,
    again: datetime | None,
) -> None:
    """Whoever waits although more were wanted is held back by a limit; one more look comes not too early."""
    if not full(limits, len(running), [instant for instant, _ in log], now):
        for key in {task.key or "" for task in line}:
            held = sum(1 for task in running if (task.key or "") == key)
            assert full(key_limits, held, [instant for instant, owner in log if owner == key], now)
    assert again is None or again > now


# --- share ---------------------------------------------------------------------------------------------------------

REFS = [QueueRef("default", name) for name in "abcdefghijkl"]


@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=12),
    st.lists(st.integers(0, 30), min_size=1, max_size=100),
)
def test_shares_are_whole_and_exact_to_within_a_place(weights: list[int], rounds: list[int]) -> None:
    """All places are given, none twice; after every round each queue has had its exact share to within one place."""
    by_ref = dict(zip(REFS, weights, strict=False))
    credit: dict[QueueRef, float] = {}
    so_far: Counter[QueueRef] = Counter()
    total = 0
    for places in rounds:
        parts, credit = share(places, by_ref, credit)
        assert sum(parts.values()) == places
        assert all(part > 0 for part in parts.values())
        so_far.update(parts)
        total += places
        for ref, weight in by_ref.items():
            assert abs(so_far[ref] - Fraction(total * weight, sum(weights))) < 1


def test_many_queues_at_a_single_place_have_their_exact_shares() -> None:
    """Giving each place to the largest credit would be 1.22 places off here: those of little weight wait too long."""
    weights = dict(zip(REFS, [41, 3, 8, 1, 3, 58, 13, 1, 3, 1, 1, 1], strict=True))
    credit: dict[QueueRef, float] = {}
    so_far: Counter[QueueRef] = Counter()
    for total in range(1, 135):
        parts, credit = share(1, weights, credit)
        so_far.update(parts)
        for ref, weight in weights.items():
            assert abs(so_far[ref] - Fraction(total * weight, 134)) < 1
    assert so_far == weights


@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=8),
    st.lists(st.tuples(st.integers(0, 255), st.integers(1, 3)), min_size=1, max_size=150),
)
def test_no_queue_starves_while_others_come_and_go(weights: list[int], rounds: list[tuple[int, int]]) -> None:
    """One that is always there is never owed three places before it gets one, whoever else is there at the time."""
    by_ref = dict(zip(REFS, weights, strict=False))
    credit: dict[QueueRef, float] = {}
    owed = Fraction(0)
    for there, places in rounds:
        present = {ref: by_ref[ref] for n, ref in enumerate(by_ref) if n == 0 or there & 1 << n}
        parts, credit = share(places, present, credit)
        assert sum(parts.values()) == places
        owed += Fraction(places * weights[0], sum(present.values()))
        owed = Fraction(0) if REFS[0] in parts else owed
        assert owed < 3


def test_no_queue_starves_at_a_single_place() -> None:
    """With one free place at a time, each queue has its turn as often as its weight says."""
    weights = {REFS[0]: 1, REFS[1]: 3}
    credit: dict[QueueRef, float] = {}
    turns = []
    for _ in range(8):
        parts, credit = share(1, weights, credit)
        turns += parts
    assert [ref.name for ref in turns] == ["b", "b", "a", "b", "b", "b", "a", "b"]


def test_places_left_over_go_to_who_has_earned_one_soonest() -> None:
    """A queue with little weight waits until it has earned a place."""
    weights = dict(zip(REFS, [1, 1, 48], strict=False))
    assert share(10, weights, {})[0] == {REFS[2]: 10}
    assert share(3, dict(zip(REFS, [2, 1], strict=False)), {})[0] == {REFS[0]: 2, REFS[1]: 1}


def test_no_more_is_given_than_there_is() -> None:
    """Credit from a time with other queues gives a queue its turn first, but no place twice."""
    weights = dict(zip(REFS, [1, 1, 2], strict=False))
    parts, credit = share(1, weights, {REFS[0]: 2.0, REFS[1]: 1.0, REFS[2]: -3.0})
    assert parts == {REFS[0]: 1}
    assert credit == {REFS[0]: 1.25, REFS[1]: 1.25, REFS[2]: -2.5}


def test_what_one_that_stays_away_has_left_is_divided() -> None:
    """The credits of those that share always come to nothing."""
    parts, credit = share(2, {REFS[0]: 1, REFS[1]: 3}, {REFS[0]: 0.5, REFS[2]: -0.5})
    assert parts == {REFS[0]: 1, REFS[1]: 1}
    assert credit == {REFS[0]: -0.125, REFS[1]: 0.125}


def test_a_tie_goes_by_name() -> None:
    """The same state gives the same shares, whatever order the queues are named in."""
    weights = {REFS[1]: 1, REFS[0]: 1}
    assert share(1, weights, {})[0] == {REFS[0]: 1}
    assert share(3, weights, {})[0] == {REFS[0]: 2, REFS[1]: 1}
    assert share(1, dict(reversed(weights.items())), {}) == share(1, weights, {})
    assert share(0, weights, {})[0] == {}
    assert share(5, {}, {}) == ({}, {})
