"""Slow, obviously right: the main loop of Debian's cron on a clock that we set, and a matcher made of sets.

Nothing here is shared with mainspring. ``fires`` wakes at every real minute (every second where an offset has odd
seconds), as cron does, keeps cron's virtual time, and asks the matcher which jobs to run. It was written from the
comments and cases of the loop in Vixie's cron.c, which Debian ships.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MINUTE = 60


@lru_cache(maxsize=4096)
def expand(text: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    """The values of one plain field: lists of *, a, a-b, with steps, a/n and wrapping ranges."""
    values: set[int] = set()
    for item in text.split(","):
        body, _, step = item.partition("/")
        if body == "*":
            run = list(range(low, high + 1))
        elif "-" in body:
            first, last = (number(end, low, names) for end in body.split("-"))
            run = [first]
            top = 6 if high == 7 and first > last else high
            if high == 7 and first == 7 and last < 7:
                run = [0]
            while run[-1] != last:
                run.append(low if run[-1] == top else run[-1] + 1)
        elif step:
            run = list(range(number(body, low, names), high + 1))
        else:
            run = [number(body, low, names)]
        values.update(run[:: int(step or 1)])
    return frozenset(values)


def number(text: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(text.upper()) + low if text.upper() in names else int(text)


@lru_cache(maxsize=65536)
def day_of_month_matches(field: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    for item in field.split(","):
        if item == "L":
            wanted = {length}
        elif item == "LW":
            wanted = {nearest_weekday(day, length, length)}
        elif item.endswith("W"):
            number_of_day = int(item[:-1])
            wanted = {nearest_weekday(day, number_of_day, length)} if number_of_day <= length else set()
        else:
            wanted = expand("*" if item == "?" else item, 1, 31, ())
        if day.day in wanted:
            return True
    return False


def nearest_weekday(month: date, day: int, length: int) -> int:
    """Of Monday to Friday in the same month, the day with the smallest distance."""
    working = [d for d in range(1, length + 1) if month.replace(day=d).weekday() < 5]
    return min(working, key=lambda d: abs(d - day))


@lru_cache(maxsize=65536)
def day_of_week_matches(field: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    today = day.isoweekday() % 7
    for item in field.split(","):
        if "#" in item:
            weekday, nth = item.split("#")
            hit = number(weekday, 0, WEEKDAYS) % 7 == today and (day.day - 1) // 7 + 1 == int(nth)
        elif item.upper().endswith("L"):
            hit = number(item[:-1], 0, WEEKDAYS) % 7 == today and day.day + 7 > length
        else:
            hit = today in {value % 7 for value in expand("*" if item == "?" else item, 0, 7, WEEKDAYS)}
        if hit:
            return True
    return False


def matches(text: str, civil: datetime, days: str = "debian") -> bool:
    """Whether a five-field text matches the minute of a civil time."""
    minute, hour, day, month, weekday = text.split()
    if civil.minute not in expand(minute, 0, 59, ()) or civil.hour not in expand(hour, 0, 23, ()):
        return False
    if civil.month not in expand(month, 1, 12, MONTHS):
        return False
    by_date, by_weekday = day_of_month_matches(day, civil.date()), day_of_week_matches(weekday, civil.date())
    either_is_starred = day[0] in "*?" or weekday[0] in "*?"
    if days == "or":
        either_is_starred = day in ("*", "?", "*/1") or weekday in ("*", "?", "*/1")
    if days == "and" or either_is_starred:
        return by_date and by_weekday
    return by_date or by_weekday


def is_wildcard(text: str) -> bool:
    minute, hour, *_ = text.split()
    return minute[0] == "*" or hour[0] == "*"


def wake_ups(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """The real instants at which the local minute is a new one, with that minute counted since the epoch."""
    odd = any((start + k * (end - start) / 8).astimezone(zone).utcoffset().seconds % 60 for k in range(9))
    step = timedelta(seconds=1 if odd else 60)
    instant, seen = start, None
    while instant <= end:
        offset = instant.astimezone(zone).utcoffset()
        local = int(((instant - datetime(1970, 1, 1, tzinfo=UTC)) + offset).total_seconds() // MINUTE)
        if local != seen:
            yield instant, local
        seen = local
        instant += step


def civil_of(minute: int) -> datetime:
    return datetime.fromisoformat("1970-01-01") + timedelta(minutes=minute)


def fires(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The instants in (start, end] at which Debian's cron, running since ``start``, would run the job."""
    wildcard = is_wildcard(text)
    ran: list[datetime] = []
    virtual: int | None = None
    for instant, running in wake_ups(zone, start, end):
        if virtual is None:
            virtual = running
            continue
        wild_minutes: list[int] = []
        fixed_minutes: list[int] = []
        difference = running - virtual
        if difference == 1:  # the common case
            virtual = running
            wild_minutes, fixed_minutes = [running], [running]
        elif 1 < difference <= 3 * MINUTE:  # the clock went forward: make up the fixed jobs of each minute missed
            wild_minutes, fixed_minutes = [running], list(range(virtual + 1, running + 1))
            virtual = running
        elif -3 * MINUTE < difference <= 0:  # the clock went back: the fixed jobs have run; wait for virtual time
            wild_minutes = [running]
        else:  # a correction: jump, and run everything
            virtual = running
            wild_minutes, fixed_minutes = [running], [running]
        due = fixed_minutes
        if wildcard:
            due = wild_minutes if starts_minute(instant, zone) else []
        if any(matches(text, civil_of(minute)) for minute in due):
            ran.append(instant)
    return ran


def starts_minute(instant: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall clock reads a whole minute; after a shift by odd seconds the loop first wakes in mid-minute."""
    return instant.astimezone(zone).second == 0


def next_civil(text: str, after: datetime, days: str = "debian", horizon_days: int = 400 * 366) -> datetime | None:
    """The first civil minute after ``after`` that matches: day by day, then minute by minute."""
    _minute, _hour, day_field, month_field, weekday_field = text.split()
    day = after.date()
    for _ in range(horizon_days):
        any_time = f"* * {day_field} {month_field} {weekday_field}"
        if matches(any_time, datetime.combine(day, time()), days):
            for minute in range(1440):
                civil = datetime.combine(day, time()) + timedelta(minutes=minute)
                if civil > after and matches(text, civil, days):
                    return civil
        if day == date.max:
            return None
        day += timedelta(days=1)
    return None


@lru_cache(maxsize=64)
def real_minutes(zone: ZoneInfo, start: datetime, end: datetime) -> dict[datetime, list[datetime]]:
    """Each civil minute that is real between two instants, with the instants at which the wall clock shows it."""
    table: dict[datetime, list[datetime]] = {}
    instant = start
    while instant <= end:
        table.setdefault(instant.astimezone(zone).replace(tzinfo=None, fold=0), []).append(instant)
        instant += timedelta(minutes=1)
    return table


def fires_by_policy(
    text: str, zone: ZoneInfo, start: datetime, end: datetime, *, gap: str, fold: str
) -> list[datetime]:
    """The instants in (start, end] by a named policy: each civil minute looked up in the table of real ones."""
    table = real_minutes(zone, start - timedelta(days=2), end + timedelta(days=2))
    found: set[datetime] = set()
    civil, last = min(table), max(table)
    while civil <= last:
        if matches(text, civil):
            found.update(meant(table, civil, zone, gap, fold))
        civil += timedelta(minutes=1)
    return sorted(instant for instant in found if start < instant <= end)


def meant(
    table: dict[datetime, list[datetime]], civil: datetime, zone: ZoneInfo, gap: str, fold: str
) -> list[datetime]:
    real = table.get(civil)
    if real is not None:
        return {"first": real[:1], "second": real[-1:], "both": real}[fold]
    if gap == "skip":
        return []
    if gap == "after":
        return [table[min(later for later in table if later > civil)][0]]
    last_before = table[max(earlier for earlier in table if earlier < civil)][-1]
    return [(civil - last_before.astimezone(zone).utcoffset()).replace(tzinfo=UTC)]
