"""What the core offers by its own name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mainspring.core as core
from mainspring.core import recurrence


def test_the_recurrences_are_offered_by_the_core_itself() -> None:
    """The fixed interface: those who want only them need know no module."""
    assert {name: getattr(core, name) for name in core.__all__} == {
        name: getattr(recurrence, name) for name in core.__all__
    }
    with pytest.raises(AttributeError, match="has no attribute 'Crom'"):
        _ = core.Crom  # type: ignore[attr-defined]


def test_they_are_loaded_only_when_asked_for() -> None:
    """The command line shows its help without them."""
    code = "import sys, mainspring.core.errors; print('mainspring.core.recurrence' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False\n"
