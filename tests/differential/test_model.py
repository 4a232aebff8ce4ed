"""Memory and SQLite side by side, with everything that can be asked of a storage mixed: they hold and answer the same.

After every step all that can be read is compared, and held against the invariants.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from differential.rules_of_schedules import ScheduleRules

pytestmark = pytest.mark.timeout(7_200)  # HYPOTHESIS_PROFILE=long lives 2,500 lives


def test_memory_and_sqlite_are_one_storage() -> None:
    """Whatever is asked of them, in whatever order, with the clock that the test moves."""
    examples = max(10, settings.default.max_examples // 2) if settings.default else 10
    run_state_machine_as_test(ScheduleRules, settings=settings(max_examples=examples, stateful_step_count=50))
