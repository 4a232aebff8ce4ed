"""The 28 kinds of month, each with every form of the day fields."""

from __future__ import annotations

import calendar
from datetime import date

import pytest

from core.recurrence.debian_loop import day_of_month_matches, day_of_week_matches
from mainspring.core.recurrence.cron_masks import month_masks
from mainspring.core.recurrence.cron_syntax import read

DAY_FORMS = [
    *(f"{day}W" for day in range(1, 32)),
    *(str(day) for day in range(1, 32)),
    *("L", "LW", "3,LW", "L,LW", "1,15W,L", "1W,15W,31W", "2,L", "LW,31W,8", "*/7", "10-20/3"),
]
WEEKDAY_FORMS = [
    *(f"{weekday}#{week}" for weekday in range(8) for week in range(1, 6)),
    *(f"{weekday}L" for weekday in range(8)),
    *(str(weekday) for weekday in range(8)),
    *("1,5L", "1#1,5L,3", "0#5,7#1", "2L,4L,4#5", "6-2", "1-5", "1/3", "5-7", "7-2", "1#1,3#1", "2#3,3#3"),
]
MONTHS = {
    (date(year, month, 1).isoweekday() % 7, calendar.monthrange(year, month)[1]): date(year, month, 1)
    for year in range(2000, 2028)
    for month in range(1, 13)
}


def days_of(text: str, first: int, length: int) -> list[int]:
    mask = month_masks.__wrapped__(read(text, seconds=False, days="debian").days)[first * 4 + length - 28]
    return [day for day in range(40) if mask >> day & 1]


def test_there_are_28_kinds_of_month() -> None:
    """Seven first weekdays by four lengths, and a generation of years has them all."""
    assert len(MONTHS) == 28


@pytest.mark.parametrize("form", DAY_FORMS)
def test_a_day_of_month_in_every_kind_of_month(form: str) -> None:
    """Dates, the last day, the last weekday and the nearest weekday fall where the calendar says, and nowhere else."""
    for (first, length), month in MONTHS.items():
        expected = [d for d in range(1, length + 1) if day_of_month_matches(form, month.replace(day=d))]
        assert days_of(f"0 0 {form} * *", first, length) == expected


@pytest.mark.parametrize("form", WEEKDAY_FORMS)
def test_a_day_of_week_in_every_kind_of_month(form: str) -> None:
    """Days of the week, the nth and the last of them fall where the calendar says, and nowhere else."""
    for (first, length), month in MONTHS.items():
        expected = [d for d in range(1, length + 1) if day_of_week_matches(form, month.replace(day=d))]
        assert days_of(f"0 0 * * {form}", first, length) == expected


@pytest.mark.parametrize(("day", "weekday"), [("13", "5"), ("L", "1"), ("15W", "2#2"), ("1-7", "0L"), ("31", "4")])
def test_one_field_is_enough_or_both_must_match(day: str, weekday: str) -> None:
    """OR joins what both fields allow, in every kind of month."""
    for (first, length), month in MONTHS.items():
        dates = [month.replace(day=d) for d in range(1, length + 1)]
        expected = [d.day for d in dates if day_of_month_matches(day, d) or day_of_week_matches(weekday, d)]
        assert days_of(f"0 0 {day} * {weekday}", first, length) == expected
