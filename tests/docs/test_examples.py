"""What the pages show is what happens: every example is run, every output compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.blocks import ROOT, Page, blocks, matches

DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not (DOCS / "conf.py").is_file(), reason="the documentation is not here: wheel run")

PAGES = sorted([*DOCS.glob("tutorial/*.md"), *DOCS.glob("how-to/*.md")]) if DOCS.is_dir() else []
REASON = re.compile(r"not run: .{10,}")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_examples_of_a_page_do_what_it_says(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page of the tutorial and the how-to guides runs from top to bottom, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    Page(path).run()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_block_that_is_not_run_says_why(path: Path) -> None:
    """No example is left out silently, and no mark is misspelt."""
    for block in blocks(path.read_text(encoding="utf-8")):
        known = block.mark in ("", "output", "background") or block.mark.startswith("file: ")
        assert known or REASON.fullmatch(block.mark), f"{path.name}:{block.line}: {block.mark!r}"


def test_an_ellipsis_stands_for_anything_and_nothing_else_does() -> None:
    """The comparison of outputs is strict but for ``…``."""
    assert matches("task … added", "task 0192 added")
    assert matches("a\n…\nz", "a\nb\nc\nz")
    assert not matches("task … added", "task 0192 removed")
    assert not matches("a\nz", "a\nb\nz")
    assert not matches("3.5", "345")
