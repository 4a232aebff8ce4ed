"""``mainspring worker``: from the file on disk to a receiver that is not ours, and what signals do."""

from __future__ import annotations

import json
import logging
import signal
import sys
import time
from pathlib import Path

import pytest

from mainspring.cli.logs import JsonFormatter, TextFormatter
from support.commands import Receiver, complaint, read, run, wait_until, well, worker

MODULE = """
import asyncio
from pathlib import Path
from mainspring.app import Mainspring

app = Mainspring("sqlite:///naps.db")

@app.task("nap")
async def nap(seconds: float) -> str:
    Path("napping").touch()
    await asyncio.sleep(seconds)
    return "rested"

@app.task("hang_once")
async def hang_once() -> str:
    if Path("hung").exists():
        return "well"
    Path("hung").touch()
    await asyncio.sleep(3600)
    return "never"
"""
STORE = ("--store", "sqlite:///naps.db")


@pytest.fixture(autouse=True)
def _module(folder: Path) -> None:
    (folder / "naps.py").write_text(MODULE)


def add_nap(seconds: float) -> str:
    """Add a task that sleeps, by a process of its own (a module is imported once in a process)."""
    from mainspring.app import Mainspring
    from mainspring.core.task import FunctionCall

    with Mainspring("sqlite:///naps.db") as app:
        app.task("nap")(lambda seconds: None)
        call = FunctionCall(function="nap", arguments=json.dumps({"seconds": seconds}))
        return app.sync.enqueue(call).id


def kinds(id_: str, *args: str) -> list[str]:
    """The history of a task, as the kinds of its events."""
    return [event["kind"] for event in read("task", "show", id_, *args)["history"]]


def state(id_: str, *args: str) -> str:
    """The status of a task."""
    return str(read("task", "show", id_, *args)["task"]["state"]["kind"])


def test_a_task_reaches_a_receiver_and_its_run_is_shown(folder: Path, receiver: Receiver) -> None:
    """Added before and while the worker runs; each arrives once, and the history names worker, duration and answer."""
    before = well("task", "add", f"{receiver.url}/ok", "--body", '{"n": 1}')
    with worker(folder) as running:
        during = well("task", "add", f"{receiver.url}/ok")
        dead = well("task", "add", f"{receiver.url}/dead", "--retry", "never")
        for id_ in (before, during):
            wait_until(lambda id_=id_: state(id_) == "succeeded")
        wait_until(lambda: state(dead) == "failed")
        running.send(signal.SIGINT)
        assert running.end() == 0
    assert kinds(before) == ["run_started", "run_succeeded"]
    shown = well("task", "show", before)
    assert "run 1 started (attempt 1) on " in shown
    assert "run 1 succeeded in " in shown
    assert "run 1 failed after " in well("task", "show", dead)
    assert "500" in well("task", "show", dead)
    receiver.ledger.refresh()
    assert {id_: len(found) for id_, found in receiver.ledger.by_task.items()} == {before: 1, during: 1, dead: 1}


def test_a_schedule_fires_while_a_worker_runs(folder: Path, receiver: Receiver) -> None:
    """By cron with seconds and by RRULE; each made task arrives and names its schedule."""
    cron = well("schedule", "add", f"{receiver.url}/cron", "--cron", "* * * * * *", "--seconds")
    rrule = well("schedule", "add", f"{receiver.url}/rrule", "--rrule", "FREQ=SECONDLY")
    with worker(folder):
        for id_ in (cron, rrule):
            wait_until(lambda id_=id_: read("task", "ls", "--schedule", id_, "--status", "succeeded")["tasks"])
    slots = read("schedule", "show", cron)["slots"]
    assert {slot["outcome"]["kind"] for slot in slots} <= {"created", "buffered"}


def test_a_signal_lets_a_run_finish_within_the_grace_time(folder: Path) -> None:
    """SIGTERM: nothing new is taken, what runs may end, exit code 0."""
    id_ = add_nap(1)
    with worker(folder, "--import", "naps", "--grace", "20s") as running:
        wait_until((folder / "napping").exists)
        running.send(signal.SIGTERM)
        late = add_nap(0)
        assert running.end() == 0
    assert kinds(id_, *STORE) == ["run_started", "run_succeeded"]
    assert state(late, *STORE) == "pending"
    assert "SIGTERM: takes nothing new, and lets runs finish for up to 20s" in running.log()


def test_a_run_that_outlasts_the_grace_time_is_given_back_without_burning_an_attempt(folder: Path) -> None:
    """Exit code 0 soon after the grace time; the task waits again, with all its attempts."""
    id_ = add_nap(60)
    with worker(folder, "--import", "naps", "--grace", "300ms") as running:
        wait_until((folder / "napping").exists)
        start = time.monotonic()
        running.send(signal.SIGTERM)
        assert running.end() == 0
        assert time.monotonic() - start < 5
    assert kinds(id_, *STORE) == ["run_started", "run_released"]
    tally = read("task", "show", id_, *STORE)["task"]["state"]["tally"]
    assert (tally["runs"], tally["attempts"]) == (1, 0)


@pytest.mark.parametrize(("second", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(folder: Path, second: signal.Signals, code: int) -> None:
    """The run stays with the dead worker until its lease ends; the exit code is that of the signal."""
    id_ = add_nap(60)
    with worker(folder, "--import", "naps", "--grace", "60s") as running:
        wait_until((folder / "napping").exists)
        running.send(signal.SIGTERM)
        wait_until(lambda: "takes nothing new" in running.log())
        running.send(second)
        assert running.end() == code
    assert "ends at once, its runs are taken over when their leases end" in running.log()
    assert state(id_, *STORE) == "running"


def test_another_worker_takes_over_from_one_that_was_killed(folder: Path) -> None:
    """kill -9: the lease ends, the attempt is burnt, the task is run again and done; nothing is lost."""
    id_ = _add_hanging()
    with worker(folder, "--import", "naps", "--lease", "1s") as first:
        wait_until((folder / "hung").exists)
        first.send(signal.SIGKILL)
        assert first.end() == -signal.SIGKILL
    with worker(folder, "--import", "naps", "--lease", "1s") as second:
        wait_until(lambda: state(id_, *STORE) == "succeeded")
        second.send(signal.SIGTERM)
        assert second.end() == 0
    assert kinds(id_, *STORE) == ["run_started", "retry_scheduled", "run_started", "run_succeeded"]
    lost = read("task", "show", id_, *STORE)["history"][1]["failure"]["kind"]
    assert lost == "lease_lost"


def _add_hanging() -> str:
    from mainspring.app import Mainspring

    with Mainspring("sqlite:///naps.db") as app:
        app.task("hang_once")(lambda: None)
        return app.sync.enqueue("hang_once").id


def test_a_worker_keeps_ended_tasks_as_long_as_it_is_told(folder: Path, receiver: Receiver) -> None:
    """State by state: succeeded ones go at once here, failed ones stay."""
    good = well("task", "add", f"{receiver.url}/ok")
    bad = well("task", "add", f"{receiver.url}/dead", "--retry", "never")
    with worker(folder):
        wait_until(lambda: (state(good), state(bad)) == ("succeeded", "failed"))
    with worker(folder, "--keep", "succeeded=0s", "--keep", "failed=forever"):
        wait_until(lambda: [task["id"] for task in read("task", "ls")["tasks"]] == [bad])


def test_a_worker_serves_the_queues_that_it_was_given(folder: Path, receiver: Receiver) -> None:
    """Others are left to other workers."""
    mail = well("task", "add", f"{receiver.url}/ok", "--queue", "mail")
    other = well("task", "add", f"{receiver.url}/ok", "--queue", "other")
    with worker(folder, "--queues", "mail, more", "--concurrency", "1"):
        wait_until(lambda: state(mail) == "succeeded")
    assert state(other) == "pending"


def test_logs_are_lines_of_json_when_asked_for(folder: Path) -> None:
    """Each line is an object with the instant, the level, the logger and the message."""
    with worker(folder, "--log-format", "json") as running:
        running.send(signal.SIGTERM)
        assert running.end() == 0
    lines = [json.loads(line) for line in running.log().splitlines()]
    assert all(line.keys() == {"at", "level", "logger", "message"} for line in lines)
    assert lines[0]["at"].endswith("Z")
    assert lines[0]["level"] == "info"


def test_a_traceback_is_kept_within_a_record() -> None:
    """As text below the line, as JSON in a field; control characters of a message are written out."""
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it broke \x1b", (), sys.exc_info())
    text = TextFormatter().format(record)
    assert text.splitlines()[0].endswith("ERROR x: it broke \\x1b")
    assert text.endswith("ValueError: no")
    assert json.loads(JsonFormatter().format(record))["traceback"].endswith("ValueError: no")


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (["--lease", "1ms"], "lease"),
        (["--lease", "soon"], "lease"),
        (["--grace", "-1s"], "grace"),
        (["--concurrency", "0"], "concurrency"),
        (["--queues", "two words"], "queues"),
        (["--import", "nothing"], "import"),
        (["--log-format", "xml"], "--log-format"),
        (["--keep", "pending=1d"], "keep"),
        (["--keep", "failed"], "keep"),
        (["--keep", "failed=soon"], "keep"),
    ],
)
def test_a_bad_setting_is_named_and_no_store_is_made(args: list[str], field: str, folder: Path) -> None:
    """Exit code 2, before anything is opened."""
    assert complaint(run("worker", *args), 2).startswith(f"{field}: ")
    assert [found.name for found in folder.iterdir()] == ["naps.py"]
