"""Identifiers: UUID version 7 (RFC 9562 §5.7), computed from a given instant and given entropy.

The first 48 bits are Unix milliseconds. The 12 bits after the version hold the fraction of the millisecond
(RFC 9562 §6.2, method 3), so that ids made in one process sort by time to about a quarter of a microsecond;
the rest is the caller's entropy.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NewType

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import to_micros

TaskId = NewType("TaskId", str)
ScheduleId = NewType("ScheduleId", str)

ENTROPY_BYTES: Final = 8
"""How many random bytes one id takes (62 bits of them are used)."""

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def uuid7(at: datetime, entropy: bytes) -> str:
    """Make a UUIDv7 of the instant ``at`` and ``ENTROPY_BYTES`` bytes of entropy, as lower-case text.

    Raises ``InvalidInput`` for an instant before 1970 or entropy of another length.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise InvalidInput("entropy", f"{len(entropy)} bytes", f"give {ENTROPY_BYTES} bytes")
    millis, micros = divmod(to_micros(at), 1000)
    if millis < 0:
        raise InvalidInput("at", f"{at.isoformat()} is before 1970", "use an instant of the Unix era")
    fraction = (micros << 12) // 1000
    tail = int.from_bytes(entropy, "big") & (1 << 62) - 1
    number = millis << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_uuid(text: str) -> bool:
    """Tell whether ``text`` is a UUID in its canonical lower-case form, of any version."""
    return _UUID.fullmatch(text) is not None
