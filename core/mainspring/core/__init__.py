"""The pure core of mainspring: values in, values out; time and chance are arguments.

The recurrences are offered here by themselves, for those who want nothing else:

    from mainspring.core import Cron, next_after

They are loaded when they are asked for: ``mainspring.core.errors`` alone costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mainspring.core.recurrence import (
        Cron,
        Interval,
        InvalidRecurrence,
        Recurrence,
        RRule,
        between,
        describe_dst,
        explain,
        next_after,
        parse_recurrence,
    )

__all__ = [
    "Cron",
    "Interval",
    "InvalidRecurrence",
    "RRule",
    "Recurrence",
    "between",
    "describe_dst",
    "explain",
    "next_after",
    "parse_recurrence",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("mainspring.core.recurrence"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
