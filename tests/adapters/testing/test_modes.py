"""The app under test: where its tasks go, inline mode, errors, and coroutines."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from mainspring.app import FollowUp, FunctionCall, Mainspring
from mainspring.core.errors import InvalidInput
from mainspring.testing import AsyncTesting, RunFailed, Testing
from mainspring.testing.clock import START


class House:
    """An app with functions that keep account."""

    def __init__(self, store: str = "memory:") -> None:
        self.app = Mainspring(store)
        self.calls: list[object] = []

        @self.app.task("work")
        def work(what: str = "work") -> None:
            self.calls.append(what)

        @self.app.task("fail")
        def fail() -> None:
            raise ConnectionError("no")

        @self.app.task("coro")
        async def coro(seconds: float = 0.0) -> None:
            self.calls.append(asyncio.get_running_loop())
            await asyncio.sleep(seconds)
            self.calls.append("slept")


@pytest.fixture
def house() -> House:
    return House()


def test_the_apps_own_storage_is_left_alone(tmp_path: Path) -> None:
    """Inside the block all goes to memory; after it everything is as before, also after an error."""
    house = House(f"sqlite:///{tmp_path}/tasks.db")
    kept = house.app.sync.enqueue("work")

    def test() -> None:
        with Testing(house.app) as t:
            assert house.app.sync.count_tasks() == {}
            house.app.sync.enqueue("work")
            asyncio.run(house.app.enqueue("work"))
            t.assert_enqueued("work", count=2)
            raise LookupError

    with pytest.raises(LookupError):
        test()
    assert [task.id for task in house.app.sync.find_tasks(_any()).items] == [kept.id]
    asyncio.run(house.app.run_until_idle())
    assert house.app.sync.get_task(kept.id).state.status == "succeeded"
    house.app.close()


def _any() -> object:
    from mainspring.core.ports import TaskQuery

    return TaskQuery()


def test_no_real_worker_runs_beside_a_test(house: House) -> None:
    """It would call URLs in earnest."""
    with Testing(house.app), pytest.raises(RuntimeError, match="is being tested"):
        asyncio.run(house.app.run_until_idle())


def test_a_test_is_used_once(house: House) -> None:
    """Its storage is gone afterwards."""
    stage = Testing(house.app)
    with stage:
        pass
    with pytest.raises(RuntimeError, match="make a new one"):
        stage.__enter__()


def test_ids_and_jitter_are_the_same_each_time(house: House) -> None:
    """Chance comes from a seed."""

    def ids(seed: int) -> list[str]:
        with Testing(house.app, seed=seed):
            return [house.app.sync.enqueue("work").id for _ in range(3)]

    assert ids(1) == ids(1) != ids(2)


def test_inline_runs_before_enqueue_returns(house: House) -> None:
    """The answer is the task as it is afterwards; what is due later waits, what follows is run too."""
    with Testing(house.app, inline=True) as t:
        task = house.app.sync.enqueue(
            "work", on_success=FollowUp(call=FunctionCall(function="work", arguments='{"what": "after"}'))
        )
        assert task.state.status == "succeeded"
        assert house.calls == ["work", "after"]
        later = house.app.sync.enqueue("work", delay="1h")
        assert later.state.status == "pending"
        assert t.advance("1h").runs == 1
        house.app.sync.run_task(house.app.sync.enqueue("work", delay="1h").id)
        assert t.drain().runs == 1, "what is brought forward is no new task"


def test_inline_errors_are_recorded_or_raised_as_asked(house: House) -> None:
    """In either case the failure is on the record."""
    with Testing(house.app, inline=True) as t:
        assert house.app.sync.enqueue("fail", retry="never").state.status == "failed"
    with Testing(house.app, inline=True, errors="raise") as t:
        with pytest.raises(ConnectionError, match="no"):
            house.app.sync.enqueue("fail", retry="never")
        t.assert_failed("fail", error="no")


def test_drain_raises_what_a_function_raised_if_asked(house: House) -> None:
    """The very exception, with its traceback into the function; each once."""
    with Testing(house.app) as t:
        house.app.sync.enqueue("fail", retry="never")
        with pytest.raises(ConnectionError) as caught:
            t.drain(errors="raise")
        assert caught.traceback[-1].name == "fail"
        assert t.drain(errors="raise").runs == 0
        house.app.sync.enqueue("coro", arguments={"seconds": 5}, timeout="1s", retry="never")
        assert t.drain(errors="raise").interrupted == 1


def test_a_failure_without_an_exception_is_raised_too(house: House) -> None:
    """Such as an answer of a receiver."""
    with Testing(house.app, errors="raise") as t:
        t.http.answer("https://example.com/", 500)
        house.app.sync.enqueue("https://example.com/", retry="never")
        with pytest.raises(RunFailed, match=r"https://example.com/ failed: example.com:443 answered 500") as failed:
            t.drain()
        assert failed.value.failure.status == 500


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_ends_the_test(house: House, signal: type[BaseException]) -> None:
    """Ctrl-C in a function, or ``pytest.fail``, is never only recorded."""

    def end() -> None:
        raise signal("enough")

    house.app.task("end")(end)
    with Testing(house.app) as t:
        house.app.sync.enqueue("end")
        with pytest.raises(signal):
            t.drain()


# --- coroutines ------------------------------------------------------------------------------------------------------


def test_functions_of_an_asynchronous_test_run_on_its_loop(house: House) -> None:
    """Its connections belong there; ``def`` functions are called in its thread, outside the loop."""
    seen: list[object] = []

    def function() -> None:
        seen.extend([threading.current_thread(), asyncio.run(asyncio.sleep(0, "own loop"))])

    house.app.task("function")(function)

    async def test() -> None:
        async with AsyncTesting(house.app) as t:
            await house.app.enqueue("coro")
            await house.app.enqueue("coro", delay="1h", arguments={"seconds": 0.01})
            await house.app.enqueue("function", delay="2h")
            assert (await t.drain()).succeeded == 1
            assert house.calls == [asyncio.get_running_loop(), "slept"]
            assert (await t.advance("3h")).succeeded == 2
            assert t.now == START + timedelta(hours=3)
            assert seen == [threading.main_thread(), "own loop"]
            assert asyncio.current_task() is not None
            await house.app.enqueue("work", delay="1d")
            await t.travel_to("2030-01-03T00:00:00Z")
            t.assert_succeeded("work")

    asyncio.run(test(), debug=True)


def test_real_sleep_of_an_asynchronous_test_takes_none_of_its_clock(house: House) -> None:
    """The run sees one instant."""

    async def test() -> None:
        async with AsyncTesting(house.app) as t:
            await house.app.enqueue("coro", arguments={"seconds": 0.05}, timeout="10ms")
            assert (await t.drain()).succeeded == 1
            assert t.now == START

    asyncio.run(test())


def test_a_function_that_hangs_is_waited_for_a_bounded_time(house: House) -> None:
    """The failure names it; nothing of it is left when the test ends."""

    async def test() -> None:
        async with AsyncTesting(house.app, patience=0.05) as t:
            task = await house.app.enqueue("coro", arguments={"seconds": 600})
            with pytest.raises(TimeoutError, match=rf"not done after 0\.05 s of real time: task {task.id}"):
                await t.drain()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())


def test_a_crash_in_an_asynchronous_test(house: House) -> None:
    """The function is cancelled on its own loop, and another worker takes over when the lease has ended."""
    ended: list[str] = []

    async def forever() -> None:
        if ended:
            return
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("cancelled")

    house.app.task("forever")(forever)

    async def test() -> None:
        async with AsyncTesting(house.app, patience=0.05) as t:
            await house.app.enqueue("forever")
            with pytest.raises(TimeoutError):
                await t.drain()
            await t.crash()
            assert ended == ["cancelled"]
            await t.advance("1h")
            t.assert_succeeded("forever")

    asyncio.run(test())


def test_inline_in_a_coroutine(house: House) -> None:
    """Awaited creation runs the task on the loop; the synchronous one could not wait for it and says so."""

    async def test() -> None:
        async with AsyncTesting(house.app, inline=True) as t:
            task = await house.app.enqueue("coro", arguments={"seconds": 0.01})
            assert task.state.status == "succeeded"
            with pytest.raises(RuntimeError, match=r"await app\.enqueue"):
                house.app.sync.enqueue("coro")
            await t.drain()

    asyncio.run(test())


def test_a_synchronous_test_inside_a_loop_is_possible(house: House) -> None:
    """``Testing`` steps out of a running loop and back into it."""

    async def test() -> None:
        with Testing(house.app) as t:
            await house.app.enqueue("coro", arguments={"seconds": 60})
            assert t.drain().succeeded == 1
            assert house.calls[0] is not asyncio.get_running_loop()
            await asyncio.sleep(0)

    asyncio.run(test())


def test_a_bad_limit_is_refused_in_both_colours(house: House) -> None:
    """With the field's name."""

    async def test() -> None:
        async with AsyncTesting(house.app) as t:
            with pytest.raises(InvalidInput, match="limit: 0 is out of range"):
                await t.drain(limit=0)

    asyncio.run(test())
