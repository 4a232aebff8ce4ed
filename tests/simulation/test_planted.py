"""Planted bugs: a simulation that does not find them shows nothing by finding none."""

from __future__ import annotations

import pytest

from simulation.planted.planting import Bug
from simulation.planted.table import BUGS


def test_there_are_enough_of_them() -> None:
    """The design asks for at least 24."""
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 24


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    """Each is caught within 200 seeds, by the invariant that it breaks."""
    _, result = bug.hunt()
    noticed = {breach.partition(":")[0] for breach in result.breaches}
    assert noticed & bug.caught_by, result.breaches[:3]
