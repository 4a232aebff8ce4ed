"""Memory, SQLite and Postgres side by side, with all that can be asked of a storage mixed: they are one storage.

After every step all that can be read is compared, and held against the invariants.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from differential.rules_of_schedules import ScheduleRules

pytestmark = pytest.mark.timeout(7_200)  # HYPOTHESIS_PROFILE=long lives 2,500 lives


def _examples(share: int) -> int:
    return max(10, settings.default.max_examples // share) if settings.default else 10


def test_memory_and_sqlite_are_one_storage() -> None:
    """Whatever is asked of them, in whatever order, with the clock that the test moves."""
    run_state_machine_as_test(ScheduleRules, settings=settings(max_examples=_examples(2), stateful_step_count=50))


def test_postgres_is_that_storage_too(postgres_url: str) -> None:
    """The same as a third one: its clock is overridden by the one that the test moves."""

    class Rules(ScheduleRules):
        database = postgres_url

    run_state_machine_as_test(Rules, settings=settings(max_examples=_examples(5), stateful_step_count=50))
