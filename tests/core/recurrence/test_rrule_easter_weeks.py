"""BYEASTER beside BYWEEKNO: the two limit each other."""

from __future__ import annotations

from datetime import UTC, datetime

from dateutil.easter import easter

from mainspring.core.recurrence import RRule, between


def test_easter_in_a_numbered_week() -> None:
    """Easter Sundays, but only those of week 14 (RFC 5545 counts weeks as ISO 8601 does); also as the first of each."""
    start = datetime(1990, 1, 1, 9, tzinfo=UTC)
    expected = [day for day in (easter(year) for year in range(1990, 2090)) if day.isocalendar().week == 14]
    assert len(expected) > 10
    for text in ("FREQ=YEARLY;BYWEEKNO=14;BYEASTER=0", "FREQ=YEARLY;BYWEEKNO=14;BYEASTER=0;BYSETPOS=1"):
        found = between(RRule.parse(text, dtstart=start), start, datetime(2090, 1, 1, tzinfo=UTC))
        assert [instant.date() for instant in found] == expected
