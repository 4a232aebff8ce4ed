"""What runs say of themselves while they go on: on record in order, whatever the storage does."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

from mainspring.adapters.engine.runs import MAX_NOTES, HeldRun
from mainspring.core.commands import MAX_NOTE, Cancel
from mainspring.core.events import RunNoted
from mainspring.core.machine import handle
from mainspring.core.ports import Done, Outcome, Run
from mainspring.core.task import Task
from support.builders import make_task, running
from support.engines import House, run, until


def test_what_a_run_notes_is_on_record_in_order() -> None:
    """From the loop and from threads, before the end of the run; notes do not disturb its report."""

    async def script(task: Task, told: Run) -> Outcome:
        told.note("begun", 0.0)
        await asyncio.to_thread(told.note, "in a thread", 0.5)
        await asyncio.sleep(0.1)
        told.note("nearly done", None)
        await asyncio.sleep(0.1)
        return Done(result='"well"')

    async def scenario() -> None:
        house = House(script)
        (task,) = house.add()
        await house.worker().run_until_idle()
        notes = [(note.text, note.progress) for note in house.events(task, RunNoted)]
        assert notes == [("begun", 0.0), ("in a thread", 0.5), ("nearly done", None)]
        assert house.happened(task)[-1] == "RunSucceeded"
        assert house.happened(task).count("ReportDropped") == 0

    run(scenario())


def test_notes_of_many_threads_are_all_there() -> None:
    """Each thread's own in its order, all of them before the end."""

    async def script(task: Task, told: Run) -> Outcome:
        def work(name: str) -> None:
            for number in range(20):
                told.note(f"{name} {number}", None)

        await asyncio.gather(*(asyncio.to_thread(work, name) for name in "abc"))
        return Done()

    async def scenario() -> None:
        house = House(script)
        (task,) = house.add()
        await house.worker().run_until_idle()
        said = [note.text.split() for note in house.events(task, RunNoted)]
        assert len(said) == 60
        assert all([int(n) for by, n in said if by == name] == list(range(20)) for name in "abc")
        assert house.happened(task)[-1] == "RunSucceeded"

    run(scenario())


def test_a_run_that_never_stops_talking_holds_up_nobody() -> None:
    """Others start and end, and leases are extended, while it notes more than can ever be written."""

    async def script(task: Task, told: Run) -> Outcome:
        if task.queue == "quiet":
            return Done()

        def talk() -> None:
            while not told.stopped():
                told.note("and another thing", None)

        await asyncio.to_thread(talk)
        return Done()

    async def scenario() -> None:
        house = House(script)
        (talker,) = house.add()
        async with house.working(lease=timedelta(milliseconds=600)):
            await until(lambda: house.events(talker, RunNoted) != [])
            for task in house.add(3, queue="quiet"):
                await house.ended(task)
            await until(lambda: house.storage.calls["update"] > 100)
            house.memory.update([talker], lambda one, at: handle(one, Cancel(at=at)))
            await house.ended(talker)
        assert house.status(talker) == "cancelled"
        assert house.happened(talker).count("RunStarted") == 1

    run(scenario())


def test_all_that_a_run_has_noted_is_written_before_its_end() -> None:
    """Also if it is more than is written in one turn."""

    async def script(task: Task, told: Run) -> Outcome:
        for number in range(50):
            told.note(str(number), None)
        return Done()

    async def scenario() -> None:
        house = House(script)
        tasks = house.add(3)
        await house.worker().run_until_idle()
        for task in tasks:
            assert [note.text for note in house.events(task, RunNoted)] == [str(number) for number in range(50)]
            assert house.happened(task)[-1] == "RunSucceeded"

    run(scenario())


def test_a_note_that_cannot_be_written_is_tried_again() -> None:
    """Nothing of it is lost when the storage is away for a while, and the order stays."""

    async def script(task: Task, told: Run) -> Outcome:
        for number in range(3):
            told.note(str(number), None)
        house.storage.fail("update")
        await asyncio.sleep(0.05)
        return Done()

    house = House(script)

    async def scenario() -> None:
        (task,) = house.add()
        async with house.working():
            await house.ended(task)
        assert [note.text for note in house.events(task, RunNoted)] == ["0", "1", "2"]

    run(scenario())


def test_a_note_is_made_fit_to_be_kept() -> None:
    """Too long, or with characters that no storage keeps; one with a fraction out of range is left out."""

    async def script(task: Task, told: Run) -> Outcome:
        told.note("x" * (MAX_NOTE + 1), None)
        told.note("a\0b\ud800", 1.0)
        told.note("too far", 1.5)
        return Done()

    async def scenario() -> None:
        house = House(script)
        (task,) = house.add()
        await house.worker().run_until_idle()
        notes = [(note.text, note.progress) for note in house.events(task, RunNoted)]
        assert notes == [("x" * MAX_NOTE, None), ("a\ufffdb?", 1.0)]
        assert house.status(task) == "succeeded"

    run(scenario())


def test_a_thread_that_was_let_go_of_may_still_take_notes() -> None:
    """Nobody reads them any more, and the function is not disturbed by it."""
    over = threading.Event()
    said: list[BaseException | None] = []

    async def script(task: Task, told: Run) -> Outcome:
        def work() -> None:
            over.wait(10)
            try:
                told.note("still here", None)
            except BaseException as error:
                said.append(error)
            else:
                said.append(None)

        thread = threading.Thread(target=work)
        threads.append(thread)
        thread.start()
        return Done()

    async def scenario() -> None:
        house = House(script)
        house.add()
        await house.worker().run_until_idle()

    threads: list[threading.Thread] = []
    run(scenario())
    over.set()
    threads[0].join(10)
    assert said == [None]


def test_of_too_many_notes_the_oldest_go() -> None:
    """Also when one is put back that could not be written."""
    state = running()
    held = HeldRun(make_task(state), state)
    for number in range(MAX_NOTES):
        held.note(str(number), None)
    first = held.take_note()
    assert first is not None
    held.note("last", None)
    held.put_back(first)
    second = held.take_note()
    assert second is not None
    assert (first.text, second.text) == ("0", "1")
    held.put_back(second)
    assert held.take_note() is second


def test_a_run_that_was_asked_to_stop_hears_of_it_when_it_notes_something() -> None:
    """The answer to a note says that a cancel was asked for: the next heartbeat need not be waited for."""

    async def scenario() -> None:
        house = House()

        async def script(task: Task, told: Run) -> Outcome:
            house.cancel(task.id)
            told.note("half done", 0.5)
            await asyncio.sleep(5)
            return Done()

        house.executor.script = script
        (task,) = house.add()
        await house.worker(lease=timedelta(seconds=30)).run_until_idle()
        assert house.status(task) == "cancelled"

    run(scenario())
