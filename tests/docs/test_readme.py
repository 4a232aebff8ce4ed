"""The README's first screen holds what it promises: the two commands, and code with its real output."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.blocks import ROOT, Page, blocks

README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="the README is not here: wheel run")


def test_the_code_of_the_readme_prints_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twelve lines run as they stand."""
    monkeypatch.chdir(tmp_path)
    assert Page(README).run() >= 2


def test_the_readme_shows_about_twelve_lines_of_code() -> None:
    """The first example is short enough for the first screen."""
    first = next(block for block in blocks(README.read_text(encoding="utf-8")) if block.language == "python")
    assert len([line for line in first.text.splitlines() if line.strip()]) <= 13


def test_the_two_commands_stand_on_the_first_screen() -> None:
    """One line each, from a fresh clone with Python and its venv module only."""
    head = README.read_text(encoding="utf-8").splitlines()[:40]
    prepare = "python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox -s"
    assert f"{prepare} demo" in head
    assert f"{prepare} tests" in head
