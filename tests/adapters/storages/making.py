"""Tasks and stores for the tests of storages."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mainspring.core.commands import Start, Succeed
from mainspring.core.ids import TaskId, uuid7
from mainspring.core.machine import Decision, handle
from mainspring.core.states import Pending
from mainspring.core.task import FunctionCall, Task

LEASE = timedelta(minutes=1)


def new_task(**fields: Any) -> Task:
    """A pending task that is due."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "id": TaskId(uuid7(now, os.urandom(8))),
        "call": FunctionCall(function="work"),
        "state": Pending(due=now),
        "created_at": now,
        "scheduled_for": now,
    }
    return Task(**(values | fields))


def start(task: Task, at: datetime) -> Decision:
    """A step that starts a task."""
    return handle(task, Start(at=at, worker="w", lease=LEASE))


def succeed(task: Task, at: datetime) -> Decision:
    """A step that ends run 1 well."""
    return handle(task, Succeed(at=at, run=1))


def query(path: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a statement gives, asked past the storage."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()
