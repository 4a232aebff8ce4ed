"""Time in a test: it passes when it is told to, visits every instant at which something is due, and costs nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from mainspring.app import Context, EngineSettings, Fixed, Mainspring, QueueEdit, Rate
from mainspring.core.errors import InvalidInput
from mainspring.core.events import RetryScheduled, RunStarted
from mainspring.core.schedule import Created
from mainspring.core.states import Running
from mainspring.testing import ManualClock, Testing, TooManyRuns
from mainspring.testing.clock import START

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class Log:
    """An app whose functions write down when they were called."""

    def __init__(self) -> None:
        self.app = Mainspring("memory:")
        self.calls: list[tuple[str, datetime]] = []
        self.stage = Testing(self.app)
        self.app.task("work")(self.work)
        self.app.task("nap")(self.nap)
        self.app.task("fail")(self.fail)
        self.app.task("again")(self.again)

    def note(self, what: str) -> None:
        self.calls.append((what, self.stage.now))

    def work(self, what: str = "work") -> None:
        self.note(what)

    async def nap(self, seconds: float) -> None:
        self.note("sleeps")
        await asyncio.sleep(seconds)
        self.note("wakes")

    def fail(self) -> None:
        self.note("fails")
        raise ConnectionError("no")

    def again(self) -> None:
        self.app.sync.enqueue("again")


@pytest.fixture
def log() -> Log:
    return Log()


def test_nothing_runs_by_itself(log: Log) -> None:
    """What is enqueued waits until the test says so, also if it is due."""
    with log.stage as t:
        log.app.sync.enqueue("work")
        assert log.calls == []
        assert t.drain().runs == 1
        assert log.calls == [("work", START)]


def test_a_delayed_task_runs_at_its_instant_and_not_before(log: Log) -> None:
    """To the microsecond, on whichever side of it the clock stops."""
    with log.stage as t:
        log.app.sync.enqueue("work", delay="1h")
        t.advance(HOUR - timedelta(microseconds=1))
        assert log.calls == []
        t.advance(timedelta(microseconds=1))
        assert log.calls == [("work", START + HOUR)]


def test_no_occurrence_is_jumped_over(log: Log) -> None:
    """A schedule fires at each of its instants, each run at its own, not all at the end."""
    with log.stage as t:
        schedule = log.app.sync.schedule("work", cron="*/10 * * * *")
        assert t.advance("1h").succeeded == 6
        assert [at for _, at in log.calls] == [START + 10 * n * MINUTE for n in range(1, 7)]
        assert all(isinstance(slot.outcome, Created) for slot in log.app.sync.schedule_slots(schedule.id))


def test_local_time_shifts_are_lived_through(log: Log) -> None:
    """A daily rule of Berlin over the shift in spring, in the hour that does not exist."""
    stage = Testing(log.app, start=datetime(2030, 3, 30, tzinfo=UTC))
    log.stage = stage
    with stage as t:
        log.app.sync.schedule("work", cron="30 2 * * *", timezone="Europe/Berlin")
        t.travel_to("2030-04-02T00:00:00Z")
    instants = [at.strftime("%d %H:%M") for _, at in log.calls]
    assert instants == ["30 01:30", "31 01:00", "01 00:30"]


def test_retries_come_at_their_instants(log: Log) -> None:
    """The delays of the policy, exactly, and the state in between."""
    with log.stage as t:
        task = log.app.sync.enqueue("fail", retry=Fixed(delay=MINUTE, attempts=3))
        assert t.advance("90s").failed == 2
        t.assert_enqueued("fail", due=START + 2 * MINUTE)
        t.advance("30s")
        assert [at for _, at in log.calls] == [START, START + MINUTE, START + 2 * MINUTE]
        t.assert_failed("fail", error="no")
        assert [event.due for event in t.history(task) if isinstance(event, RetryScheduled)] == [
            START + MINUTE,
            START + 2 * MINUTE,
        ]


def test_sleeping_costs_no_real_time_and_moves_the_clock(log: Log) -> None:
    """``asyncio.sleep`` of a function takes time of the test's clock only; ``drain`` sees it to its end."""
    began = time.monotonic()
    with log.stage as t:
        log.app.sync.enqueue("nap", arguments={"seconds": 600}, timeout="1h")
        t.drain()
        assert log.calls == [("sleeps", START), ("wakes", START + 10 * MINUTE)]
        assert t.now == START + 10 * MINUTE
    assert time.monotonic() - began < 30


def test_a_run_may_go_on_over_the_end_of_an_advance(log: Log) -> None:
    """The clock stops in the middle of it, the task is running, and the next call goes on from there."""
    with log.stage as t:
        task = log.app.sync.enqueue("nap", arguments={"seconds": 60})
        assert t.advance("20s").runs == 0
        assert t.now == START + 20 * SECOND
        assert isinstance(log.app.sync.get_task(task.id).state, Running)
        assert t.advance("40s").succeeded == 1


def test_a_run_that_hangs_is_ended_by_its_timeout(log: Log) -> None:
    """At its deadline, without a wait."""

    async def hang() -> None:
        await asyncio.Event().wait()

    log.app.task("hang")(hang)
    with log.stage as t:
        log.app.sync.enqueue("hang", timeout="90s", retry="never")
        assert t.drain().interrupted == 1
        t.assert_failed("hang", error="not done within 1m30s")
        assert t.now == START + 90 * SECOND


def test_a_dead_worker_gives_up_its_run_at_the_end_of_the_lease(log: Log) -> None:
    """``crash`` is a ``kill -9``: nobody reports, the lease ends, another worker takes over."""
    with log.stage as t:
        log.app.sync.enqueue("nap", arguments={"seconds": 20}, retry=Fixed(delay=SECOND, attempts=2))
        t.advance("5s")
        t.crash()
        assert [run.outcome for run in t.runs("nap")] == ["interrupted"]
        t.advance("1h")
        task = t.assert_succeeded("nap")
        starts = [event for event in t.history(task) if isinstance(event, RunStarted)]
        assert [(event.worker, event.at) for event in starts] == [
            ("test-1", START),
            ("test-2", starts[0].lease_until + SECOND),
        ]


def test_a_rate_lets_go_at_its_instants(log: Log) -> None:
    """What is held back runs when its turn comes, however far the clock is to go."""
    with log.stage as t:
        log.app.sync.edit_queue("mail", QueueEdit(rate=Rate(count=1, per=HOUR)))
        for _ in range(3):
            log.app.sync.enqueue("work", queue="mail")
        assert t.drain().runs == 1
        assert t.advance("12h").runs == 2
        assert [at for _, at in log.calls] == [START, START + HOUR, START + 2 * HOUR]


def test_a_task_behind_one_that_is_held_back_runs_at_its_instant(log: Log) -> None:
    """One key's limit hides nobody else's due instant."""
    with log.stage as t:
        log.app.sync.edit_queue("mail", QueueEdit(key_rate=Rate(count=1, per=24 * HOUR)))
        for _ in range(2):
            log.app.sync.enqueue("work", arguments={"what": "a"}, queue="mail", key="a")
        log.app.sync.enqueue("work", arguments={"what": "b"}, queue="mail", key="b", delay="10m")
        t.advance("3h")
        assert log.calls == [("a", START), ("b", START + 10 * MINUTE)]


def test_a_paused_queue_stays_and_holds_up_nothing(log: Log) -> None:
    """A pause is not waited for."""
    with log.stage as t:
        log.app.sync.pause_queue("mail")
        log.app.sync.enqueue("work", queue="mail")
        log.app.sync.enqueue("work", arguments={"what": "other"}, delay="1d")
        t.advance("2d")
        assert [what for what, _ in log.calls] == ["other"]
        log.app.sync.resume_queue("mail")
        assert t.drain().runs == 1


def test_drain_takes_one_queue_or_so_many_runs(log: Log) -> None:
    """``queue`` and ``limit`` hold together with the order of the queue; the clock stands still."""
    with log.stage as t:
        for what, queue, priority in [("a", "one", 0), ("b", "two", 0), ("c", "two", 5), ("d", "two", 0)]:
            log.app.sync.enqueue("work", arguments={"what": what}, queue=queue, priority=priority)
        assert t.drain(queue="two", limit=2).runs == 2
        assert [what for what, _ in log.calls] == ["c", "b"]
        assert t.drain().runs == 2
        assert {at for _, at in log.calls} == {START}


def test_drain_runs_what_the_runs_enqueue(log: Log) -> None:
    """Until nothing is due any more."""

    def parent(children: int) -> None:
        for _ in range(children):
            log.app.sync.enqueue("work")

    log.app.task("parent")(parent)
    with log.stage as t:
        log.app.sync.enqueue("parent", arguments={"children": 3})
        assert t.drain().succeeded == 4


def test_a_task_that_creates_itself_ends_the_test_not_the_machine(log: Log) -> None:
    """The number of runs of one call has a bound, and the failure says what to look for."""
    log.stage = Testing(log.app, max_runs=100)
    with log.stage as t:
        log.app.sync.enqueue("again")
        with pytest.raises(TooManyRuns, match=r"100 tasks were run .* does one create itself"):
            t.drain()
        assert t.drain(limit=5).runs == 5


def test_several_runs_at_once_if_the_settings_say_so(log: Log) -> None:
    """One at a time by default, so that tests are the same each time."""
    log.stage = Testing(log.app, settings=EngineSettings(concurrency=3))
    with log.stage as t:
        for _ in range(3):
            log.app.sync.enqueue("nap", arguments={"seconds": 60})
        t.drain()
        assert t.now == START + MINUTE
    log.stage = Testing(log.app)
    with log.stage as t:
        for _ in range(3):
            log.app.sync.enqueue("nap", arguments={"seconds": 60})
        t.drain()
        assert t.now == START + 3 * MINUTE


def test_a_function_runs_in_the_thread_of_the_test_outside_its_loop(log: Log) -> None:
    """It sees the test's thread-local connections, and may run a loop of its own."""
    seen: list[object] = []

    def function() -> None:
        seen.append(threading.current_thread())
        seen.append(asyncio.run(asyncio.sleep(0, "its own loop")))

    log.app.task("function")(function)
    with log.stage as t:
        log.app.sync.enqueue(function)
        assert t.drain().succeeded == 1
    assert seen == [threading.main_thread(), "its own loop"]


def test_work_in_a_thread_takes_real_time_and_none_of_the_clock(log: Log) -> None:
    """What is really done is waited for: the clock does not run away meanwhile."""
    go = threading.Event()

    async def threaded() -> str:
        threading.Timer(0.05, go.set).start()
        await asyncio.to_thread(go.wait, 20)
        return "done"

    log.app.task("threaded")(threaded)
    with log.stage as t:
        log.app.sync.enqueue("threaded", timeout="1s")
        assert t.drain().succeeded == 1
        assert t.now == START


def test_a_thread_that_never_ends_is_waited_for_a_bounded_time(log: Log) -> None:
    """The failure says that it is real time that was lost."""
    end = threading.Event()

    async def stuck() -> None:
        await asyncio.to_thread(end.wait, 30)

    log.app.task("stuck")(stuck)
    stage = Testing(log.app, patience=0.05)
    try:
        with stage as t:
            log.app.sync.enqueue("stuck")
            with pytest.raises(TimeoutError, match=r"not done after 0\.05 s of real time"):
                t.drain()
    finally:
        end.set()


def test_a_socket_is_listened_to(log: Log) -> None:
    """A function of the test's loop may talk to a real server."""

    async def talk() -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"hello\n")
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        server.close()
        return line.decode()

    log.app.task("talk")(talk)
    with log.stage as t:
        task = log.app.sync.enqueue("talk", timeout="10s")
        t.drain()
        assert "hello" in str(t.assert_succeeded("talk").state)
        assert log.app.sync.get_task(task.id).state.status == "succeeded"


def test_time_goes_forward_only(log: Log) -> None:
    """What is over is refused, with the cure."""
    with log.stage as t:
        t.advance("1h")
        with pytest.raises(InvalidInput, match="is over since 30m"):
            t.travel_to(START + 30 * MINUTE)
        with pytest.raises(InvalidInput, match="never back"):
            t.advance(-SECOND)
        with pytest.raises(InvalidInput, match="no offset"):
            t.travel_to(datetime(2031, 1, 1))  # noqa: DTZ001
        with pytest.raises(InvalidInput, match="limit"):
            t.drain(limit=0)


def test_a_task_cannot_move_the_clock_that_it_runs_by(log: Log) -> None:
    """It is told so, as a failure of its run."""
    log.app.task("mover")(lambda: log.stage.advance("1h"))
    with log.stage as t:
        log.app.sync.enqueue("mover", retry="never")
        t.drain()
        t.assert_failed("mover", error="must not move the clock")


def test_a_snooze_and_a_context_are_those_of_production(log: Log) -> None:
    """Deadline, attempt and snooze go by the same clock."""

    def snoozer(context: Context) -> str:
        if context.run == 1:
            context.snooze(HOUR)
        return f"{context.attempt} {context.deadline.isoformat()}"

    log.app.task("snoozer")(snoozer)
    with log.stage as t:
        log.app.sync.enqueue("snoozer", timeout="1m")
        assert t.drain().snoozed == 1
        t.advance("1h")
        assert (START + HOUR + MINUTE).isoformat() in str(t.assert_succeeded("snoozer").state)


def test_a_year_of_days_passes_quickly(log: Log) -> None:
    """Looks of the engine between two instants are left out."""
    began = time.monotonic()
    with log.stage as t:
        log.app.sync.schedule("work", cron="0 6 * * *", timezone="Europe/Berlin")
        assert t.advance("365d").succeeded == 365
    assert time.monotonic() - began < 60  # a look every few minutes would take longer, on any machine


def test_a_manual_clock_goes_where_it_is_told() -> None:
    """It counts from its start, and knows its end."""
    clock = ManualClock(datetime(2026, 5, 1, 2, tzinfo=UTC))
    clock.move(SECOND / 2)
    assert clock.ticks == 0.5
    clock.move(-SECOND)
    assert clock() == datetime(2026, 5, 1, 1, 59, 59, 500_000, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="9999"):
        clock.move(timedelta(days=4_000_000))
