"""Real processes: workers that are killed and started again, and a receiver that outlives them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 600.0
"""Seconds after which a scenario is given up."""


def _path() -> str:
    """Where the processes look for modules: where this one does, and in the tests."""
    return os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])


class Worker:
    """A worker process, by the real command line."""

    def __init__(
        self, folder: Path, store: str, *, lease: str, grace: str = "25s", concurrency: int = 50, skew: float = 0.0
    ) -> None:
        environment = os.environ | {"CHAOS_LOGS": str(folder), "PYTHONPATH": _path()}
        if skew:
            environment["CHAOS_SKEW"] = str(skew)
        command = [sys.executable, "-m", "mainspring.cli", "worker", "--store", store, "--import", "chaos.crew"]
        options = ["--lease", lease, "--grace", grace, "--concurrency", str(concurrency), "--log-level", "error"]
        with (folder / "workers.err").open("ab") as errors:
            self.process = subprocess.Popen([*command, *options], env=environment, cwd=folder, stderr=errors)

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> tuple[int, float]:
        """Ask it to end, once it can hear that; give its exit code and how many seconds it took."""
        wait_for(self.is_up)
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=PATIENCE)
        return code, time.monotonic() - start

    def is_up(self) -> bool:
        """Whether it has come so far as to handle SIGTERM (a process that only just begins is ended by it)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


class Crew:
    """Workers in their places: one that goes is replaced at once."""

    def __init__(self, size: int, hire: Callable[[], Worker]) -> None:
        self._hire = hire
        self.places = [hire() for _ in range(size)]

    def kill(self, turn: int) -> None:
        """Kill the worker whose turn it is, and start another one in its place."""
        place = turn % len(self.places)
        self.places[place].kill()
        self.places[place] = self._hire()

    def restart(self, turn: int) -> tuple[int, float]:
        """Start another one, and ask the worker whose turn it is to end."""
        place = turn % len(self.places)
        leaving, self.places[place] = self.places[place], self._hire()
        return leaving.terminate()


@contextmanager
def crew_of(size: int, hire: Callable[[], Worker]) -> Iterator[Crew]:
    """A crew for as long as the block lasts; asked to end, then killed."""
    crew = Crew(size, hire)
    try:
        yield crew
    finally:
        for worker in crew.places:
            worker.process.send_signal(signal.SIGTERM)
        for worker in crew.places:
            try:
                worker.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                worker.kill()


@contextmanager
def receiver(log: Path, milliseconds: int = 0) -> Iterator[str]:
    """A receiver in its own process; gives the URL to deliver to."""
    command = [sys.executable, str(TESTS / "support" / "receiver.py"), str(log), str(milliseconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def wait_for(condition: Callable[[], bool], pause: float = 0.01) -> bool:
    """Wait until a condition holds; False if that takes longer than anybody's patience."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True


def cpu_seconds(process: int) -> float:
    """How much CPU time a process has used, in user and kernel."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: int) -> float:
    """How much memory a process holds, in MiB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1_048_576
