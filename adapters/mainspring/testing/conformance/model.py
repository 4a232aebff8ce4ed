"""The model-based suite: whatever is asked of a storage, in whatever order, it holds and answers what memory does.

After every step all that can be read is compared (states, histories, refusals, slot records) and held against the
invariants. Needs hypothesis, which shortens what it finds to the few steps that matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from mainspring.testing.conformance.schedule_rules import ScheduleRules
from mainspring.testing.conformance.sides import Side


def run_model(
    sides: Mapping[str, Side], *, examples: int, steps: int, words: bool = False, shorten: bool = True
) -> None:
    """Ask the memory storage and ``sides`` the same, ``examples`` times from the beginning, ``steps`` steps each.

    ``words``: refusals have to be worded alike, too. ``shorten``: look for the fewest steps that show a difference.
    """

    class Rules(ScheduleRules):
        """These sides."""

    Rules.compared, Rules.words = sides, words
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    phases = [phase for phase in Phase if shorten or phase not in (Phase.shrink, Phase.explain)]
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        print_blob=True,
        suppress_health_check=slow,
        phases=phases,
    )
    run_state_machine_as_test(Rules, settings=wanted)


class StorageModel(Side):
    """Subclass this as a test class and say in ``make_storage_on`` how to make a storage that goes by a clock.

    A storage whose clock cannot be replaced for a test cannot be shown by this suite.
    """

    examples: ClassVar[int] = 25
    steps: ClassVar[int] = 50

    def test_it_is_the_memory_storage(self) -> None:
        """With everything that can be asked mixed, and a clock that the test moves."""
        run_model({type(self).__name__: self}, examples=self.examples, steps=self.steps)
