"""The reference of the command line shows what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.blocks import ROOT, Page

PAGE = ROOT / "docs" / "reference" / "cli.md"


@pytest.mark.timeout(300)  # some forty processes, one after the other, on a machine that may be busy
@pytest.mark.skipif(not PAGE.is_file(), reason="the documentation is not here: wheel run")
def test_the_examples_of_the_reference_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of the page is run, in its order, and prints what the page shows."""
    monkeypatch.chdir(tmp_path)
    assert Page(PAGE).run() > 15
