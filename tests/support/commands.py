"""Running the command line in tests: in this process, or as a user's shell would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from attrs import frozen
from click.testing import CliRunner, Result

from mainspring.cli.demo.ledger import Ledger
from mainspring.cli.main import cli

PATIENCE = 30.0


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without any setting of mainspring's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAINSPRING_")}
    return {**kept, "COLUMNS": "100", "NO_COLOR": "1", **(extra or {})}


def command(*args: str) -> list[str]:
    """The real command line, as an argument list."""
    return [sys.executable, "-m", "mainspring.cli", *args]


def run(*args: str, stdin: str | bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
    """Run a command in this process, in the current folder."""
    unset = {name: None for name in os.environ if name.startswith("MAINSPRING_")}
    return CliRunner().invoke(cli, list(args), input=stdin, env={**unset, **(env or {})})


def well(*args: str, stdin: str | bytes | None = None, env: Mapping[str, str] | None = None) -> str:
    """Run a command that has to end well; return what it printed, without the last line end."""
    result = run(*args, stdin=stdin, env=env)
    assert result.exit_code == 0, result.output
    return result.stdout.removesuffix("\n")


def read(*args: str) -> Any:
    """Run a command that prints JSON; return it as plain data."""
    return json.loads(well(*args, "--json"))


def complaint(result: Result, code: int) -> str:
    """The one line that a refused command wrote to stderr, without ``error: ``."""
    assert result.exit_code == code, (result.exit_code, result.output)
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: "), line
    return line.removeprefix("error: ")


def shell(*args: str, cwd: Path, stdin: bytes | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run(
        command(*args),
        cwd=cwd,
        env=environment(),
        input=None if stdin is None else stdin.decode(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        **options,
    )


@contextmanager
def worker(folder: Path, *args: str) -> Generator[Worker]:
    """Run a worker in a process of its own; it is killed in the end if it still runs."""
    log = folder / f"worker-{time.monotonic_ns()}.log"
    with log.open("wb") as file:
        child = subprocess.Popen(
            command("worker", *args), cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
    running = Worker(child, log)
    try:
        wait_until(lambda: " starts" in running.log() or child.poll() is not None)
        yield running
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(PATIENCE)


class Worker:
    """A worker process and its log."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path) -> None:
        self.process = process
        self._path = path

    def log(self) -> str:
        """What it has logged and printed so far."""
        return self._path.read_text()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(PATIENCE)


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until ``condition`` holds; fail if it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.03)


@frozen
class Receiver:
    """A receiver in another process: its address, and what it has written down."""

    url: str
    ledger: Ledger


def leaves(group: click.Group = cli, prefix: str = "mainspring") -> Iterator[tuple[str, click.Command]]:
    """Give every command that is no group, with its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from leaves(found, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", found
