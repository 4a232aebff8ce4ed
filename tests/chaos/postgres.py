"""The scenarios on Postgres: each on a server of its own, which syncs to the disk and is restarted like the workers."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from threading import Barrier, Thread

from chaos import scenarios, semantics
from chaos.crew import app
from chaos.ledger import Figure, deliveries, judge, lines, zero
from chaos.processes import Crew, Worker, crew_of, wait_for
from chaos.scenarios import AGAIN, STORE, Logs, all_ended, fill, note_call, open_store, store_url
from mainspring.adapters.throwaway_postgres import ThrowawayPostgres
from mainspring.app import Mainspring
from mainspring.core.errors import Unavailable
from mainspring.core.schedule import CatchUp, Created, Schedule
from support.postgres import chosen_binaries

HALF = timedelta(milliseconds=500)
Scenario = Callable[[Path], list[Figure]]


@contextmanager
def serving(folder: Path) -> Iterator[ThrowawayPostgres]:
    """A server for the scenario in ``folder``."""
    with ThrowawayPostgres.start(
        binaries=chosen_binaries(), durable=True, settings={"max_connections": "300"}
    ) as server:
        (folder / STORE).write_text(server.url())
        yield server


def on_postgres(scenario: Scenario) -> Scenario:
    """Run a scenario that knows no storage on Postgres."""

    def run(folder: Path) -> list[Figure]:
        with serving(folder):
            return scenario(folder)

    return run


def f4(folder: Path, *, tasks: int = 2_000, kills: int = 10) -> list[Figure]:
    """F4: four workers, kill -9 spread over the run."""
    return on_postgres(lambda folder: scenarios.killed(folder, tasks=tasks, kills=kills))(folder)


def f10(folder: Path) -> list[Figure]:
    """F10: workers stopped past their leases report too late."""
    return on_postgres(semantics.stale)(folder)


def f11(folder: Path, *, tasks: int = 400, workers: int = 4, kills: int = 6) -> list[Figure]:
    """F11: a limit of 3 at once over all workers, under kill -9."""
    return on_postgres(lambda folder: semantics.limits(folder, tasks=tasks, workers=workers, kills=kills))(folder)


def f11_rate(folder: Path, *, tasks: int = 200, workers: int = 4, kills: int = 4) -> list[Figure]:
    """F11: at most 50 starts in every second, over all workers, under kill -9."""
    return on_postgres(lambda folder: semantics.rate(folder, tasks=tasks, workers=workers, kills=kills))(folder)


def f12(folder: Path, *, restarts: int = 6) -> list[Figure]:
    """F12: rolling restarts by SIGTERM under load."""
    return on_postgres(lambda folder: scenarios.rolling(folder, restarts=restarts))(folder)


def house(folder: Path, *, restarts: int = 2) -> list[Figure]:
    """A fleet of 8 processes survives immediate restarts of the server with no human hand."""
    return f5(folder, tasks=restarts * 200, kills=0, restarts=restarts, workers=8)


def f5(folder: Path, *, tasks: int = 1_500, kills: int = 6, restarts: int = 3, workers: int = 4) -> list[Figure]:
    """F5: kill -9 of workers, and immediate restarts of the server, spread over the run."""
    waits: list[float] = []
    with serving(folder) as server:
        with open_store(folder) as store:
            ids = fill(store, note_call(0.005), tasks)
        hire = lambda: Worker(folder, store_url(folder), lease="2s", concurrency=20)  # noqa: E731
        with crew_of(workers, hire) as crew:
            survivors = _trouble(crew, server, folder, ids, kills, restarts, waits)
            with open_store(folder) as store:
                all_ended(store, len(ids))
                figures = judge(store.sync, ids, deliveries(Logs(folder)))
        said = _said(folder) if survivors < workers else ""
    slowest = max(waits, default=0.0)
    return [
        Figure("immediate restarts of the server", str(restarts), str(len(waits)), len(waits) == restarts),
        Figure("first start after a restart", "≤ 5 s", f"{slowest:.2f} s", slowest <= 5),
        Figure("workers that live on", str(workers), f"{survivors} {said}".strip(), survivors == workers),
        *figures,
    ]


def _said(folder: Path) -> str:
    """What ended workers said."""
    return " ".join((folder / "workers.err").read_text().split())[-300:]


def _trouble(
    crew: Crew, server: ThrowawayPostgres, folder: Path, ids: list[str], kills: int, restarts: int, waits: list[float]
) -> int:
    """Kill and restart by progress; tell how many workers live at the end that were not killed by us."""
    logs, events, tasks = Logs(folder), kills + restarts, len(ids)
    every = events // restarts
    killed = 0
    for turn in range(events):
        reached = (turn + 1) * tasks // (events + 1)
        if not wait_for(lambda reached=reached: lines(logs) >= reached, 0.002):  # type: ignore[misc]
            break
        if turn % every == 0 and len(waits) < restarts:
            wait_for(lambda: all(worker.is_up() for worker in crew.places))  # to start needs a server: exit code 75
            waits.append(_restarted(server, folder, ids))
        else:
            crew.kill(killed)
            killed += 1
    return sum(worker.process.poll() is None for worker in crew.places)


def _restarted(server: ThrowawayPostgres, folder: Path, ids: list[str]) -> float:
    """Restart the server as a crash does; tell how many seconds after its return a task was started."""
    server.stop("immediate")
    time.sleep(0.5)  # an outage that the workers notice
    before = lines(Logs(folder))
    server.resume()
    back = time.monotonic()
    with open_store(folder) as store:
        ids += fill(store, note_call(0.005), 20)  # there may be nothing left to start
    wait_for(lambda: lines(Logs(folder)) > before, 0.005)
    return time.monotonic() - back


def f16(folder: Path, *, times: int = 2) -> list[Figure]:
    """F16: ten processes on an empty database, and a migration that is killed after each of its statements."""
    from chaos.migrating import killed_everywhere, ten_at_once

    with serving(folder) as server:
        rounds = [ten_at_once(server, f"many{number}") for number in range(times)]
        places, ended = killed_everywhere(server, "killed", every=1 if times > 10 else 7)
    well, taken, faults = (sum(column) for column in zip(*rounds, strict=True))
    return [
        Figure("ten processes at once that end well", str(10 * times), str(well), well == 10 * times),
        Figure("first steps taken", str(times), str(taken), taken == times),
        zero("faults afterwards", faults),
        Figure("killed with kill -9, then run again and well", str(places), str(ended), places == ended > 1),
    ]


def f18(folder: Path, *, seconds: float = 1.0, rounds: int = 3) -> list[Figure]:
    """F18: what wake-ups cost those who enqueue, at 8 connections."""
    with serving(folder) as server:
        with_, without = [], []
        for _ in range(rounds):
            with_.append(_enqueue_rate(server.url(), seconds, told=True))
            without.append(_enqueue_rate(server.url(), seconds, told=False))
    share = median(with_) / median(without)
    got = f"{share:.0%} ({median(with_):.0f}/s of {median(without):.0f}/s)"
    return [Figure("enqueue rate with wake-ups on, of that with them off", "≥ 80 %", got, share >= 0.8)]


def _enqueue_rate(url: str, seconds: float, *, told: bool) -> float:
    """How many tasks a second 8 connections enqueue, each one by one."""
    from mainspring.adapters.storages.postgres import PostgresStorage

    done = [0] * 8
    begin = Barrier(9)

    def work(place: int) -> None:
        with app.on(f"{url}&pool_size=1") as store:
            storage = store.sync._storage
            assert isinstance(storage, PostgresStorage)
            if not told:
                storage.access._tell = ()
            begin.wait()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                store.sync.enqueue("https://example.com/")
                done[place] += 1

    threads = [Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    begin.wait()
    for thread in threads:
        thread.join()
    return sum(done) / seconds


# --- F8 --------------------------------------------------------------------------------------------------------------


def f8(
    folder: Path, *, nodes: int = 4, schedules: int = 20, seconds: int = 10, kills: int = 4, stops: int = 2
) -> list[Figure]:
    """F8: many nodes fire schedules of a second; some are killed, some stand still, half have a clock an hour wrong."""
    turns = count()
    hire = lambda: Worker(folder, store_url(folder), lease="5s", skew=(0, 3600, 0, -3600)[next(turns) % 4])  # noqa: E731
    with serving(folder) as server, app.on(server.url()) as store:
        first = store.sync._storage.now().replace(microsecond=0) + timedelta(seconds=4)
        options = {"retry": AGAIN, "starts_at": first - HALF, "ends_at": first + timedelta(seconds=seconds) - HALF}
        made = [
            store.sync.schedule(
                "note", cron="* * * * * *", seconds=True, overlap="allow_all", catch_up=CatchUp(mode="all"), **options
            )
            for _ in range(schedules)
        ]
        with crew_of(nodes, hire) as crew:
            _disturb(crew, stops, kills, seconds)
            wanted = schedules * seconds
            wait_for(lambda: _recorded(store, made)[0] >= wanted and not _live(store), 0.2)
        recorded, tasks, occurrences = _recorded(store, made)
        figures = judge(store.sync, tasks, deliveries(Logs(folder)))
    wanted = schedules * seconds
    return [
        Figure("occurrences on record", str(wanted), str(recorded), recorded == wanted),
        Figure("of them different ones", str(wanted), str(occurrences), occurrences == wanted),
        Figure("tasks, each of its own", str(wanted), str(len(set(tasks))), len(set(tasks)) == wanted),
        *figures,
    ]


def _disturb(crew: Crew, stops: int, kills: int, seconds: float) -> None:
    """Kill nodes, and let others stand still for a while, all over so many seconds."""
    pause = seconds / (stops + kills)
    for turn in range(stops):
        process = crew.places[turn % len(crew.places)].process
        process.send_signal(signal.SIGSTOP)
        time.sleep(pause)
        process.send_signal(signal.SIGCONT)
    for turn in range(kills):
        crew.kill(turn)
        time.sleep(pause)


def _live(store: Mainspring) -> bool:
    return bool(store.sync.count_tasks().keys() & {"pending", "running", "cancelling"})


def _recorded(store: Mainspring, schedules: list[Schedule]) -> tuple[int, list[str], int]:
    """How many occurrences have a record, the tasks that were made of them, and how many occurrences differ."""
    slots = [slot for one in schedules for slot in store.sync.schedule_slots(one.id, 1_000)]
    tasks = [slot.outcome.task_id for slot in slots if isinstance(slot.outcome, Created)]
    return sum(slot.count for slot in slots), tasks, len({(slot.schedule_id, slot.occurrence) for slot in slots})


# --- F6 --------------------------------------------------------------------------------------------------------------


def f6(folder: Path, *, times: int = 60) -> list[Figure]:
    """F6: a proxy delivers COMMIT and drops the reply, over enqueue, claim, complete and fire alike."""
    from chaos.proxies import KINDS, CommitThief

    share = times // len(KINDS)
    with serving(folder) as server, CommitThief(server.socket, share) as proxy:
        through = f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres?wakeups=off"
        with app.on(server.url()) as direct, app.on(through) as client:
            schedules = [direct.sync.schedule("note", every="1s", overlap="allow_all", retry=AGAIN) for _ in range(20)]
            ids: list[str] = []
            with crew_of(2, lambda: Worker(folder, through, lease="2s", concurrency=20)):
                while not proxy.is_done():
                    ids.append(_insist(client, f"key-{len(ids)}"))
                    time.sleep(0.002)
                for schedule in schedules:
                    direct.sync.pause_schedule(schedule.id)
                wait_for(lambda: not direct.sync.count_tasks().keys() & {"pending", "running"}, 0.1)
            made, created, unique = _occurrences(direct, [schedule.id for schedule in schedules])
            arrived = deliveries(Logs(folder))
            figures = judge(direct.sync, [*ids, *made], arrived)
            tasks = sum(direct.sync.count_tasks().values())
    stolen = ", ".join(f"{proxy.stolen[kind]} {kind}" for kind in KINDS)
    return [
        Figure("replies to COMMIT that were dropped", f"{share} of each", stolen, min(proxy.stolen.values()) >= share),
        Figure("tasks", str(len(set(ids)) + len(made)), str(tasks), tasks == len(set(ids)) + len(made)),
        Figure("tasks of occurrences, each of its own", str(created), str(unique), created == unique == len(made)),
        *figures,
    ]


def _insist(client: Mainspring, key: str) -> str:
    """Enqueue with an idempotency key until an answer comes."""
    for _ in range(200):
        try:
            return client.sync.enqueue("note", idempotency_key=key, retry=AGAIN).id
        except Unavailable:
            continue
    raise AssertionError(key)


def _occurrences(store: Mainspring, schedules: list[str]) -> tuple[list[str], int, int]:
    """The tasks that schedules made, how many slots say *created*, and how many different occurrences those have."""
    slots = [slot for key in schedules for slot in store.sync.schedule_slots(key, 1_000)]
    made = [slot for slot in slots if isinstance(slot.outcome, Created)]
    tasks = [slot.outcome.task_id for slot in made if isinstance(slot.outcome, Created)]
    return tasks, len(made), len({(slot.schedule_id, slot.occurrence) for slot in made})
