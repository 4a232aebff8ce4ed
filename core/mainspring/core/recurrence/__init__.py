"""Recurrences: rules that say when, as frozen values and pure functions over them."""

from mainspring.core.errors import InvalidRecurrence
from mainspring.core.recurrence.cron import Cron
from mainspring.core.recurrence.cron_syntax import DayRule
from mainspring.core.recurrence.dst import Fold, Gap, Shift, instants, load_zone, next_shift, utc_to_civil
from mainspring.core.recurrence.explain import ShiftEffect, describe_dst, explain
from mainspring.core.recurrence.interval import Interval
from mainspring.core.recurrence.kinds import Recurrence, between, next_after
from mainspring.core.recurrence.rrule import RRule
from mainspring.core.recurrence.text import parse_recurrence

__all__ = [
    "Cron",
    "DayRule",
    "Fold",
    "Gap",
    "Interval",
    "InvalidRecurrence",
    "RRule",
    "Recurrence",
    "Shift",
    "ShiftEffect",
    "between",
    "describe_dst",
    "explain",
    "instants",
    "load_zone",
    "next_after",
    "next_shift",
    "parse_recurrence",
    "utc_to_civil",
]
