"""Texts of any kind to recurrences: cron, RRULE and ``every 10m`` are told apart by how they begin.

Rules:

* ``every 10m`` (also ``@every 10m``; any duration that ``parse_duration`` reads) is an interval. It counts from
  ``dtstart``; without one from 1970-01-01T00:00Z, so that the same text gives the same instants everywhere.
* A text with ``FREQ=``, or one that begins with a property name of RFC 5545 (``DTSTART``, ``RRULE``, ``EXRULE``,
  ``RDATE``, ``EXDATE``), is an RRULE.
* Anything else is cron: five fields or a macro (``@daily``); six fields only with ``seconds=True``.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Final

from mainspring.core.errors import InvalidInput, InvalidRecurrence
from mainspring.core.instants import EPOCH, parse_duration
from mainspring.core.recurrence.cron import Cron
from mainspring.core.recurrence.dst import utc_instant, zone_name
from mainspring.core.recurrence.interval import Interval
from mainspring.core.recurrence.kinds import Recurrence
from mainspring.core.recurrence.rrule import RRule

MAX_TEXT: Final = 8192

_CURE: Final = "write cron ('30 2 * * 1-5'), an RRULE ('FREQ=DAILY'), or 'every 10m'"
_EVERY: Final = re.compile(r"@?every\b[ \t]*(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_RRULE: Final = re.compile(r"(?:DTSTART|RRULE|EXRULE|RDATE|EXDATE)[;:]", re.ASCII | re.IGNORECASE)


def parse_recurrence(
    text: str, timezone: str | tzinfo = "UTC", dtstart: datetime | None = None, *, seconds: bool = False
) -> Recurrence:
    """Read a recurrence of any kind; raise ``InvalidRecurrence`` for what is none.

    ``timezone`` is the zone of a cron or an RRULE. ``dtstart`` (aware) is the first instant of an RRULE and the anchor
    of an interval. ``seconds`` lets a cron begin with a field of seconds.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- callers pass what users sent
        raise InvalidRecurrence("recurrence", f"{type(text).__name__} is not a text", _CURE)
    if len(text) > MAX_TEXT:
        raise InvalidRecurrence("recurrence", f"a text of {len(text)} characters is too long", _CURE)
    body = text.strip(" \t\r\n")
    if not body:
        raise InvalidRecurrence("recurrence", "the text is empty", _CURE)
    every = _EVERY.fullmatch(body)
    if every:
        zone_name(timezone)  # an interval has no use for the zone, but a name that is wrong is wrong
        return _interval(every[1], dtstart)
    if _RRULE.match(body) or "FREQ=" in body.upper():
        return RRule.parse(body, timezone=zone_name(timezone), dtstart=dtstart)
    return Cron.parse(body, timezone, seconds=seconds)


def _interval(duration: str, dtstart: datetime | None) -> Interval:
    try:
        every = parse_duration("every", duration)
    except InvalidInput as error:
        raise InvalidRecurrence(error.field, error.what, error.cure) from None
    return Interval(every=every, anchor=EPOCH if dtstart is None else utc_instant("dtstart", dtstart))
