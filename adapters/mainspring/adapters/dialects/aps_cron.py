"""An APScheduler ``CronTrigger`` as a rule of ours: a cron, or an RRULE where weeks are numbered."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from mainspring.adapters.dialects.aps_fields import WEEKDAYS, CronTrigger, items
from mainspring.adapters.dialects.imported import Refused
from mainspring.core.recurrence import Cron, Recurrence, RRule
from mainspring.core.recurrence.cron_syntax import DayRule

_OUR_DAYS: Final = tuple(name.upper() for name in WEEKDAYS)
_RRULE_DAYS: Final = tuple(name[:2] for name in _OUR_DAYS)
_ALL_DAYS: Final = frozenset(range(7))


def to_recurrence(trigger: CronTrigger, zone: str, now: datetime) -> Recurrence | Refused:
    """Give the rule in our words; ``now`` is where an RRULE starts.

    Raises ``InvalidRecurrence`` for an unknown zone.
    """
    texts = trigger.texts
    if texts["year"] != "*":
        return Refused(
            what=f"year='{texts['year']}': a rule here has no years",
            cure="give the schedule a start and an end, or make a task for each instant",
        )
    if texts["week"] != "*":
        return _by_week(trigger, zone, now)
    day, weekday = _days(trigger)
    if day == "":
        return Refused(
            what=f"day='{texts['day']}' with day_of_week='{texts['day_of_week']}' cannot be said in one rule",
            cure="make one schedule of each of its items",
        )
    seconds = texts["second"] != "0"
    fields = [_plain(texts[name]) for name in (("second",) if seconds else ()) + ("minute", "hour")]
    text = " ".join([*fields, day, _plain(texts["month"]), weekday])
    return Cron.parse(text, zone, seconds=seconds, days=_joined(trigger, day, weekday))


def _plain(text: str) -> str:
    return ",".join(items(text)).upper()


def _joined(trigger: CronTrigger, day: str, weekday: str) -> DayRule:
    """Tell how our two day fields are joined: by OR only where ``day`` has numbers beside positions."""
    if trigger.day.positions and (trigger.day.numbers or trigger.day.last):
        return "or"
    return "debian" if "*" in (day, weekday) else "and"  # with a plain * the default is the same


def _days(trigger: CronTrigger) -> tuple[str, str]:
    """Give our two day fields; empty where they cannot say it."""
    weekdays = trigger.values["day_of_week"]
    plain = [item for item in items(trigger.texts["day"]) if item == "last" or item[-1].isdigit() or item == "*"]
    numbers = ",".join("L" if item == "last" else item for item in plain)
    if not trigger.day.positions:
        return numbers, "*" if weekdays == _ALL_DAYS else _named(weekdays)
    if weekdays != _ALL_DAYS:
        return "", ""
    places = [
        f"{_OUR_DAYS[weekday]}L" if position == 5 else f"{_OUR_DAYS[weekday]}#{position + 1}"
        for position, weekday in trigger.day.positions
    ]
    return numbers or "*", ",".join(places)


def _named(weekdays: frozenset[int]) -> str:
    """Name days of the week, as a range where they are one."""
    days = sorted(weekdays)
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        return f"{_OUR_DAYS[days[0]]}-{_OUR_DAYS[days[-1]]}"
    return ",".join(_OUR_DAYS[day] for day in days)


def _by_week(trigger: CronTrigger, zone: str, now: datetime) -> Recurrence | Refused:
    """Weeks are numbered as in ISO 8601 by RFC 5545 too: FREQ=YEARLY;BYWEEKNO (section 3.3.10)."""
    if trigger.texts["month"] != "*" or trigger.texts["day"] != "*":
        return Refused(
            what=f"week='{trigger.texts['week']}' together with month or day cannot be said in one rule",
            cure="leave out month and day, or make a schedule for each",
        )

    def listed(name: str) -> str:
        return ",".join(str(value) for value in sorted(trigger.values[name]))

    days = ",".join(_RRULE_DAYS[day] for day in sorted(trigger.values["day_of_week"]))
    text = f"FREQ=YEARLY;BYWEEKNO={listed('week')};BYDAY={days};BYHOUR={listed('hour')};BYMINUTE={listed('minute')}"
    return RRule.parse(f"{text};BYSECOND={listed('second')}", timezone=zone, dtstart=now)
