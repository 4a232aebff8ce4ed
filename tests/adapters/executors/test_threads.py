"""The pool of daemon threads: its limits, and what happens at them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from mainspring.adapters.executors.threads import Job, PoolExhausted, ThreadPool, begin


def pool(max_threads: int = 2, max_abandoned: int = 1) -> ThreadPool:
    return ThreadPool("test", max_threads=max_threads, max_abandoned=max_abandoned)


def counting(peak: list[int], lock: threading.Lock, gate: threading.Event) -> Callable[[], None]:
    def work() -> None:
        with lock:
            peak[0] += 1
            peak[1] = max(peak)
        gate.wait(5)
        with lock:
            peak[0] -= 1

    return work


def test_no_more_threads_than_allowed_carry_work() -> None:
    """Of ten jobs two run at once, and all ten run."""

    async def use() -> list[int]:
        threads, peak, lock, gate = pool(), [0, 0], threading.Lock(), threading.Event()
        futures = [begin(threads, "job", counting(peak, lock, gate))[1] for _ in range(10)]
        await asyncio.sleep(0.05)
        assert peak == [2, 2]
        gate.set()
        await asyncio.gather(*futures)
        threads.close()
        return peak

    assert asyncio.run(use()) == [0, 2]


def test_idle_threads_are_used_again() -> None:
    """A thousand jobs one after another need no more threads than are allowed at once."""

    async def use() -> set[int]:
        threads = pool(8)
        seen = {await begin(threads, "job", threading.get_ident)[1] for _ in range(1_000)}
        threads.close()
        return seen

    assert len(asyncio.run(use())) <= 8


def test_an_error_reaches_whoever_waits() -> None:
    """What the work raises is raised where its result is awaited."""

    async def use() -> None:
        threads = pool()
        with pytest.raises(ZeroDivisionError):
            await begin(threads, "job", lambda: 1 // 0)[1]
        threads.close()

    asyncio.run(use())


def test_a_closed_pool_takes_nothing() -> None:
    """After ``close`` idle threads end, and further work is refused."""

    async def use() -> None:
        threads = pool()
        before = threading.active_count()
        await begin(threads, "job", lambda: None)[1]
        threads.close()
        threads.close()
        for _ in range(100):
            if threading.active_count() <= before:
                break
            await asyncio.sleep(0.01)
        assert threading.active_count() <= before
        with pytest.raises(PoolExhausted, match="shutting down"):
            threads.submit(Job("late", lambda: None))

    asyncio.run(use())


def test_abandoned_work_ends_in_a_closed_or_a_full_pool() -> None:
    """A thread whose work was abandoned comes back if there is room, and ends if there is none."""
    gate = threading.Event()

    async def use() -> None:
        threads = pool(1, 2)
        for _ in range(2):
            job, _ended = begin(threads, "hang", lambda: gate.wait(5))
            while job.phase != "running":
                await asyncio.sleep(0.005)
            assert threads.let_go(job)
        assert threads.abandoned == ("hang", "hang")
        with pytest.raises(PoolExhausted, match="hang ×2"):
            threads.submit(Job("more", lambda: None))
        gate.set()
        while threads.abandoned:
            await asyncio.sleep(0.005)
        assert await begin(threads, "job", lambda: 7)[1] == 7
        threads.close()

    asyncio.run(use())


def test_a_system_without_threads_is_an_error_not_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread at all can be started the caller hears of it; if some run, the work waits for them."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def use() -> None:
        threads, gate = pool(), threading.Event()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(PoolExhausted, match="refuses to start"):
                begin(threads, "job", lambda: None)
        first = begin(threads, "first", lambda: gate.wait(5))[1]
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            second = begin(threads, "second", lambda: 2)[1]
        gate.set()
        assert await first
        assert await second == 2
        threads.close()

    asyncio.run(use())


def test_a_loop_that_is_gone_is_no_error() -> None:
    """Work that outlives its loop ends quietly."""
    threads, gate, ended = pool(), threading.Event(), threading.Event()

    def work() -> None:
        gate.wait(5)
        ended.set()

    async def use() -> None:
        begin(threads, "job", work)
        await asyncio.sleep(0.01)

    asyncio.run(use())
    gate.set()
    assert ended.wait(5)
    threads.close()
