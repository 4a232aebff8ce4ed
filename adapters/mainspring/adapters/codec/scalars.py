"""Instants and durations as text, fast: nearly every stored value holds some."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration, require_utc

_PART: Final = re.compile(r"([0-9]{1,15})(d|h|ms|m|us|s)", re.ASCII)
_WHOLE: Final = re.compile(r"-?(?:[0-9]{1,15}(?:d|h|ms|m|us|s))+", re.ASCII)
_MICROS: Final = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}


def write_instant(value: datetime) -> str:
    """Write an instant as ``2030-01-02T03:04:05.000006Z``."""
    return value.isoformat()[:-6] + "Z" if value.tzinfo is UTC else write_instant(require_utc("instant", value))


def read_instant(text: str) -> datetime:
    """Read an instant: ISO 8601 with an offset."""
    try:
        value = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        cure = "write it in ISO 8601 with an offset, e.g. 2030-01-02T03:04:05Z"
        raise InvalidInput("instant", f"{text!r} is not a timestamp", cure) from None
    return value if value.tzinfo is UTC else require_utc("instant", value)


@lru_cache(maxsize=4096)
def write_duration(value: timedelta) -> str:
    """Write a duration in units (``1h30m``); a negative one with a leading ``-``."""
    return format_duration(value)


@lru_cache(maxsize=4096)
def read_duration(text: str) -> timedelta:
    """Read what ``write_duration`` wrote; of any length, since what is stored was checked when it came in."""
    if not _WHOLE.fullmatch(text):
        raise InvalidInput("duration", f"{text!r} is not a duration", "write it as '90s' or '1h30m'")
    micros = sum(int(number) * _MICROS[unit] for number, unit in _PART.findall(text))
    try:
        return timedelta(microseconds=-micros if text.startswith("-") else micros)
    except OverflowError:
        raise InvalidInput("duration", f"{text!r} is too long", "use a shorter duration") from None
