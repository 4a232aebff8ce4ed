"""Rules in English: what is said, and that nothing is said that is a default."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mainspring.core.recurrence.rrule import RRule

START = datetime(2026, 1, 20, 8, 0, tzinfo=UTC)

SAID = [
    ("FREQ=MONTHLY;BYDAY=3TU", "Every month on the third Tuesday at 09:00"),
    ("FREQ=DAILY", "Every day at 09:00"),
    ("FREQ=DAILY;BYHOUR=9,17;BYMINUTE=30", "Every day at 09:30 and 17:30"),
    ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0;BYSECOND=5", "Every day at 09:00:05"),
    ("FREQ=DAILY;BYHOUR=9,10,11,13,15;BYMINUTE=0,30", "Every day at minutes 0 and 30 of hours 9 to 11, 13 and 15"),
    ("FREQ=DAILY;BYHOUR=9,10,11;BYMINUTE=0;BYSECOND=0,10,20", "Every day at seconds 0, 10 and 20 of minute 0 of hours 9 to 11"),
    ("FREQ=DAILY;BYMONTH=1", "Every day in January at 09:00"),
    ("FREQ=DAILY;BYMONTHDAY=1,-1;BYMONTH=1,2", "Every day on day 1 and the last day of January and February at 09:00"),
    ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "Every day from Monday to Friday at 09:00"),
    ("FREQ=WEEKLY", "Every week on Tuesday at 09:00"),
    ("FREQ=WEEKLY;BYDAY=MO,WE;WKST=SU", "Every week on Monday and Wednesday at 09:00"),
    (
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;WKST=SU;COUNT=10",
        "Every 2 weeks on Monday and Wednesday at 09:00 (weeks begin on Sunday), 10 times, counted from 20 January 2026",
    ),
    ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1;WKST=SU", "Every week on Monday and Tuesday at 09:00 (only the first of these in each week) (weeks begin on Sunday)"),
    ("FREQ=MONTHLY", "Every month on day 20 at 09:00"),
    ("FREQ=MONTHLY;BYMONTHDAY=1,15", "Every month on days 1 and 15 at 09:00"),
    ("FREQ=MONTHLY;BYMONTHDAY=-1,-3", "Every month on the last day and the third to last day at 09:00"),
    ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "Every month on day 13 if that is a Friday at 09:00"),
    ("FREQ=MONTHLY;BYDAY=1FR,SU;BYMONTHDAY=1,2,3", "Every month on days 1 to 3 if that is every Sunday or the first Friday at 09:00"),
    ("FREQ=MONTHLY;BYDAY=-2MO,-1FR", "Every month on the second to last Monday and the last Friday at 09:00"),
    ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-2,1", "Every month on every Monday and Tuesday at 09:00 (only the first and second to last of these in each month)"),
    ("FREQ=YEARLY", "Every year on day 20 of January at 09:00"),
    ("FREQ=YEARLY;BYMONTHDAY=13", "Every year on day 13 of the month at 09:00"),
    ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "Every year on day 29 of February at 09:00"),
    ("FREQ=YEARLY;BYWEEKNO=20", "Every year on Tuesday in week 20 of the year at 09:00"),
    ("FREQ=YEARLY;BYWEEKNO=1,-1;BYDAY=MO;WKST=SU", "Every year on Monday in week 1 and the last week of the year at 09:00 (weeks begin on Sunday)"),
    ("FREQ=YEARLY;BYDAY=20MO,21TU,22WE,23TH,11FR,-12SA", "Every year on the 12th to last Saturday, the 11th Friday, the 20th Monday, the 21st Tuesday, the 22nd Wednesday and the 23rd Thursday of the year at 09:00"),
    ("FREQ=YEARLY;BYDAY=1MO;BYMONTH=9", "Every year on the first Monday in September at 09:00"),
    ("FREQ=YEARLY;BYYEARDAY=1,100,-1", "Every year on days 1 and 100 and the last day of the year at 09:00"),
    ("FREQ=YEARLY;BYYEARDAY=1;BYMONTH=1", "Every year on day 1 of the year in January at 09:00"),
    ("FREQ=YEARLY;BYYEARDAY=1;BYMONTHDAY=1", "Every year on day 1 of the year on day 1 at 09:00"),
    ("FREQ=YEARLY;BYEASTER=-2,-1,0,1,39", "Every year on 2 days before Easter Sunday, the day before Easter Sunday, Easter Sunday, the day after Easter Sunday and 39 days after Easter Sunday at 09:00"),
    ("FREQ=YEARLY;BYMONTH=1;BYDAY=MO", "Every year on every Monday in January at 09:00"),
    ("FREQ=YEARLY;BYYEARDAY=-111,-113,-14", "Every year on the 14th to last day, the 111th to last day and the 113th to last day of the year at 09:00"),
    ("FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=0,30", "Every day at 01:00, 01:30, 02:00, 02:30, 03:00 and 03:30"),
    ("FREQ=HOURLY", "Every hour at minute 0"),
    ("FREQ=HOURLY;BYMINUTE=0,30;BYHOUR=9,10,11", "Every hour at minutes 0 and 30 in hours 9 to 11"),
    ("FREQ=HOURLY;INTERVAL=3;UNTIL=20260902T170000Z", "Every 3 hours, until 2 September 2026 17:00 UTC, counted from 20 January 2026 09:00"),
    ("FREQ=MINUTELY;BYDAY=MO;BYMONTHDAY=1;BYYEARDAY=5;BYMONTH=3;BYEASTER=0;UNTIL=20260902", "Every minute on Monday on day 1 of the month on day 5 of the year in March on Easter Sunday, until 2 September 2026 00:00"),
    ("FREQ=SECONDLY;INTERVAL=10;BYSECOND=0;UNTIL=20260902T010203", "Every 10 seconds at second 0, until 2 September 2026 01:02:03, counted from 20 January 2026 09:00"),
    ("FREQ=DAILY;COUNT=1", "Every day at 09:00, 1 time, counted from 20 January 2026"),
    ("FREQ=MONTHLY;RSCALE=GREGORIAN;SKIP=BACKWARD", "Every month on day 20 at 09:00 (a date that does not exist moves to the day before)"),
    ("FREQ=YEARLY;RSCALE=GREGORIAN;SKIP=FORWARD", "Every year on day 20 of January at 09:00 (a date that does not exist moves to the day after)"),
    ("FREQ=DAILY;RSCALE=GREGORIAN;SKIP=FORWARD", "Every day at 09:00"),
    ("RDATE:20260101T000000Z", "On 1 date"),
    ("RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY", "Every day at 09:00; and every week on Tuesday at 09:00"),
    ("RRULE:FREQ=DAILY\nRDATE:20260101,20260102", "Every day at 09:00; and on 2 more dates"),
    ("RRULE:FREQ=DAILY\nEXDATE:20260101T000000Z\nEXDATE:20260102", "Every day at 09:00; except 2 dates"),
    ("RRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY;BYDAY=SA,SU\nEXDATE:20260101", "Every day at 09:00; except every week on Saturday and Sunday at 09:00 and 1 date"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), SAID)
def test_a_rule_is_said_in_english(text: str, said: str) -> None:
    """Each rule has one sentence, with what DTSTART gives, a 24-hour clock, and the zone's name at the end."""
    assert RRule.parse(text, "Europe/Berlin", START).explain() == f"{said}, Europe/Berlin"


def test_seconds_of_dtstart_are_said_where_they_are_any() -> None:
    """An HOURLY or MINUTELY rule whose DTSTART has seconds says them, as it says its minute."""
    odd = START.replace(minute=5, second=7)
    assert RRule.parse("FREQ=HOURLY", "UTC", odd).explain() == "Every hour at second 7 at minute 5, UTC"
    assert RRule.parse("FREQ=MINUTELY", "UTC", odd).explain() == "Every minute at second 7, UTC"
    assert RRule.parse("FREQ=SECONDLY", "UTC", odd).explain() == "Every second, UTC"
    assert RRule.parse("FREQ=HOURLY;INTERVAL=2;COUNT=2", "UTC", odd).explain() == (
        "Every 2 hours at second 7, 2 times, counted from 20 January 2026 08:05:07, UTC"
    )


def test_a_day_has_no_time() -> None:
    """Where DTSTART is a date no time of day is said."""
    assert RRule.parse("DTSTART:20260120\nRRULE:FREQ=DAILY").explain() == "Every day, UTC"
    sets = RRule.parse("DTSTART:20260120\nRRULE:FREQ=DAILY\nEXRULE:FREQ=WEEKLY")
    assert sets.explain() == "Every day; except every week on Tuesday, UTC"


def test_policies_are_said_where_they_are_not_the_default() -> None:
    """A gap or fold policy that is not RFC 5545's is said, but for rules of elapsed time, which have none."""
    skip = RRule.parse("FREQ=DAILY", "Europe/Berlin", START, gap="skip", fold="both").explain()
    assert skip == (
        "Every day at 09:00, Europe/Berlin (local times that a clock change leaves out are skipped; "
        "local times that happen twice run both times)"
    )
    after = RRule.parse("FREQ=DAILY", "Europe/Berlin", START, gap="after").explain()
    assert after.endswith("(local times that a clock change leaves out run right after it)")
    second = RRule.parse("FREQ=DAILY", "Europe/Berlin", START, fold="second").explain()
    assert second.endswith("(local times that happen twice run the second time)")
    assert RRule.parse("FREQ=HOURLY", "UTC", START, gap="skip", fold="both").explain() == "Every hour at minute 0, UTC"
