"""One file for several threads, processes and forks: waiting is bounded, nothing acknowledged is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from adapters.storages.making import new_task, query
from mainspring.adapters.storages.sqlite import SqliteStorage
from mainspring.core.errors import Unavailable
from mainspring.core.ports import TaskQuery
from mainspring.testing.conformance.port import creations

TESTS = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("MAINSPRING_KILLS", "8"))


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that runs ``script`` with the store's path as its first argument."""
    code = (
        "import sys, os, time\nfrom pathlib import Path\n"
        "from adapters.storages.making import new_task, start, succeed\n"
        "from mainspring.testing.conformance.port import creations, take\n"
        "from mainspring.adapters.storages.sqlite import SqliteStorage\n"
        "storage = SqliteStorage(sys.argv[1])\n" + script
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )


WORK = """
while decisions := take(storage, (), 5, start):
    for decision in decisions:
        print(decision.task.id)
    storage.save([succeed(decision.task, storage.now()) for decision in decisions])
"""


def test_processes_take_each_task_once(tmp_path: Path) -> None:
    """No task is handed to two takers, whatever process they are in."""
    storage = SqliteStorage(tmp_path / "s.db")
    made = [new_task() for _ in range(300)]
    storage.add(creations(made))
    workers = [child(WORK, storage.path) for _ in range(3)]
    taken = Counter(line for worker in workers for line in worker.communicate(timeout=60)[0].split())
    assert taken == Counter(task.id for task in made)
    assert storage.count("default") == {"succeeded": 300}
    storage.close()


ADD = """
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
while True:
    batch = [new_task() for _ in range(3)]
    storage.add(creations(batch))
    os.write(log, "".join(f"added {task.id}\\n" for task in batch).encode())
    decisions = take(storage, (), 2, start)
    os.write(log, "".join(f"taken {one.task.id}\\n" for one in decisions).encode())
    done = storage.save([succeed(one.task, storage.now()) for one in decisions])
    os.write(log, "".join(f"done {one.task.id}\\n" for one in decisions).encode())
"""


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Two writers, killed again and again in the middle of their writes (F13 in small; MAINSPRING_KILLS for more)."""
    path, log = tmp_path / "s.db", tmp_path / "log"
    SqliteStorage(path).close()
    for round_number in range(ROUNDS):
        workers = [child(ADD, path, log) for _ in range(2)]
        size = log.stat().st_size if log.exists() else 0
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and (
            not log.exists() or log.stat().st_size < size + 500 * (1 + round_number % 3)
        ):
            time.sleep(0.005)
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
            worker.communicate()
    storage = SqliteStorage(path)
    assert storage.doctor().faults == ()
    lines = [line.split() for line in log.read_text().splitlines()]
    said = {word: {key for kind, key in lines if kind == word} for word in ("added", "taken", "done")}
    assert len(said["added"]) > 3 * ROUNDS
    statuses = dict(query(path, "SELECT id, status FROM tasks"))
    assert said["added"] <= statuses.keys()
    assert {statuses[key] for key in said["taken"]} <= {"running", "succeeded"}
    assert {statuses[key] for key in said["done"]} <= {"succeeded"}
    taken = Counter(key for kind, key in lines if kind == "taken")
    assert not taken or max(taken.values()) == 1
    for key, status in statuses.items():
        events = [type(event).__name__ for event in storage.history(key)]
        expected = {"pending": [], "running": ["RunStarted"], "succeeded": ["RunStarted", "RunSucceeded"]}
        assert events == expected[status]
    storage.close()


HOLD = """
with storage._connections.writing() as connection:
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def test_a_writer_waits_for_another_process(tmp_path: Path) -> None:
    """As long as it may; readers go on meanwhile."""
    storage = SqliteStorage(tmp_path / "s.db")
    holder = child(HOLD, storage.path, 0.3)
    assert holder.stdout is not None
    holder.stdout.readline()
    assert storage.count("default") == {}
    storage.add(creations([new_task()]))
    assert storage.count("default") == {"pending": 1}
    holder.communicate(timeout=20)
    storage.close()


def test_waiting_is_bounded(tmp_path: Path) -> None:
    """A store that is held for too long is unavailable, and usable once it is let go."""
    storage = SqliteStorage(tmp_path / "s.db", busy_seconds=0.1)
    holder = child(HOLD, storage.path, 30)
    assert holder.stdout is not None
    holder.stdout.readline()
    began = time.monotonic()
    with pytest.raises(Unavailable, match="locked"):
        storage.add(creations([new_task()]))
    assert time.monotonic() - began < 5
    holder.kill()
    holder.communicate()
    storage.add(creations([new_task()]))
    assert storage.count("default") == {"pending": 1}
    storage.close()


def test_waiting_for_another_thread_is_bounded(tmp_path: Path) -> None:
    """The same for a writer of this process."""
    storage = SqliteStorage(tmp_path / "s.db", busy_seconds=0.1)
    errors: list[Exception] = []

    def work() -> None:
        try:
            storage.add(creations([new_task()]))
        except Unavailable as error:
            errors.append(error)

    with storage._connections.writing():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
    assert [str(error).count("busy in this process") for error in errors] == [1]
    storage.close()


def test_a_commit_waits_for_readers(tmp_path: Path) -> None:
    """A long read of another connection delays a commit; it does not break it."""
    storage = SqliteStorage(tmp_path / "s.db")
    storage.add(creations([new_task()]))
    with storage._connections.reading() as reader:
        reader.execute("SELECT * FROM tasks").fetchall()
        writer = threading.Thread(target=storage.add, args=(creations([new_task()]),))
        writer.start()
        time.sleep(0.1)
        assert reader.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    writer.join(20)
    assert storage.count("default") == {"pending": 2}
    storage.close()


def forked(job: Callable[[], bool]) -> bool:
    """What ``job`` answers in a forked child."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if job() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_fork_waits_for_what_is_under_way(tmp_path: Path) -> None:
    """A child made while other threads write and read gets working connections of its own; the parent goes on."""
    storage = SqliteStorage(tmp_path / "s.db")
    stop = threading.Event()
    counts = [0, 0]

    def write() -> None:
        while not stop.is_set():
            storage.add(creations([new_task()]))
            counts[0] += 1

    def read() -> None:
        while not stop.is_set():
            storage.find(TaskQuery(limit=5))
            counts[1] += 1

    def job() -> bool:
        task = new_task()
        storage.add(creations([task]))
        return storage.get(task.id) == task

    threads = [threading.Thread(target=target) for target in (write, write, read)]
    for thread in threads:
        thread.start()
    try:
        assert all(forked(job) for _ in range(10))
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert storage.count("default") == {"pending": counts[0] + 10}
    assert min(counts) > 0
    assert storage.doctor().faults == ()
    storage.close()


def test_a_fork_inside_a_transaction_spoils_the_storage_for_the_child(tmp_path: Path) -> None:
    """It is told so, at once; the parent's transaction is not harmed."""
    storage = SqliteStorage(tmp_path / "s.db")

    def job() -> bool:
        with pytest.raises(Unavailable, match="forked"):
            storage.count("default")
        return True

    with storage._writing() as session:
        session.insert([new_task()])
        assert forked(job)
    with storage._connections.reading() as connection:
        connection.execute("SELECT * FROM tasks").fetchall()
        assert forked(job)
    assert storage.count("default") == {"pending": 1}
    storage.close()


def test_a_child_that_ends_normally_does_not_undo_the_parents_transaction(tmp_path: Path) -> None:
    """Interpreter shutdown closes connections: those of the parent must not be among them."""
    script = """
with storage._writing() as session:
    session.insert([new_task()])
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    os.waitpid(pid, 0)
print(storage.count("default"))
"""
    worker = child(script, tmp_path / "s.db")
    assert worker.communicate(timeout=20)[0].strip() == "{'pending': 1}"
    assert worker.returncode == 0


def test_a_file_that_was_moved_or_replaced_is_not_written(tmp_path: Path) -> None:
    """Writes into a file that has lost its name would be lost with it."""
    path = tmp_path / "s.db"
    storage = SqliteStorage(path)
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(Unavailable, match="moved"):
        storage.add(creations([new_task()]))
    SqliteStorage(path).close()
    with pytest.raises(Unavailable, match="replaced"):
        storage.count("default")
    path.unlink()
    (tmp_path / "elsewhere.db").rename(path)
    storage.add(creations([new_task()]))
    storage.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, sqlite3.OperationalError])
def test_a_broken_transaction_leaves_a_working_storage(tmp_path: Path, error: type[BaseException]) -> None:
    """An error inside a transaction undoes it, whatever it was."""
    storage = SqliteStorage(tmp_path / "s.db")
    with pytest.raises((KeyboardInterrupt, Unavailable)):
        _break(storage, error)
    assert storage.count("default") == {}
    storage.add(creations([new_task()]))
    assert storage.count("default") == {"pending": 1}
    storage.close()


def _break(storage: SqliteStorage, error: type[BaseException]) -> None:
    with storage._writing() as session:
        session.insert([new_task()])
        session.flush()
        raise error


def test_a_lost_connection_is_replaced(tmp_path: Path) -> None:
    """One that cannot even be rolled back is given up; the next write makes a new one."""
    storage = SqliteStorage(tmp_path / "s.db")
    with pytest.raises(Unavailable):
        _lose(storage)
    storage.add(creations([new_task()]))
    assert storage.count("default") == {"pending": 1}
    storage.close()


def _lose(storage: SqliteStorage) -> None:
    with storage._writing() as session:
        session.insert([new_task()])
        session.connection.close()


def test_idle_readers_are_bounded(tmp_path: Path) -> None:
    """Many threads at once leave few connections behind."""
    storage = SqliteStorage(tmp_path / "s.db")
    barrier = threading.Barrier(12)

    def work() -> None:
        with storage._connections.reading() as connection:
            connection.execute("SELECT 1").fetchall()
            barrier.wait(10)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(storage._connections._readers) == 4
    storage.close()
    with closing(sqlite3.connect(storage.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
