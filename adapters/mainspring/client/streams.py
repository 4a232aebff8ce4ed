"""Server-sent events: from lines to messages, with no I/O."""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import frozen

MAX_LINE: Final = 4 * 1_048_576


@frozen(kw_only=True)
class Message:
    """One message of a stream: ``event`` names it, ``data`` is its content, ``id`` is for going on after it."""

    id: str
    event: str
    data: Any


class Messages:
    """Collects the lines of a stream; a message ends with an empty line."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def line(self, text: str) -> Message | None:
        """Take a line; give the message that it ends."""
        if text:
            name, _, value = text.partition(":")
            if name in ("id", "event", "data"):
                value = value.removeprefix(" ")
                self._fields[name] = f"{self._fields[name]}\n{value}" if name in self._fields else value
            return None
        found, self._fields = self._fields, {}
        if "data" not in found:
            return None
        return Message(id=found.get("id", ""), event=found.get("event", "message"), data=json.loads(found["data"]))
