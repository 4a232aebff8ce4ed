"""The library in processes of its own: signals, and what type checkers tell its users."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring.app import Mainspring

WORKER = """
import asyncio, sys
from datetime import timedelta
from mainspring.app import EngineSettings, Mainspring

app = Mainspring(sys.argv[1])

@app.task("nap")
async def nap(seconds: float) -> str:
    print("napping", flush=True)
    await asyncio.sleep(seconds)
    return "rested"

asyncio.run(app.run(EngineSettings(grace=timedelta(seconds=float(sys.argv[2])))))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_worker_and_the_process_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGINT: the short run finishes, the long one is given back, the exit code is 0."""
    store = f"sqlite:///{tmp_path / 'main.db'}"
    with Mainspring(store) as app:

        @app.task("nap")
        async def nap(seconds: float) -> str:
            return "never here"

        short = app.sync.enqueue("nap", arguments={"seconds": 1.0})
        long = app.sync.enqueue("nap", arguments={"seconds": 60.0})
        with subprocess.Popen(
            [sys.executable, "-c", WORKER, store, "2.5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            assert [worker.stdout.readline() for _ in range(2)] == ["napping\n", "napping\n"]
            worker.send_signal(number)
            said, errors = worker.communicate(timeout=30)
        assert (worker.returncode, said, errors) == (0, "ended\n", "")
        happened = {
            name: [type(event).__name__ for event in app.sync.task_history(task.id)]
            for name, task in (("short", short), ("long", long))
        }
    assert happened == {"short": ["RunStarted", "RunSucceeded"], "long": ["RunStarted", "RunReleased"]}


GOOD = """
from datetime import timedelta
from mainspring.app import Context, EngineSettings, Exponential, Mainspring

app = Mainspring("memory:")

@app.task("welcome")
async def welcome(user: int, context: Context) -> None: ...

async def main() -> None:
    task = await app.enqueue(welcome, arguments={"user": 7}, delay=timedelta(minutes=5), retry=Exponential())
    print(task.id, task.state.status)
    made = await app.schedule("welcome", arguments={"user": 7}, cron="0 4 * * *", overlap="skip")
    print(made.next_at)
    await app.run(EngineSettings(concurrency=10))
    await welcome(7, 8)  # type: ignore[arg-type]  # the decorator keeps the function's own type

app.sync.enqueue("https://example.com/", body="x", headers={"A": "b"}, delay="5m")
"""

BAD = {
    'app.sync.enqueue("welcome", delai="5m")': "delai",
    'app.sync.enqueue("welcome", delay=5)': "delay",
    'app.sync.enqueue("welcome", arguments={"user": object()})': "dict-item",
    'app.sync.schedule("welcome", cron="0 4 * * *", overlap="both")': "overlap",
    'app.sync.enqueue("welcome").idd': "idd",
    "welcome.delay(7)": "delay",
    "EngineSettings(concurency=10)": "concurency",
    "Mainspring(7)": "Argument 1",
}


def test_type_checkers_know_what_users_may_write(tmp_path: Path) -> None:
    """Right code passes mypy strictly; each wrong line is an error on that line, which names what is wrong."""
    pytest.importorskip("mypy")
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(GOOD)
    head = GOOD.splitlines()
    bad.write_text("\n".join([*head, *BAD]) + "\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file", "", "--cache-dir"]
    checked = subprocess.run(
        [*command, str(tmp_path / "cache"), str(good), str(bad)], capture_output=True, text=True, cwd=tmp_path
    )
    errors: dict[int, str] = {}
    for line in checked.stdout.splitlines():
        name, number, text = line.split(":", 2)
        assert name == "bad.py" or ": note" in line, line
        if " error:" in text:
            errors[int(number)] = errors.get(int(number), "") + text
    assert sorted(errors) == list(range(len(head) + 1, len(head) + 1 + len(BAD))), checked.stdout
    for number, names in enumerate(BAD.values(), len(head) + 1):
        assert names in errors[number], errors[number]
