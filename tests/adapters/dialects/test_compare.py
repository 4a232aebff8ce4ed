"""The comparison of a year: whole where it can be listed, else where schedulers disagree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from adapters.dialects.reading import START, carried
from mainspring.adapters.dialects import Carried, compare, year_after
from mainspring.core.recurrence import Cron


class _Fires:
    """A clock that fires at given instants."""

    def __init__(self, *instants: datetime) -> None:
        self.instants = instants

    def fires(self, start: datetime, end: datetime) -> Iterator[datetime]:
        return (instant for instant in self.instants if start < instant <= end)


def test_lost_and_gained_are_the_two_differences() -> None:
    """In order, and no policy is named where none keeps them."""
    noon = datetime(2027, 3, 1, 12, tzinfo=UTC)
    new_year = Cron.parse("0 0 1 6 *")
    found = compare(Carried(recurrence=new_year, clock=None), _Fires(noon, noon + timedelta(days=1)), START)
    assert found.lost == (noon, noon + timedelta(days=1))
    assert found.gained == (datetime(2027, 6, 1, tzinfo=UTC),)
    assert (found.whole, found.before, found.after, found.changes, found.kept_by) == (True, 2, 1, 3, None)


def test_a_year_ends_a_year_later() -> None:
    """29 February has 1 March."""
    assert year_after(datetime(2028, 2, 29, 6, tzinfo=UTC)) == datetime(2029, 3, 1, 6, tzinfo=UTC)
    assert year_after(START) == datetime(2028, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    [
        "* * * * * x",
        "*/7 * * * * x",
        [{"id": "x", "trigger": {"second": "*"}}],
        {"x": {"schedule": {"minute": "*"}}},
        {"x": {"schedule": 0.001}},
        [{"id": "x", "trigger": {"week": "53", "day_of_week": "sun", "hour": "*", "minute": "*", "second": "*"}}],
    ],
)
def test_a_comparison_is_bounded(content: object) -> None:
    """Whatever the rule, within two seconds of processor time; a tenth of that is usual."""
    found = carried(content)
    assert found.clock is not None
    began = time.process_time()
    compare(found, found.clock, START)
    assert time.process_time() - began < 2


def test_a_window_that_is_over_compares_nothing() -> None:
    """A schedule that ended before the year."""
    over = Carried(recurrence=Cron.parse("@daily"), clock=None, end=datetime(2026, 1, 1, tzinfo=UTC))
    found = compare(over, _Fires(), START)
    assert (found.before, found.after, found.changes) == (0, 0, 0)
