"""Cursors of pages: where in (``created_at``, ``id``), descending, a page ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeAlias, TypeVar

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import to_micros
from mainspring.core.ports import Page
from mainspring.core.schedule import Schedule
from mainspring.core.task import Task

Row = TypeVar("Row", Task, Schedule)

Position: TypeAlias = tuple[int, str]
"""Microseconds of ``created_at``, and the id."""

_CURSOR: Final = re.compile(r"(-?[0-9]{1,18})\.(\S{1,500})", re.ASCII)


def position(created_at: datetime, key: str) -> Position:
    """Say where something stands in the order of a page."""
    return to_micros(created_at), key


def write_cursor(last: Position) -> str:
    """Write the cursor of the page behind ``last``."""
    return f"{last[0]}.{last[1]}"


def read_cursor(text: str) -> Position:
    """Read a cursor; ``InvalidInput`` for a text that is none."""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidInput("after", f"{text[:80]!r} is no cursor", "give the cursor of the page before, or none")
    return int(found[1]), found[2]


def page(found: Sequence[Row], limit: int) -> Page[Row]:
    """Make a page of what a search for ``limit + 1`` rows found."""
    items = tuple(found[:limit])
    more = len(found) > limit
    return Page(items, write_cursor(position(items[-1].created_at, items[-1].id)) if more else None)
