"""Every test of the command line works in an empty folder of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mainspring.cli.demo.ledger import Ledger
from support.commands import Receiver


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """A real receiver, in a process of its own."""
    log = tmp_path / "receiver.jsonl"
    child = subprocess.Popen(
        [sys.executable, "-m", "mainspring.cli.demo.receiver", str(log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        yield Receiver(f"http://127.0.0.1:{int(child.stdout.readline())}", Ledger(log))
    finally:
        child.stdin.close()
        assert child.wait(30) == 0
        child.stdout.close()
