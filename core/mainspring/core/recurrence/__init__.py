"""Recurrences: rules that say when, as frozen values and pure functions over them."""

from mainspring.core.recurrence.cron import Cron
from mainspring.core.recurrence.dst import Fold, Gap, Shift, instants, load_zone, next_shift, utc_to_civil
from mainspring.core.recurrence.interval import Interval
from mainspring.core.recurrence.kinds import Recurrence, between, next_after

__all__ = [
    "Cron",
    "Fold",
    "Gap",
    "Interval",
    "Recurrence",
    "Shift",
    "between",
    "instants",
    "load_zone",
    "next_after",
    "next_shift",
    "utc_to_civil",
]
