"""One RECUR value: its parts, their ranges, what may stand beside what (RFC 5545 section 3.3.10, RFC 7529 section 4).

Rules:

* A part is ``NAME=value``; parts are separated by ``;``, in any order, each at most once. Names and values may be
  lower case. One ``;`` at the end, seen in calendars in the wild, is let pass.
* ``FREQ`` is required. ``INTERVAL`` and ``COUNT`` are at least 1. ``COUNT`` and ``UNTIL`` exclude each other.
* Numbers are ASCII digits. A list is sorted and rid of doubles: the order of a list says nothing (section 3.3.10).
* ``BYSECOND=60`` is accepted and never matches: there are no leap seconds here.
* What the table of section 3.3.10 marks "N/A" and what its notes forbid is refused, with the paragraph named.
* Extensions: ``BYEASTER`` (days from Easter Sunday, as in dateutil), ``RSCALE=GREGORIAN`` with ``SKIP`` (RFC 7529).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final, Literal, cast, get_args

from attrs import frozen

from mainspring.core.errors import InvalidRecurrence

Freq = Literal["SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"]
Skip = Literal["OMIT", "BACKWARD", "FORWARD"]
UntilKind = Literal["date", "local", "utc"]

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
DAY_SECONDS: Final = 86_400
RFC: Final = "RFC 5545 section 3.3.10"
RFC_SKIP: Final = "RFC 7529 section 4.1"

# name → least, greatest, whether negative values count from the end (the grammar of section 3.3.10)
_RANGES: Final[dict[str, tuple[int, int, bool]]] = {
    "BYSECOND": (0, 60, False),
    "BYMINUTE": (0, 59, False),
    "BYHOUR": (0, 23, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYWEEKNO": (1, 53, True),
    "BYMONTH": (1, 12, False),
    "BYSETPOS": (1, 366, True),
    "BYEASTER": (0, 366, True),
}
_OTHERS: Final = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST", "RSCALE", "SKIP")
_BY_PARTS: Final = (
    "BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYEASTER", "BYHOUR", "BYMINUTE", "BYSECOND",
)  # fmt: skip
_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_SIGNED: Final = re.compile(r"([+-]?)([0-9]{1,3})", re.ASCII)
_WEEKDAY: Final = re.compile(r"(?:([+-]?)([0-9]{1,2}))?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_DATE: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)
_DATE_TIME: Final = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})(Z?)", re.ASCII)


@frozen
class Until:
    """The end of a rule, inclusive: ``seconds`` counts from the day before 0001-01-01, civil or UTC as ``kind`` says.

    A ``date`` stands for its midnight: the value type should be that of DTSTART (section 3.3.10), and where it is not,
    this is how dateutil, rrule.js and rrule-temporal read it.
    """

    kind: UntilKind
    seconds: int


@frozen(kw_only=True)
class Rule:
    """The parts of one RECUR value. Lists are sorted and free of doubles; an absent list is empty.

    ``byday`` holds pairs (ordinal, weekday), ordinal 0 for "every" and Monday 0. ``rscale`` tells that
    ``RSCALE=GREGORIAN`` was written.
    """

    freq: Freq
    interval: int = 1
    count: int | None = None
    until: Until | None = None
    bysecond: tuple[int, ...] = ()
    byminute: tuple[int, ...] = ()
    byhour: tuple[int, ...] = ()
    byday: tuple[tuple[int, int], ...] = ()
    bymonthday: tuple[int, ...] = ()
    byyearday: tuple[int, ...] = ()
    byweekno: tuple[int, ...] = ()
    bymonth: tuple[int, ...] = ()
    bysetpos: tuple[int, ...] = ()
    byeaster: tuple[int, ...] = ()
    wkst: int = 0
    rscale: bool = False
    skip: Skip = "OMIT"


def parse_rule(text: str) -> Rule:
    """Read one RECUR value such as ``FREQ=MONTHLY;BYDAY=3TU``.

    Raises ``InvalidRecurrence`` for the part that is wrong, with the paragraph that says so.
    """
    parts = _split(text)
    freq = _freq(parts)
    lists = {name: _numbers(name, value) for name, value in parts.items() if name in _RANGES}
    rule = Rule(
        freq=freq,
        interval=_positive("INTERVAL", parts.get("INTERVAL", "1")),
        count=_positive("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        byday=_weekdays(parts["BYDAY"]) if "BYDAY" in parts else (),
        wkst=_wkst(parts.get("WKST", "MO")),
        rscale=_rscale(parts),
        skip=_skip(parts),
        bysecond=lists.get("BYSECOND", ()),
        byminute=lists.get("BYMINUTE", ()),
        byhour=lists.get("BYHOUR", ()),
        bymonthday=lists.get("BYMONTHDAY", ()),
        byyearday=lists.get("BYYEARDAY", ()),
        byweekno=lists.get("BYWEEKNO", ()),
        bymonth=lists.get("BYMONTH", ()),
        bysetpos=lists.get("BYSETPOS", ()),
        byeaster=lists.get("BYEASTER", ()),
    )
    _check_company(rule, parts)
    return rule


def _split(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in text.strip().upper().removesuffix(";").split(";"):
        name, equals, value = piece.partition("=")
        if not equals or not value:
            raise InvalidRecurrence("RRULE", f"{piece!a} is not a rule part", f"write NAME=value ({RFC})")
        if name not in _RANGES and name not in _OTHERS:
            raise InvalidRecurrence("RRULE", f"{name!a} is not a rule part", f"use the parts of {RFC}")
        if name in parts:
            raise InvalidRecurrence(name, "is given twice", f"give each part once ({RFC})")
        parts[name] = value
    return parts


def _freq(parts: dict[str, str]) -> Freq:
    cure = f"give one of {', '.join(get_args(Freq))} ({RFC})"
    if "FREQ" not in parts:
        raise InvalidRecurrence("FREQ", "is missing", cure)
    if parts["FREQ"] not in get_args(Freq):
        raise InvalidRecurrence("FREQ", f"{parts['FREQ']!a} is no frequency", cure)
    return cast(Freq, parts["FREQ"])


def _positive(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) < 1:
        raise InvalidRecurrence(name, f"{text[:30]!a} is not a positive integer", f"give 1 or more ({RFC})")
    return int(text)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    least, greatest, signed = _RANGES[name]
    span = f"{least} to {greatest}" + (f" or -{greatest} to -{max(least, 1)}" if signed else "")
    cure = f"give {span} ({RFC})" if name != "BYEASTER" else f"give {span} (dateutil's extension)"
    found: set[int] = set()
    for item in text.split(","):
        match = _SIGNED.fullmatch(item)
        if match is None or (match[1] and not signed) or not least <= int(match[2]) <= greatest:
            raise InvalidRecurrence(name, f"{item[:30]!a} is out of range", cure)
        found.add(int(item))
    return tuple(sorted(found))


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    cure = f"give MO, TU, WE, TH, FR, SA, SU, with an ordinal 1 to 53 or -53 to -1 before it if need be ({RFC})"
    found: set[tuple[int, int]] = set()
    for item in text.split(","):
        match = _WEEKDAY.fullmatch(item)
        if match is None or (match[2] is not None and not 1 <= int(match[2]) <= 53):
            raise InvalidRecurrence("BYDAY", f"{item[:30]!a} is not a weekday", cure)
        ordinal = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        found.add((ordinal, WEEKDAYS.index(match[3])))
    return tuple(sorted(found))


def _wkst(text: str) -> int:
    if text not in WEEKDAYS:
        raise InvalidRecurrence("WKST", f"{text[:30]!a} is not a weekday", f"give one of {', '.join(WEEKDAYS)} ({RFC})")
    return WEEKDAYS.index(text)


def _rscale(parts: dict[str, str]) -> bool:
    if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN":
        what = f"the calendar {parts['RSCALE'][:30]!a} is not supported"
        raise InvalidRecurrence("RSCALE", what, f"use GREGORIAN ({RFC_SKIP})")
    return "RSCALE" in parts


def _skip(parts: dict[str, str]) -> Skip:
    if "SKIP" not in parts:
        return "OMIT"
    if "RSCALE" not in parts:
        raise InvalidRecurrence("SKIP", "stands without RSCALE", f"add RSCALE=GREGORIAN ({RFC_SKIP})")
    if parts["SKIP"] not in get_args(Skip):
        what = f"{parts['SKIP'][:30]!a} is no way to skip"
        raise InvalidRecurrence("SKIP", what, f"give OMIT, BACKWARD or FORWARD ({RFC_SKIP})")
    return cast(Skip, parts["SKIP"])


def _until(text: str) -> Until:
    if _DATE.fullmatch(text):
        return Until("date", parse_date("UNTIL", text).toordinal() * DAY_SECONDS)
    seconds, is_utc = parse_date_time("UNTIL", text)
    return Until("utc" if is_utc else "local", seconds)


def parse_date(name: str, text: str) -> date:
    """Read ``YYYYMMDD`` (section 3.3.4)."""
    match = _DATE.fullmatch(text)
    try:
        if match is not None:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass  # the form is right, the day or the time does not exist: refused below
    raise InvalidRecurrence(name, f"{text[:30]!a} is not a date", "write YYYYMMDD (RFC 5545 section 3.3.4)")


def parse_date_time(name: str, text: str) -> tuple[int, bool]:
    """Read ``YYYYMMDDTHHMMSS`` or the same with ``Z`` (section 3.3.5); give its seconds and whether it is in UTC.

    Second 60 is read as 59: so section 3.3.12 wants it from who knows no leap seconds.
    """
    match = _DATE_TIME.fullmatch(text)
    try:
        if match is not None:
            year, month, day, hour, minute, second = (int(group) for group in match.groups()[:6])
            value = datetime(year, month, day, hour, minute, 59 if second == 60 else second)  # noqa: DTZ001 -- civil
            return civil_seconds(value), match[7] == "Z"
    except ValueError:
        pass  # the form is right, the day or the time does not exist: refused below
    what = f"{text[:30]!a} is not a date-time"
    raise InvalidRecurrence(name, what, "write YYYYMMDDTHHMMSS, with Z for UTC (RFC 5545 section 3.3.5)")


def civil_seconds(value: datetime) -> int:
    """Count the whole seconds of a naive civil time.

    They count from the midnight before 0001-01-01, so that day ``n`` is ordinal ``n``.
    """
    return value.toordinal() * DAY_SECONDS + value.hour * 3600 + value.minute * 60 + value.second


def _check_company(rule: Rule, parts: dict[str, str]) -> None:
    """Refuse what may not stand together: the notes and the table of section 3.3.10."""
    freq, has_ordinals = rule.freq, any(ordinal for ordinal, _ in rule.byday)
    _refuse("COUNT", rule.count is not None and rule.until is not None, "stands beside UNTIL", "keep one of the two")
    _refuse(
        "BYDAY",
        has_ordinals and freq not in ("MONTHLY", "YEARLY"),
        f"has an ordinal in a {freq} rule",
        "use ordinals in MONTHLY and YEARLY rules",
    )
    _refuse(
        "BYDAY",
        has_ordinals and bool(rule.byweekno),
        "has an ordinal beside BYWEEKNO",
        "take away the ordinal or BYWEEKNO",
    )
    _refuse("BYMONTHDAY", freq == "WEEKLY" and bool(rule.bymonthday), "stands in a WEEKLY rule", "use DAILY or MONTHLY")
    _refuse(
        "BYYEARDAY",
        freq in ("DAILY", "WEEKLY", "MONTHLY") and bool(rule.byyearday),
        f"stands in a {freq} rule",
        "use YEARLY",
    )
    if rule.byeaster and rule.skip != "OMIT":
        raise InvalidRecurrence("SKIP", "stands beside BYEASTER", "take away one of the two: no standard joins them")
    _refuse("BYWEEKNO", freq != "YEARLY" and bool(rule.byweekno), f"stands in a {freq} rule", "use YEARLY")
    _refuse(
        "BYSETPOS",
        bool(rule.bysetpos) and not any(name in parts for name in _BY_PARTS),
        "stands alone",
        "add another BYxxx part",
    )


def _refuse(name: str, when: bool, what: str, cure: str) -> None:
    if when:
        raise InvalidRecurrence(name, what, f"{cure} ({RFC})")


def format_rule(rule: Rule) -> str:
    """Write a rule in one canonical form: FREQ first, defaults left out. ``parse_rule`` reads the same value back."""
    parts = [f"FREQ={rule.freq}"]
    if rule.rscale:
        parts.append("RSCALE=GREGORIAN")
    if rule.interval != 1:
        parts.append(f"INTERVAL={rule.interval}")
    lists = {
        "BYMONTH": rule.bymonth,
        "BYWEEKNO": rule.byweekno,
        "BYYEARDAY": rule.byyearday,
        "BYMONTHDAY": rule.bymonthday,
        "BYEASTER": rule.byeaster,
        "BYHOUR": rule.byhour,
        "BYMINUTE": rule.byminute,
        "BYSECOND": rule.bysecond,
        "BYSETPOS": rule.bysetpos,
    }
    parts += [f"{name}={','.join(map(str, values))}" for name, values in lists.items() if values]
    if rule.byday:
        parts.append("BYDAY=" + ",".join(f"{ordinal or ''}{WEEKDAYS[day]}" for ordinal, day in rule.byday))
    if rule.wkst:
        parts.append(f"WKST={WEEKDAYS[rule.wkst]}")
    if rule.skip != "OMIT":
        parts.append(f"SKIP={rule.skip}")
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    if rule.until is not None:
        parts.append(f"UNTIL={_format_until(rule.until)}")
    return ";".join(parts)


def _format_until(until: Until) -> str:
    if until.kind == "date":
        return format_date(date.fromordinal(until.seconds // DAY_SECONDS))
    return format_date_time(until.seconds) + ("Z" if until.kind == "utc" else "")


def format_date(value: date) -> str:
    """Write ``YYYYMMDD``, with four digits for the year on every platform."""
    return f"{value.year:04d}{value.month:02d}{value.day:02d}"


def format_date_time(seconds: int) -> str:
    """Write civil seconds as ``YYYYMMDDTHHMMSS``."""
    day, second = divmod(seconds, DAY_SECONDS)
    return f"{format_date(date.fromordinal(day))}T{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}"
