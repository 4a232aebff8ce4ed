"""The receiver's log, read as it grows: the ground truth of the demonstration."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import frozen


@frozen(kw_only=True)
class Delivery:
    """One delivery as the receiver saw it; ``well``: it answered that it was well."""

    at: datetime
    task: str
    attempt: int
    well: bool


class Ledger:
    """The deliveries so far, by task, in the order of their arrival; ``arrived``: the tasks that were answered well."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._read = 0
        self.by_task: Final[dict[str, list[Delivery]]] = {}
        self.count = 0
        self.arrived: Final[set[str]] = set()

    def refresh(self) -> None:
        """Read what was appended since the last time; a line in the making is left for the next."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._add(json.loads(line))

    def _add(self, fields: dict[str, str | int]) -> None:
        delivery = Delivery(
            at=datetime.fromisoformat(str(fields["at"])),
            task=str(fields["task"]),
            attempt=int(fields["attempt"]),
            well=fields["status"] == 200,
        )
        self.by_task.setdefault(delivery.task, []).append(delivery)
        self.count += 1
        if delivery.well:
            self.arrived.add(delivery.task)
