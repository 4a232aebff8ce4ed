"""Tables of the reference that are written by hand agree with the code."""

from __future__ import annotations

import re
from typing import get_args

import attrs
import pytest

from docs.blocks import ROOT
from mainspring.adapters.engine import EngineSettings
from mainspring.core.instants import format_duration
from mainspring.core.retry import GiveUpReason

REFERENCE = ROOT / "docs" / "reference"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the documentation is not here: wheel run")

_KIND = re.compile(r'''(?:\bFailure\(\s*kind=|\b_?broken\(|\b_fail\(held, )"([a-z_]+)"''')


def _section(page: str, title: str) -> str:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _first_cells(section: str) -> list[str]:
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return [name for cell in cells[1:] for name in re.findall(r"`([^`]+)`|\b([0-9]+)\b", cell) for name in name if name]


def test_every_kind_of_failure_is_in_the_table() -> None:
    """A retry policy can name any of them, so each has to be documented."""
    sources = [*ROOT.glob("adapters/mainspring/adapters/**/*.py"), *ROOT.glob("core/mainspring/core/*.py")]
    used = {kind for path in sources for kind in _KIND.findall(path.read_text(encoding="utf-8"))}
    assert {"exception", "lease_lost", "timeout", "dns", "status"} <= used
    assert used == set(_first_cells(_section("errors.md", "Why a run failed")))


def test_every_reason_to_give_up_is_in_the_table() -> None:
    """The reasons are the type's."""
    assert _first_cells(_section("errors.md", "Why a task was given up")) == list(get_args(GiveUpReason))


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    """Each code, and the code of each error."""
    from mainspring.cli import exits

    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    assert set(map(int, _first_cells(_section("errors.md", "Exit codes")))) == codes
    rows = re.findall(r"^\| `(\w+)`.*\| ([0-9]+) \|$", _section("errors.md", "Errors"), re.MULTILINE)
    assert {name: int(code) for name, code in rows} == {kind.__name__: code for kind, code in exits.CODES}


def test_the_settings_of_the_worker_have_the_defaults_that_are_shown() -> None:
    """The table of the configuration page."""
    defaults = EngineSettings()
    section = _section("configuration.md", "The worker")
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, re.MULTILINE))
    assert set(shown) == {field.name for field in attrs.fields(EngineSettings)}
    for name in ("lease", "grace", "poll"):
        assert shown[name].replace(" ", "") == format_duration(getattr(defaults, name))
    assert int(shown["concurrency"]) == defaults.concurrency
    assert int(shown["batch"]) == defaults.batch
