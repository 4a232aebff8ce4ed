"""Excerpts: what is kept of results and messages, bounded and safe to store and to show.

* A *result* is at most ``MAX_RESULT_BYTES`` of UTF-8; a *message* at most ``MAX_MESSAGE`` characters.
* What was cut ends with ``…``.
* No lone surrogate and no NUL is kept (stores refuse them), and no control character but tab and newline
  (a terminal would obey them).
* The work is bounded too: of a value too large to keep, only about as much is encoded as is kept.
"""

from __future__ import annotations

import json
import re
import reprlib
from typing import Final

MAX_RESULT_BYTES: Final = 65_536
MAX_MESSAGE: Final = 2_000
CUT: Final = "…"
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


class _Repr(reprlib.Repr):
    """A repr that looks at no more than some hundred elements, three levels deep."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = 100
        self.maxstring = self.maxother = 4_000


_REPR: Final = _Repr()


def of_value(value: object) -> str:
    """Give the JSON text of ``value``, or its ``repr`` if it is none of JSON, as a result excerpt."""
    try:
        return bounded(_json(value))
    except (TypeError, ValueError, RecursionError):
        return bounded(_printable(_repr(value)))


def of_error(error: BaseException) -> str:
    """Give the message of an exception (its class name if it has none), as a message excerpt."""
    try:
        text = str(error)
    except Exception:  # a __str__ of the user's may do anything
        text = "(its __str__ failed)"
    return message(text or type(error).__name__)


def message(text: str) -> str:
    """Make ``text`` safe to store and to show, and cut it to ``MAX_MESSAGE`` characters."""
    safe = _printable(text[: MAX_MESSAGE + 1])
    return safe if len(safe) <= MAX_MESSAGE else safe[: MAX_MESSAGE - 1] + CUT


def bounded(text: str, limit: int = MAX_RESULT_BYTES) -> str:
    """Cut ``text`` to ``limit`` bytes of UTF-8, at a character's end; a lone surrogate becomes its JSON escape."""
    octets = text[: limit + 1].encode("utf-8", "backslashreplace")
    if len(octets) <= limit:
        return octets.decode()
    return octets[: limit - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def _json(value: object) -> str:
    """Encode ``value``, but stop when more than is kept is there."""
    pieces: list[str] = []
    size = 0
    for piece in _ENCODER.iterencode(value):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_RESULT_BYTES:
            break
    return "".join(pieces)


def _repr(value: object) -> str:
    try:
        return _REPR.repr(value)
    except Exception:  # a __repr__ of the user's may do anything
        return f"<{type(value).__name__} without a repr>"


def _printable(text: str) -> str:
    octets = text.encode("utf-8", "backslashreplace")
    return _CONTROLS.sub("\ufffd", octets.decode())
