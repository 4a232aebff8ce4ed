"""BYEASTER beside BYWEEKNO: the two limit each other."""

from __future__ import annotations

from datetime import UTC, datetime

from dateutil.easter import easter

from mainspring.core.recurrence import RRule, between


def test_easter_in_a_numbered_week() -> None:
    """Easter Sundays, but only those of week 14 (RFC 5545 counts weeks as ISO 8601 does)."""
    rule = RRule.parse("FREQ=YEARLY;BYWEEKNO=14;BYEASTER=0", dtstart=datetime(1990, 1, 1, 9, tzinfo=UTC))
    found = between(rule, datetime(1990, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC))
    sundays = [easter(year) for year in range(1990, 2090)]
    assert [instant.date() for instant in found] == [day for day in sundays if day.isocalendar().week == 14]
    assert len(found) > 10
