"""Wake-ups: a hint ends a wait, from whatever thread, loop or process it comes; idling costs next to nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest

from adapters.storages.making import new_task, start, succeed
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.adapters.storages.wakeups import LocalWakeups, SqliteWakeups
from mainspring.core.commands import Edit
from mainspring.core.machine import handle
from mainspring.core.ports import Wakeups
from mainspring.testing.conformance.port import creations, take

LONG = timedelta(seconds=20)
SHORT = timedelta(milliseconds=20)
TESTS = Path(__file__).resolve().parents[2]


async def waited(wakeups: Wakeups, timeout: timedelta = LONG) -> float:
    """How many seconds a wait took."""
    began = time.monotonic()
    await wakeups.wait(timeout)
    return time.monotonic() - began


def test_a_wait_ends_after_its_timeout() -> None:
    """Without a hint; also a timeout of nothing or less."""
    wakeups = LocalWakeups()
    assert asyncio.run(waited(wakeups, SHORT)) >= 0.015
    assert asyncio.run(waited(wakeups, timedelta(0))) < 1
    assert asyncio.run(waited(wakeups, timedelta(seconds=-1))) < 1


def test_hints_before_a_wait_end_it_once() -> None:
    """They are kept, and coalesced."""
    wakeups = LocalWakeups()
    for _ in range(3):
        wakeups.wake()

    async def main() -> None:
        assert await waited(wakeups) < 1
        assert await waited(wakeups, SHORT) >= 0.015

    asyncio.run(main())


def test_a_hint_from_another_thread_ends_every_wait_in_every_loop() -> None:
    """Several waiters, in two loops."""
    wakeups = LocalWakeups()
    took: list[float] = []
    ready = threading.Barrier(3)

    def work() -> None:
        async def main() -> list[float]:
            waits = [asyncio.ensure_future(waited(wakeups)) for _ in range(2)]
            await asyncio.sleep(0.01)
            ready.wait(10)
            return await asyncio.gather(*waits)

        took.extend(asyncio.run(main()))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait(10)
    wakeups.wake()
    for thread in threads:
        thread.join(20)
    assert len(took) == 4
    assert max(took) < 10


def test_each_loop_hears_of_a_hint_that_came_while_it_did_not_wait() -> None:
    """A hint that one loop has used up is there for the other."""
    wakeups = LocalWakeups()

    async def main() -> float:
        wakeups.wake()
        await wakeups.wait(LONG)
        return await asyncio.to_thread(asyncio.run, waited(wakeups))

    assert asyncio.run(main()) < 1


def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """And a hint for a loop that was closed meanwhile does no harm."""
    wakeups = LocalWakeups()

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wakeups.wait(LONG), 0.01)
        assert not wakeups._waiters

    asyncio.run(main())
    loop = asyncio.new_event_loop()
    waiter = loop.create_task(wakeups.wait(LONG))
    loop.run_until_complete(asyncio.sleep(0))
    waiting = set(wakeups._waiters)
    waiter.cancel()
    loop.run_until_complete(asyncio.gather(waiter, return_exceptions=True))
    loop.close()
    wakeups._waiters |= waiting
    wakeups.wake()


def test_hints_without_end_do_not_starve_the_loop() -> None:
    """A wait that ends at once still lets others run."""
    wakeups = LocalWakeups()

    async def main() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            for _ in range(10):
                turns += 1
                await asyncio.sleep(0)

        job = asyncio.ensure_future(other())
        while not job.done():
            wakeups.wake()
            await wakeups.wait(LONG)
        return turns

    assert asyncio.run(asyncio.wait_for(main(), 10)) == 10


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_storages_tell_of_commits_that_make_something_due(tmp_path: Path, kind: str) -> None:
    """After an add and a retry; not after reads, takes that find nothing, ends, or refused writes."""
    storage = MemoryStorage() if kind == "memory" else SqliteStorage(tmp_path / "s.db")
    heard: list[int] = []
    stop = storage.subscribe(lambda: heard.append(storage.count("default").get("pending", 0)))
    task = new_task()
    storage.add(creations([task]))
    assert heard == [1], "it is told after the commit"
    with pytest.raises(Exception, match="exists"):
        storage.add(creations([task]))
    (decision,) = take(storage, (), 1, start)
    take(storage, (), 1, start)
    storage.save([succeed(decision.task, storage.now())])
    storage.upcoming(())
    assert heard == [1]
    waiting = new_task()
    storage.add(creations([waiting]))
    storage.update([waiting.id], lambda given, at: handle(given, Edit(at=at, due=at)))
    assert len(heard) == 3
    stop()
    storage.add(creations([new_task()]))
    assert len(heard) == 3
    storage.close()


CHILD = """
import sys, time
from adapters.storages.making import new_task
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.testing.conformance.port import creations
storage = SqliteStorage(sys.argv[1])
for line in sys.stdin:
    storage.add(creations([new_task()]))
    print(time.monotonic(), flush=True)
"""


def test_a_commit_of_another_process_is_noticed(tmp_path: Path) -> None:
    """Within 150 ms in the median; nothing is noticed where nothing happens."""
    storage = SqliteStorage(tmp_path / "s.db")
    wakeups = SqliteWakeups(storage.path)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(storage.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    delays = []
    for _ in range(9):
        asyncio.run(wakeups.wait(timedelta(milliseconds=70)))
        child.stdin.write("add\n")
        child.stdin.flush()
        waiter = threading.Thread(target=lambda: asyncio.run(wakeups.wait(LONG)))
        waiter.start()
        added = float(child.stdout.readline())
        waiter.join(20)
        delays.append(time.monotonic() - added)
    child.communicate(timeout=20)
    assert median(delays) < 0.15
    assert not wakeups.commits_seen()
    assert asyncio.run(waited(wakeups, SHORT)) >= 0.015
    wakeups.close()
    storage.close()


def test_looking_is_cheap(tmp_path: Path) -> None:
    """Well below half a percent of a core, twenty times a second; measured on processor time."""
    storage = SqliteStorage(tmp_path / "s.db")
    wakeups = SqliteWakeups(storage.path)
    wakeups.commits_seen()
    began = time.process_time()
    for _ in range(200):
        wakeups.commits_seen()
    each = (time.process_time() - began) / 200
    assert each * 20 < 0.005
    wakeups.close()
    storage.close()


def test_a_hint_of_this_process_does_not_wait_for_a_look(tmp_path: Path) -> None:
    """A SqliteWakeups is a LocalWakeups too."""
    storage = SqliteStorage(tmp_path / "s.db")
    wakeups = SqliteWakeups(storage.path, look_every=LONG)
    storage.subscribe(wakeups.wake)

    async def main() -> float:
        asyncio.get_running_loop().call_later(0.02, storage.add, creations([new_task()]))
        return await waited(wakeups)

    assert asyncio.run(main()) < 5
    wakeups.close()
    storage.close()


def test_a_file_that_cannot_be_looked_at_is_no_hint(tmp_path: Path) -> None:
    """The storage will say what is wrong; looking goes on, and finds the file when it is there."""
    wakeups = SqliteWakeups(tmp_path / "s.db")
    assert not wakeups.commits_seen()
    storage = SqliteStorage(tmp_path / "s.db")
    assert not wakeups.commits_seen()
    storage.add(creations([new_task()]))
    assert wakeups.commits_seen()
    wakeups.close()
    wakeups.close()
    storage.close()


def test_a_forked_child_looks_for_itself(tmp_path: Path) -> None:
    """With a connection of its own."""
    storage = SqliteStorage(tmp_path / "s.db")
    wakeups = SqliteWakeups(storage.path)
    wakeups.commits_seen()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            wakeups.commits_seen()
            storage.add(creations([new_task()]))
            code = 0 if wakeups.commits_seen() else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert wakeups.commits_seen()
    wakeups.close()
    storage.close()
