"""A recurrence set in plain English: when it is, in which zone, and what it leaves out.

A 24-hour clock, numbers as the rule has them, and nothing that is a default: a part that the rule takes from DTSTART
is said (the time of day, the weekday), DTSTART itself only where INTERVAL counts from it.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from mainspring.core.recurrence.dst import Fold, Gap
from mainspring.core.recurrence.rrule_days import fill
from mainspring.core.recurrence.rrule_elapsed import UNITS
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS, Rule, Until

_UNIT: Final = {
    "SECONDLY": "second", "MINUTELY": "minute", "HOURLY": "hour", "DAILY": "day",
    "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year",
}  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ORDINALS: Final = ("", "first", "second", "third", "fourth", "fifth")
_MOST_TIMES: Final = 6  # times of day that are told one by one
_GAPS: Final[dict[Gap, str]] = {
    "skip": "local times that a clock change leaves out are skipped",
    "after": "local times that a clock change leaves out run right after it",
    "offset_before": "",
}
_FOLDS: Final[dict[Fold, str]] = {
    "second": "local times that happen twice run the second time",
    "both": "local times that happen twice run both times",
    "first": "",
}


def explain_rule(rule: Rule, start: int, *, all_day: bool = False) -> str:
    """Say one rule, begun at the local time ``start`` (seconds), without its zone.

    ``Every month on the third Tuesday at 09:00``.
    """
    if rule.freq in UNITS:
        clauses = [_every(rule), *_elapsed_dates(rule), *_elapsed_times(rule, start)]
    else:
        filled = fill(rule, start)
        clauses = [_every(rule), *_dates(filled), "" if all_day else _times(filled)]
    clauses += [_positions(rule), _skip(rule), _weeks(rule)]
    said = " ".join(clause for clause in clauses if clause)
    return ", ".join(part for part in (said, _end(rule), _since(rule, start)) if part)


def explain_set(
    rules: list[str], exrules: list[str], rdates: int, exdates: int, *, timezone: str, gap: Gap, fold: Fold
) -> str:
    """Say a whole set.

    Its rules as ``explain_rule`` says them, how many dates are added and left out, zone and policies.
    """
    said = "; and ".join([rules[0], *(_lower(rule) for rule in rules[1:])]) if rules else ""
    if rdates:
        said = f"{said}; and on {_count(rdates, 'more date')}" if said else f"On {_count(rdates, 'date')}"
    left_out = [_lower(rule) for rule in exrules] + ([_count(exdates, "date")] if exdates else [])
    if left_out:
        said += f"; except {_and(left_out)}"
    policies = "; ".join(text for text in (_GAPS[gap], _FOLDS[fold]) if text)
    return f"{said}, {timezone}" + (f" ({policies})" if policies else "")


def _every(rule: Rule) -> str:
    unit = _UNIT[rule.freq]
    return f"Every {unit}" if rule.interval == 1 else f"Every {rule.interval} {unit}s"


def _dates(rule: Rule) -> list[str]:
    """The days of a rule of days, whose parts are filled in."""
    limited = bool(rule.bymonthday or rule.byyearday)
    clauses: list[str] = []
    if rule.byyearday:
        clauses.append(f"on {_counted(rule.byyearday, 'day')} of the year")
    if rule.bymonthday:
        clauses.append(f"on {_counted(rule.bymonthday, 'day')}" + (_of_month(rule) if not rule.byyearday else ""))
    elif rule.bymonth and rule.byyearday:
        clauses.append(f"in {_months(rule)}")
    if rule.byday:
        clauses.append(_weekdays(rule, limited=limited))
    if rule.byweekno:
        clauses.append(f"in {_counted(rule.byweekno, 'week')} of the year")
    if rule.bymonth and not limited:
        clauses.append(f"in {_months(rule)}")
    return [*clauses, *_easter(rule)]


def _elapsed_dates(rule: Rule) -> list[str]:
    clauses: list[str] = []
    if rule.byday:
        clauses.append(f"on {_and([_DAYS[day] for _, day in rule.byday])}")
    if rule.bymonthday:
        clauses.append(f"on {_counted(rule.bymonthday, 'day')} of the month")
    if rule.byyearday:
        clauses.append(f"on {_counted(rule.byyearday, 'day')} of the year")
    if rule.bymonth:
        clauses.append(f"in {_months(rule)}")
    return [*clauses, *_easter(rule)]


def _of_month(rule: Rule) -> str:
    if rule.bymonth:
        return f" of {_months(rule)}"
    return "" if rule.freq == "MONTHLY" else " of the month"


def _months(rule: Rule) -> str:
    return _and([_MONTHS[month - 1] for month in rule.bymonth])


def _weekdays(rule: Rule, *, limited: bool) -> str:
    if not any(ordinal for ordinal, _ in rule.byday):
        days = [day for _, day in rule.byday]
        if limited:
            return f"if that is a {_or([_DAYS[day] for day in days])}"
        if days == [0, 1, 2, 3, 4]:
            return "from Monday to Friday"
        every = "every " if rule.freq in ("MONTHLY", "YEARLY") and not rule.byweekno else ""
        return f"on {every}{_and([_DAYS[day] for day in days])}"
    names = [
        f"the {_ordinal(ordinal)} {_DAYS[day]}" if ordinal else f"every {_DAYS[day]}" for ordinal, day in rule.byday
    ]
    of_year = " of the year" if rule.freq == "YEARLY" and not rule.bymonth else ""
    return (f"if that is {_or(names)}" if limited else f"on {_and(names)}") + of_year


def _ordinal(number: int) -> str:
    if number == -1:
        return "last"
    if number < 0:
        return f"{_ordinal(-number)} to last"
    if number < len(_ORDINALS):
        return _ORDINALS[number]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _counted(numbers: tuple[int, ...], noun: str) -> str:
    """``day 13``, ``days 1 and 15``, ``day 1 and the last day``."""
    plain = [number for number in numbers if number > 0]
    back = [f"the {_ordinal(number)} {noun}" for number in reversed(numbers) if number < 0]
    if not plain:
        return _and(back)
    forth = f"{noun}{'s' if len(plain) > 1 else ''} {_runs(plain)}"
    return _and([forth, *back])


def _runs(numbers: list[int]) -> str:
    """``1, 3 and 5``, ``9 to 17``: three or more in a row are told by their ends."""
    parts: list[str] = []
    place = 0
    while place < len(numbers):
        last = place
        while last + 1 < len(numbers) and numbers[last + 1] == numbers[last] + 1:
            last += 1
        if last - place >= 2:
            parts.append(f"{numbers[place]} to {numbers[last]}")
        else:
            parts += [str(number) for number in numbers[place : last + 1]]
        place = last + 1
    return _and(parts)


def _easter(rule: Rule) -> list[str]:
    names = {0: "Easter Sunday", 1: "the day after Easter Sunday", -1: "the day before Easter Sunday"}
    told = [
        names.get(days) or f"{abs(days)} days {'after' if days > 0 else 'before'} Easter Sunday"
        for days in rule.byeaster
    ]
    return [f"on {_and(told)}"] if told else []


def _times(rule: Rule) -> str:
    hours, minutes, seconds = list(rule.byhour), list(rule.byminute), list(rule.bysecond)
    if len(hours) * len(minutes) * len(seconds) <= _MOST_TIMES:
        told = [_clock(hour, minute, second) for hour in hours for minute in minutes for second in seconds]
        return f"at {_and(told)}"
    second = "" if seconds == [0] else f"second{_s(seconds)} {_runs(seconds)} of "
    return f"at {second}minute{_s(minutes)} {_runs(minutes)} of hour{_s(hours)} {_runs(hours)}"


def _elapsed_times(rule: Rule, start: int) -> list[str]:
    """What an HOURLY, MINUTELY or SECONDLY rule says of the clock.

    DTSTART gives the minute and second where nothing else does.
    """
    hours, minutes, seconds = list(rule.byhour), list(rule.byminute), list(rule.bysecond)
    if rule.freq == "HOURLY" and not minutes and rule.interval == 1:
        minutes = [start // 60 % 60]
    if rule.freq != "SECONDLY" and not seconds and start % 60:
        seconds = [start % 60]
    return [
        f"at second{_s(seconds)} {_runs(seconds)}" if seconds else "",
        f"at minute{_s(minutes)} {_runs(minutes)}" if minutes else "",
        f"in hour{_s(hours)} {_runs(hours)}" if hours else "",
    ]


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02d}:{minute:02d}" + (f":{second:02d}" if second else "")


def _positions(rule: Rule) -> str:
    if not rule.bysetpos:
        return ""
    forth = [_ordinal(position) for position in rule.bysetpos if position > 0]
    back = [_ordinal(position) for position in reversed(rule.bysetpos) if position < 0]
    return f"(only the {_and(forth + back)} of these in each {_UNIT[rule.freq]})"


def _skip(rule: Rule) -> str:
    if rule.skip == "OMIT" or rule.freq not in ("MONTHLY", "YEARLY"):
        return ""
    return f"(a date that does not exist moves to the {'day before' if rule.skip == 'BACKWARD' else 'day after'})"


def _weeks(rule: Rule) -> str:
    matters = rule.byweekno or (rule.freq == "WEEKLY" and (rule.interval > 1 or rule.bysetpos))
    return f"(weeks begin on {_DAYS[rule.wkst]})" if matters and rule.wkst else ""


def _since(rule: Rule, start: int) -> str:
    if rule.interval == 1 and rule.count is None:
        return ""
    clock = f" {_time_of(start)}" if rule.freq in UNITS else ""
    return f"counted from {_date(start)}{clock}"


def _end(rule: Rule) -> str:
    if rule.count is not None:
        return _count(rule.count, "time")
    return "" if rule.until is None else f"until {_until(rule.until)}"


def _until(until: Until) -> str:
    return f"{_date(until.seconds)} {_time_of(until.seconds)}" + (" UTC" if until.kind == "utc" else "")


def _date(seconds: int) -> str:
    day = date.fromordinal(seconds // DAY_SECONDS)
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def _time_of(seconds: int) -> str:
    return _clock(seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)


def _s(numbers: list[int]) -> str:
    return "s" if len(numbers) > 1 else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _and(parts: list[str]) -> str:
    return _joined(parts, "and")


def _or(parts: list[str]) -> str:
    return _joined(parts, "or")


def _joined(parts: list[str], word: str) -> str:
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}" if len(parts) > 1 else "".join(parts)
