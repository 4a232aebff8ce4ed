"""The processes of the demonstration: they are always ended, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from mainspring.core.errors import Unavailable

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10.0
LEASE: Final = "2s"
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class Children:
    """Starts the receiver and workers, in folder ``folder``; ``end`` kills what is left."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._all: Final[list[subprocess.Popen[bytes]]] = []

    def receiver(self, log: Path) -> int:
        """Start the receiver; return its port."""
        command = [sys.executable, "-m", "mainspring.cli.demo.receiver", str(log)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  our own
        self._all.append(child)
        assert child.stdout is not None  # noqa: S101  a pipe, as asked
        line = child.stdout.readline()
        if not line.strip().isdigit():
            raise Unavailable("receiver", "it did not start", "see what it wrote to stderr")
        return int(line)

    def worker(self, store: str) -> subprocess.Popen[bytes]:
        """Start a worker, the real command, and wait until it looks for work; its log goes to a file of its own."""
        log = self._folder / f"worker-{len(self._all)}.log"
        command = [sys.executable, "-m", "mainspring.cli", "--store", store]
        command += ["worker", "--lease", LEASE, "--grace", "5s", "--log-format", "json"]
        with log.open("wb") as file:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=file, env=_plain())  # noqa: S603  our own
        self._all.append(child)
        wait_until(lambda: b" starts" in log.read_bytes() or child.poll() is not None, START_SECONDS)
        if child.poll() is not None or b" starts" not in log.read_bytes():
            raise Unavailable("worker", "it did not start", f"its log says: {log.read_text()[-300:]}")
        return child

    def end(self) -> None:
        """Kill what still runs, and wait for it."""
        for child in self._all:
            if child.poll() is None:
                child.kill()
            child.wait(STOP_SECONDS)
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()


def _plain() -> dict[str, str]:
    """The environment without settings of mainspring's: a guard, say, would not let the worker call the receiver."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAINSPRING_")}


def stop(worker: subprocess.Popen[bytes]) -> int | None:
    """Ask a worker to stop; return its exit code, or None if it did not end in time."""
    worker.terminate()
    try:
        return worker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return None


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for ``condition``, for at most ``seconds``; tell whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def children(folder: Path) -> Generator[Children]:
    """Give the processes of the demonstration; they are ended also when this process is told to end."""
    made = Children(folder)
    before = {number: signal.signal(number, _leave) for number in _ENDING}
    try:
        yield made
    finally:
        made.end()
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
