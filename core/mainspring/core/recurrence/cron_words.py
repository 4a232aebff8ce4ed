"""A cron in plain English, from its fields: ``At 02:30 on Monday to Friday``; the clock has 24 hours."""

from __future__ import annotations

from typing import Final

from mainspring.core.recurrence.cron_syntax import Days, Fields
from mainspring.core.recurrence.wording import MONTHS, ORDINALS, WEEKDAYS, joined, members, named, stride

MAX_CLOCK_TIMES: Final = 6

_MONTH_NAMES: Final = ("", *MONTHS)
_DAY_NUMBERS: Final = tuple(str(day) for day in range(32))
_ALL_MONTHS: Final = (1 << 13) - 2
_ALL_DAYS: Final = (1 << 32) - 2
_ALL_WEEKDAYS: Final = (1 << 7) - 1


def sentence(fields: Fields) -> str:
    """Say when the fields match, beginning with a capital letter, without a zone and a full stop."""
    times, days = _times(fields), _days(fields)
    if not days and _clock_times(fields):
        days = "every day"
    words = f"{times} {days}" if days else times
    return words[0].upper() + words[1:]


def _times(fields: Fields) -> str:
    clock_times = _clock_times(fields)
    if clock_times:
        return f"at {joined(clock_times)}"
    seconds, minutes, hours = members(fields.seconds), members(fields.minutes), members(fields.hours)
    second = "" if seconds == [0] else _unit(seconds, "second")
    if not second and minutes == [0] and _even(hours, 24):
        return "every hour, on the hour" if len(hours) == 24 else f"every {24 // len(hours)} hours, on the hour"
    minute = _unit(minutes, "minute")
    if second and minute == "every minute":
        minute = "" if second.startswith("every") else "of every minute"
    return " ".join(word for word in (second, minute, _hours(hours, minute)) if word)


def _clock_times(fields: Fields) -> list[str]:
    """Give the times of a day where they are few enough to be told one by one."""
    seconds, minutes, hours = members(fields.seconds), members(fields.minutes), members(fields.hours)
    if len(seconds) > 1 or len(minutes) * len(hours) > MAX_CLOCK_TIMES:
        return []
    return [_clock(hour, minute, seconds[0]) for hour in hours for minute in minutes]


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def _unit(values: list[int], unit: str) -> str:
    """Name seconds or minutes: all, in even steps, in some steps, or one by one."""
    if len(values) == 60:
        return f"every {unit}"
    if _even(values, 60):
        return f"every {60 // len(values)} {unit}s"
    step = stride(values)
    if step > 1:
        return f"every {step} {unit}s from {unit} {values[0]} to {values[-1]}"
    return f"at {unit}{'s' if len(values) > 1 else ''} {named(values, [str(n) for n in range(60)])}"


def _even(values: list[int], whole: int) -> bool:
    """Tell whether the values divide the whole evenly, from 0 on, also over its end."""
    return len(values) > 1 and values == list(range(0, whole, whole // len(values))) and whole % len(values) == 0


def _hours(hours: list[int], minute: str) -> str:
    if len(hours) == 24:
        return "" if minute in ("", "of every minute") or minute.startswith("every") else "of every hour"
    if hours == list(range(hours[0], hours[-1] + 1)):
        return f"from {hours[0]:02}:00 to {hours[-1]:02}:59"
    step = stride(hours)
    if step:
        return f"in every {_ordinal(step)} hour from {hours[0]:02} to {hours[-1]:02}"
    return f"in the hours {joined([f'{hour:02}' for hour in hours])}"


def _ordinal(number: int) -> str:
    return str(number) + {2: "nd", 3: "rd"}.get(number, "th")


def _days(fields: Fields) -> str:
    days = fields.days
    months = "" if fields.months == _ALL_MONTHS else named(members(fields.months), _MONTH_NAMES)
    by_date = "" if days.month_days == _ALL_DAYS else _by_date(days, months)
    by_weekday = "" if days.weekdays == _ALL_WEEKDAYS else _by_weekday(days, months)
    if by_date and by_weekday:
        chosen = f"on {by_date} if that is {by_weekday}" if days.both else f"on {by_date} or on {by_weekday}"
    elif days.both:
        chosen = f"on {by_date or by_weekday}" if by_date or by_weekday else ""
    else:  # one of two fields joined by OR holds on every day
        chosen = ""
    return chosen or (f"every day in {months}" if months else "")


def _by_date(days: Days, months: str) -> str:
    numbers = members(days.month_days)
    words = [_day_numbers(numbers)] if numbers else []
    words += [f"the weekday (Monday to Friday) nearest to day {day}" for day in members(days.nearest)]
    if days.last:
        words.append("the last day")
    if days.last_weekday:
        words.append("the last weekday (Monday to Friday)")
    return f"{joined(words)} of {months or 'the month'}"


def _day_numbers(numbers: list[int]) -> str:
    step = stride(numbers)
    if step > 1 and len(numbers) > 3:
        return f"every {_ordinal(step)} day from {numbers[0]} to {numbers[-1]}"
    return f"day{'s' if len(numbers) > 1 else ''} {named(numbers, _DAY_NUMBERS)}"


def _by_weekday(days: Days, months: str) -> str:
    plain = members(days.weekdays)
    special = [
        f"the {ORDINALS[week]} {WEEKDAYS[weekday]}"
        for week, weekdays in enumerate(days.nth)
        for weekday in members(weekdays)
    ]
    special += [f"the last {WEEKDAYS[weekday]}" for weekday in members(days.last_of)]
    words = [_weekday_names(plain) + (f" in {months}" if months else "")] if plain else []
    if special:
        words.append(f"{joined(special)} of {months or 'the month'}")
    return joined(words)


def _weekday_names(weekdays: list[int]) -> str:
    """Name days of the week with Sunday last, as in ``Friday to Sunday``."""
    sunday_last = sorted((weekday - 1) % 7 for weekday in weekdays)
    return named(sunday_last, (*WEEKDAYS[1:], WEEKDAYS[0]))
