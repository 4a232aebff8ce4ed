"""Virtual time: the clock jumps, frozen processes are late, killed ones are silent."""

from __future__ import annotations

import asyncio
import time

import pytest

from mainspring.simulation.virtual import Node, Stalled, VirtualLoop, current_node, run_virtually


def test_a_day_passes_at_once() -> None:
    """Time is virtual: a sleep moves the clock and takes none of ours."""

    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(86_400)
        return loop.time()

    start = time.monotonic()
    assert run_virtually(main) == pytest.approx(86_400)
    assert time.monotonic() - start < 60


def test_timers_come_in_their_order() -> None:
    """What is due earlier happens earlier, whoever asked first."""
    seen: list[str] = []

    async def note(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append(name)

    async def main(loop: VirtualLoop) -> None:
        await asyncio.gather(note("late", 3), note("early", 1), note("between", 2))

    run_virtually(main)
    assert seen == ["early", "between", "late"]


def test_waiting_for_nothing_is_noticed() -> None:
    """When everything waits and no timer is set, the run ends with an error; it does not hang."""

    async def main(loop: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        run_virtually(main)


def test_a_frozen_process_is_late_and_goes_on_in_order() -> None:
    """Nothing of a frozen process runs, its timers neither; when it is thawed all of it comes, in its order."""
    seen: list[tuple[str, float]] = []

    async def work(loop: VirtualLoop) -> None:
        loop.call_later(2, lambda: seen.append(("second", loop.time())))
        loop.call_later(1, lambda: seen.append(("first", loop.time())))

    async def main(loop: VirtualLoop) -> None:
        node = Node("n")
        node.run(loop, work(loop))
        await asyncio.sleep(0.5)
        node.frozen = True
        await asyncio.sleep(10)
        assert seen == []
        loop.thaw(node)
        await asyncio.sleep(0.1)

    run_virtually(main)
    assert seen == [("first", 10.5), ("second", 10.5)]


def test_a_timer_that_was_cancelled_while_parked_stays_cancelled() -> None:
    """A thawed process may cancel what was parked behind: as after SIGCONT, it never comes."""
    seen: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        node = Node("n")

        async def work() -> None:
            second = loop.call_later(2, lambda: seen.append("second"))
            loop.call_later(1, second.cancel)

        node.run(loop, work())
        await asyncio.sleep(0.5)
        node.frozen = True
        await asyncio.sleep(10)
        loop.thaw(node)
        await asyncio.sleep(1)

    run_virtually(main)
    assert seen == []


def test_a_killed_process_says_nothing_more() -> None:
    """SIGKILL: no timer, no ``finally``, not until the simulation itself clears up."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(1)
            seen.append("done")
        finally:
            seen.append("finally")

    async def main(loop: VirtualLoop) -> list[str]:
        node = Node("n")
        node.run(loop, work())
        await asyncio.sleep(0.5)
        node.dead = True
        await asyncio.sleep(10)
        found = list(seen)
        node.dead = False
        loop.thaw(node)
        return found

    assert run_virtually(main) == []


def test_a_callback_belongs_to_the_process_that_asked_for_it() -> None:
    """Whatever a process starts is its own; what nobody's code starts is nobody's."""
    seen: list[str | None] = []

    def note() -> None:
        node = current_node()
        seen.append(None if node is None else node.name)

    async def work(loop: VirtualLoop) -> None:
        loop.call_soon(note)
        loop.call_soon_threadsafe(note)
        loop.call_later(1, note)

    async def main(loop: VirtualLoop) -> None:
        loop.call_soon(note)
        await Node("n").run(loop, work(loop))
        await asyncio.sleep(2)

    run_virtually(main)
    assert seen == [None, "n", "n", "n"]
