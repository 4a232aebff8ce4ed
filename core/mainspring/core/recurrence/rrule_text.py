"""The text of a recurrence set: content lines of RFC 5545 sections 3.1 and 3.8.5, each read into a value.

Rules:

* Lines are folded as section 3.1 has it: a line break followed by a space or a tab is nothing. Breaks are CRLF or LF.
* The lines are DTSTART (once), RRULE, EXRULE (RFC 2445 section 4.8.5.2), RDATE and EXDATE, in any order, names in any
  case. A text without a property name is one RRULE.
* Parameters: TZID, VALUE=DATE-TIME, VALUE=DATE, VALUE=PERIOD (RDATE only; its start counts). Eight digits are a date
  even where VALUE does not say so.
* A time with Z is in UTC. A time with TZID is in that zone; with neither it is in the rule's zone. Z beside TZID, which
  section 3.2.19 forbids, is read as an instant, seen from that zone: there is only one way to take it.
* Bounds: 8 KiB of text, ASCII only, which holds at most 910 dates in RDATE and EXDATE; 8 rules.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from attrs import field, frozen

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.rrule_parts import DAY_SECONDS, Rule, parse_date, parse_date_time, parse_rule

MAX_TEXT: Final = 8_192
MAX_RULES: Final = 8

_FOLD: Final = re.compile(r"\r?\n[ \t]")
_BREAK: Final = re.compile(r"\r?\n")
_NAME: Final = re.compile(r"(DTSTART|RRULE|EXRULE|RDATE|EXDATE)(?=[;:])", re.ASCII | re.IGNORECASE)
_PARAMETER: Final = re.compile(r';([A-Za-z-]+)=(?:"([^"]*)"|([^";:,]*))(?=[;:])', re.ASCII)
_PERIOD_END: Final = re.compile(r"P(?:\d+W|(?=[\dT])(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)", re.ASCII)
_CURE: Final = "give DTSTART, RRULE, EXRULE, RDATE or EXDATE lines (RFC 5545 section 3.8.5), or a bare FREQ=..."


@frozen
class Stamp:
    """A date or time as written: seconds (civil or UTC), and the zone where one was named."""

    kind: Literal["date", "local", "utc"]
    seconds: int
    zone: str | None = None


@frozen(kw_only=True)
class SetText:
    """What the lines of a text say."""

    dtstart: Stamp | None = None
    rules: tuple[Rule, ...] = ()
    exrules: tuple[Rule, ...] = ()
    rdates: tuple[Stamp, ...] = ()
    exdates: tuple[Stamp, ...] = ()


@frozen
class _Line:
    name: str
    parameters: dict[str, str] = field(hash=False)
    value: str


def parse_set(text: str) -> SetText:
    """Read a text of one rule or of several content lines.

    Raises ``InvalidRecurrence`` for whatever does not follow the rules at the head of this module.
    """
    _bound(text)
    lines = [_line(line) for line in _BREAK.split(_FOLD.sub("", text.strip())) if line.strip()]
    starts = [line for line in lines if line.name == "DTSTART"]
    rules = [line for line in lines if line.name in ("RRULE", "EXRULE")]
    if len(starts) > 1:
        raise InvalidRecurrence("DTSTART", "is given twice", "give it once (RFC 5545 section 3.6.1)")
    if len(rules) > MAX_RULES:
        raise InvalidRecurrence("RRULE", f"{len(rules)} rules are too many", f"give at most {MAX_RULES} in one text")
    found = SetText(
        dtstart=_only_stamp(starts[0]) if starts else None,
        rules=tuple(_rule(line) for line in rules if line.name == "RRULE"),
        exrules=tuple(_rule(line) for line in rules if line.name == "EXRULE"),
        rdates=tuple(stamp for line in lines if line.name == "RDATE" for stamp in _stamps(line)),
        exdates=tuple(stamp for line in lines if line.name == "EXDATE" for stamp in _stamps(line)),
    )
    if not found.rules and not found.rdates:
        raise InvalidRecurrence("RRULE", "is missing", _CURE)
    return found


def _bound(text: str) -> None:
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers pass what users sent
        raise InvalidRecurrence("RRULE", f"{type(text).__name__} is not a text", _CURE)
    if len(text) > MAX_TEXT:
        raise InvalidRecurrence("RRULE", f"a text of {len(text)} characters is too long", f"use at most {MAX_TEXT}")
    if not text.isascii():
        strange = next(character for character in text if not character.isascii())
        what = f"{strange!a} is not an ASCII character"
        raise InvalidRecurrence("RRULE", what, "use ASCII letters and digits (RFC 5545 section 3.3.10)")


def _line(text: str) -> _Line:
    name = _NAME.match(text)
    if name is None:
        if ":" in text or "=" not in text:
            raise InvalidRecurrence("RRULE", f"{text[:40]!a} is not a line of a recurrence", _CURE)
        return _Line("RRULE", {}, text)
    place, parameters = name.end(), dict[str, str]()
    while (match := _PARAMETER.match(text, place)) is not None:
        key = match[1].upper()
        if key in parameters:
            raise InvalidRecurrence(name[1].upper(), f"{key} is given twice", "give it once (RFC 5545 section 3.2)")
        parameters[key] = match[2] if match[2] is not None else match[3]
        place = match.end()
    if text[place : place + 1] != ":":
        what = f"{text[place : place + 40]!a} is not a parameter"
        raise InvalidRecurrence(name[1].upper(), what, "write ;NAME=value before the colon (RFC 5545 section 3.1)")
    return _Line(name[1].upper(), parameters, text[place + 1 :].strip())


def _rule(line: _Line) -> Rule:
    if line.parameters:
        raise InvalidRecurrence(line.name, "takes no parameters", "write RRULE:FREQ=... (RFC 5545 section 3.8.5.3)")
    return parse_rule(line.value)


def _only_stamp(line: _Line) -> Stamp:
    stamps = _stamps(line)
    if len(stamps) != 1:
        raise InvalidRecurrence("DTSTART", "holds a list", "give one date or time (RFC 5545 section 3.8.2.4)")
    return stamps[0]


def _stamps(line: _Line) -> list[Stamp]:
    kind, zone = line.parameters.get("VALUE", "").upper(), line.parameters.get("TZID")
    kinds = ("", "DATE-TIME", "DATE", "PERIOD") if line.name == "RDATE" else ("", "DATE-TIME", "DATE")
    unknown = sorted(line.parameters.keys() - {"VALUE", "TZID"})
    if unknown:
        raise InvalidRecurrence(line.name, f"the parameter {unknown[0]} is not known here", "use TZID and VALUE")
    if kind not in kinds:
        raise InvalidRecurrence(line.name, f"VALUE={kind[:20]} is not possible", f"use {', '.join(kinds[1:])}")
    return [_stamp(line.name, kind, zone, item.strip().upper()) for item in line.value.split(",")]


def _stamp(name: str, kind: str, zone: str | None, text: str) -> Stamp:
    if kind == "PERIOD":
        text = _period_start(name, text)
    if kind == "DATE" or (not kind and len(text) == 8):
        return Stamp("date", parse_date(name, text).toordinal() * DAY_SECONDS, zone)
    seconds, is_utc = parse_date_time(name, text)
    return Stamp("utc" if is_utc else "local", seconds, zone)


def _period_start(name: str, text: str) -> str:
    """Section 3.3.9: a period is start/end or start/duration; the start is the instance."""
    start, _, end = text.partition("/")
    if not _PERIOD_END.fullmatch(end):
        parse_date_time(name, end)
    return start
