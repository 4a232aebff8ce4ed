"""The clock of a storage that has none of its own: this machine's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the instant now, in UTC."""


def utc_now() -> datetime:
    """Read this machine's clock."""
    return datetime.now(UTC)
