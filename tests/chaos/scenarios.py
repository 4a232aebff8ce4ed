"""The scenarios: each runs real processes in a folder of its own and gives figures."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

from chaos.crew import app
from chaos.ledger import Figure, deliveries, judge, lines, milliseconds, sound, zero
from chaos.processes import Crew, Worker, cpu_seconds, crew_of, receiver, resident_mib, wait_for
from mainspring.app import Fixed, Mainspring, TaskRequest
from mainspring.core.events import RunStarted
from mainspring.core.task import Call, FunctionCall, HttpCall

AGAIN = Fixed(delay=timedelta(0))
"""A killed run is repeated as soon as its lease has ended."""
BULK = 1_000


def house(folder: Path, *, tasks: int = 10_000, kills: int = 20) -> list[Figure]:
    """HTTP tasks in SQLite, two workers, kill -9 spread over the run."""
    log = folder / "receiver.log"
    with receiver(log, milliseconds=5) as url, open_store(folder) as store:
        ids = fill(store, HttpCall(url=url, body="{}"), tasks)
        with crew_of(2, lambda: Worker(folder, store_url(folder), lease="2s")) as crew:
            killed = kill_by_progress(crew, [log], tasks, kills)
            all_ended(store, tasks)
        figures = judge(store.sync, ids, deliveries([log]))
    return [Figure("kill -9 among 2 workers", str(kills), str(killed), killed == kills), *figures]


def f13(folder: Path, *, tasks: int = 2_000, kills: int = 20) -> list[Figure]:
    """F13: four processes on one SQLite file, kill -9 spread over the run, the file checked afterwards."""
    return [*killed(folder, tasks=tasks, kills=kills), sound(folder / "main.db")]


def killed(folder: Path, *, tasks: int, kills: int) -> list[Figure]:
    """Four processes on one store, kill -9 spread over the run."""
    with open_store(folder) as store:
        ids = fill(store, note_call(0.005), tasks)
        with crew_of(4, lambda: Worker(folder, store_url(folder), lease="2s", concurrency=20)) as crew:
            done = kill_by_progress(crew, Logs(folder), tasks, kills)
            all_ended(store, tasks)
        figures = judge(store.sync, ids, deliveries(Logs(folder)))
    return [Figure("kill -9 among 4 processes", str(kills), str(done), done == kills), *figures]


def wake(folder: Path, *, samples: int = 50) -> list[Figure]:
    """A task added by this process is started by an idle worker in another one."""
    waits: list[float] = []
    with open_store(folder) as store, crew_of(1, lambda: Worker(folder, store_url(folder), lease="30s")):
        run_one(store)
        for number in range(samples):
            time.sleep(0.1 + number % 7 * 0.01)  # idle, and out of step with any poll
            waits.append(run_one(store))
    got = f"median {median(waits):.0f} ms, longest {max(waits):.0f} ms"
    return [Figure("added here, started in another process", "median ≤ 300 ms", got, median(waits) <= 300)]


def rolling(folder: Path, *, restarts: int = 10) -> list[Figure]:
    """F12: SIGTERM to one worker after the other under load; nothing is run twice, nothing is lost."""
    grace = 5.0
    ended: list[tuple[int, float]] = []
    with open_store(folder) as store:
        ids: list[str] = []
        hire = lambda: Worker(folder, store_url(folder), lease="10s", grace=f"{grace:.0f}s", concurrency=20)  # noqa: E731
        with crew_of(2, hire) as crew:
            for turn in range(restarts):
                ids += fill(store, note_call(0.2), 100)
                reached = len(ids) - 60
                wait_for(lambda reached=reached: lines(Logs(folder)) >= reached)  # type: ignore[misc]
                ended.append(crew.restart(turn))
            all_ended(store, len(ids))
        arrived = deliveries(Logs(folder))
        figures = judge(store.sync, ids, arrived)
    duplicates = sum(len(times) - 1 for times in arrived.values())
    slowest = max(seconds for _, seconds in ended)
    return [
        Figure(
            f"exit within the grace time ({restarts} SIGTERM)", f"≤ {grace} s", f"{slowest:.2f} s", slowest <= grace
        ),
        zero("exits with a code other than 0", sum(code != 0 for code, _ in ended)),
        zero("duplicates", duplicates),
        *figures[:3],
    ]


def idle(folder: Path, *, seconds: float = 20) -> list[Figure]:
    """A worker with nothing to do uses next to nothing."""
    with open_store(folder) as store, crew_of(1, lambda: Worker(folder, store_url(folder), lease="30s")) as crew:
        run_one(store)
        time.sleep(1)
        process = crew.places[0].process.pid
        before = cpu_seconds(process)
        time.sleep(seconds)
        used = (cpu_seconds(process) - before) / seconds * 100
        memory = resident_mib(process)
    return [
        Figure("CPU of an idle worker", "< 1 % of a core", f"{used:.2f} %", used < 1),
        Figure("memory of an idle worker", "≤ 60 MiB", f"{memory:.0f} MiB", memory <= 60),
    ]


# --- what they share -------------------------------------------------------------------------------------------------


class Logs:
    """The logs of all workers that there were."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __iter__(self) -> Iterator[Path]:
        return iter(self._folder.glob("*.log"))


STORE = "store.url"
"""A file of this name in the folder of a scenario holds the URL of its store; without one, that is a SQLite file."""


def store_url(folder: Path) -> str:
    note = folder / STORE
    return note.read_text() if note.exists() else f"sqlite:///{folder / 'main.db'}"


def open_store(folder: Path) -> Mainspring:
    """The store of a scenario, open in this process, with the crew's functions known."""
    return app.on(store_url(folder))


def note_call(seconds: float) -> FunctionCall:
    return FunctionCall(function="note", arguments=f'{{"seconds":{seconds}}}')


def fill(store: Mainspring, call: Call, tasks: int, queue: str = "default") -> list[str]:
    """Store tasks in bulk; every one of them was acknowledged."""
    request = TaskRequest(call=call, retry=AGAIN, queue=queue)
    rows = [store.sync.create_tasks([request] * min(BULK, tasks - n)) for n in range(0, tasks, BULK)]
    return [task.id for row in rows for task in row]


def kill_by_progress(crew: Crew, logs: Iterable[Path], tasks: int, kills: int) -> int:
    """Kill workers in turn, each time a further part of the tasks has arrived; tell how many were killed."""
    for turn in range(kills):
        reached = (turn + 1) * tasks // (kills + 1)
        if not wait_for(lambda reached=reached: lines(logs) >= reached, 0.002):  # type: ignore[misc]
            return turn
        crew.kill(turn)
    return kills


def all_ended(store: Mainspring, tasks: int) -> bool:
    return wait_for(lambda: store.sync.count_tasks().get("succeeded", 0) >= tasks, 0.1)


def run_one(store: Mainspring) -> float:
    """Add a task and wait for its end; gives the milliseconds from its creation to its start."""
    task = store.sync.enqueue("note", retry=AGAIN)
    wait_for(lambda: store.sync.get_task(task.id).state.status == "succeeded", 0.005)
    started = next(event for event in store.sync.task_history(task.id) if isinstance(event, RunStarted))
    return milliseconds(started.at - task.created_at)
