"""What a bulk operation comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

from mainspring.core.errors import Conflict
from mainspring.core.machine import Decision
from mainspring.core.ports import Refused

MAX_PAGES: Final = 10_000
"""How many pages of tasks one bulk operation walks at most."""


@frozen(kw_only=True)
class BulkResult:
    """How many tasks matched, how many were (or, in a dry run, would be) changed, and why others were not.

    ``more``: there were more than ``MAX_PAGES`` pages; ask again for the rest.
    """

    matched: int = 0
    done: int = 0
    refused: Mapping[str, int] = field(factory=dict[str, int])
    more: bool = False


def deleted_of(result: BulkResult, found: int, deleted: int) -> BulkResult:
    """Add a page of tasks to be deleted; those that were not had moved on since they were found, or were gone."""
    kept = result.refused.get(Conflict.__name__, 0) + found - deleted
    return BulkResult(
        matched=result.matched + found,
        done=result.done + deleted,
        refused={Conflict.__name__: kept} if kept else {},
    )


def counted(result: BulkResult, answers: Sequence[Decision | Refused]) -> BulkResult:
    """Add the answers for a page of tasks."""
    reasons = Counter(result.refused)
    for answer in answers:
        if isinstance(answer, Refused):
            reasons[type(answer.error).__name__] += 1
    refused = sum(isinstance(answer, Refused) for answer in answers)
    return BulkResult(
        matched=result.matched + len(answers),
        done=result.done + len(answers) - refused,
        refused=dict(sorted(reasons.items())),
    )
