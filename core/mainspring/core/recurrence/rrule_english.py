"""English."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mainspring.core.recurrence.rrule import RRule


def explain_set(rrule: RRule) -> str:
    """X."""
    return ""
