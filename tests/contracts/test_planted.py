"""The conformance kit catches the bugs that storages have: each of those that are planted here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from contracts.planted import BUGS, CAUGHT
from mainspring.adapters.storages.clock import Clock
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.core.ports import Storage
from mainspring.testing.conformance import Side, StorageConformance, run_model

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "how-to" / "write-a-storage.md"
BY_SUITE = {name: test for name, test in CAUGHT.items() if test != "model"}

MODULE = """
from contracts.planted import BUGS
from mainspring.adapters.storages.memory import MemoryStorage
from mainspring.testing.conformance import StorageConformance

for name, kind in {"Right": MemoryStorage, **BUGS}.items():
    make = lambda self, kind=kind: kind()
    globals()[f"Test{name}"] = type(f"Test{name}", (StorageConformance,), {"make_storage": make})
"""


def test_the_behaviour_suite_catches_them(tmp_path: Path) -> None:
    """Each by the test of the rule that it breaks; a storage without a bug passes the same tests."""
    (tmp_path / "test_bugs.py").write_text(MODULE)
    wanted = [f"test_bugs.py::Test{bug}::{test}" for bug, test in BY_SUITE.items()]
    right = [f"test_bugs.py::TestRight::{test}" for test in dict.fromkeys(BY_SUITE.values())]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rf", "-p", "no:cacheprovider", *wanted, *right],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    failed = {line.split("::")[1].removeprefix("Test") for line in done.stdout.splitlines() if line[:6] == "FAILED"}
    assert failed == set(BY_SUITE), done.stdout
    assert f"{len(right)} passed" in done.stdout


def test_no_rule_of_the_suite_hides_another() -> None:
    """Its parts are mixed into one class, where a method of one name is there once."""
    names = [name for part in StorageConformance.__mro__ for name in vars(part) if name.startswith("test_")]
    assert len(names) > 100
    assert [name for name, count in Counter(names).items() if count > 1] == []


class Planted(Side):
    """A storage with a bug, beside one without."""

    def __init__(self, bug: type[MemoryStorage]) -> None:
        self.bug = bug

    def make_storage_on(self, clock: Clock) -> Storage:
        return self.bug(clock=clock)


@pytest.mark.parametrize("name", [name for name, test in CAUGHT.items() if test == "model"])
def test_the_model_catches_what_needs_a_clock(name: str) -> None:
    """Boundaries to the microsecond, and what happens a day later."""
    with pytest.raises(AssertionError):
        run_model({name: Planted(BUGS[name])}, examples=400, steps=50, shorten=False)


def test_the_guide_lists_them() -> None:
    """At least ten, each with what catches it."""
    assert set(CAUGHT) == set(BUGS)
    assert len(BUGS) >= 10
    if not PAGE.is_file():
        pytest.skip("the documentation is not here: wheel run")
    page = PAGE.read_text(encoding="utf-8")
    for name, bug in BUGS.items():
        said = (bug.__doc__ or "").splitlines()[0].rstrip(".")
        by = "the model" if CAUGHT[name] == "model" else f"`{CAUGHT[name]}`"
        assert f"| {said} | {by} |" in page, name
