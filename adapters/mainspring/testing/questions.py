"""What a test asks of its tasks, and what it is told when the answer is not the one that it wants."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypedDict

from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration, format_instant, parse_duration, parse_instant, require_utc
from mainspring.core.states import Failed, Pending
from mainspring.core.task import Call, FunctionCall, HttpCall, Task

SHOWN: Final = 10
"""How many tasks a failure shows."""


class Criteria(TypedDict, total=False):
    """What is asked for; what is left out may be anything.

    ``arguments``: those named have to be equal, others may be there. ``due``: an instant, or a duration from now.
    """

    arguments: Mapping[str, object]
    body: str
    queue: str
    name: str | None
    key: str | None
    priority: int
    due: datetime | timedelta | str
    status: str


KNOWN: Final = frozenset(Criteria.__optional_keys__)


def refuse_unknown(wanted: Criteria) -> None:
    """Raise ``TypeError`` for a misspelt criterion: it would match nothing, or everything."""
    for name in wanted:
        if name not in KNOWN:
            raise TypeError(f"unknown criterion {name!r}: use {', '.join(sorted(KNOWN))}")


def due_of(due: datetime | timedelta | str, now: datetime) -> datetime:
    """Read when a task is to be due: an instant, or a duration from now."""
    if isinstance(due, str):
        try:
            return now + parse_duration("due", due)
        except InvalidInput:
            return parse_instant("due", due)
    return now + due if isinstance(due, timedelta) else require_utc("due", due)


def named(call: Call) -> str:
    """Give what a call calls: a URL, or the name of a function."""
    return call.url if isinstance(call, HttpCall) else call.function


def mismatches(task: Task, target: str | None, wanted: Criteria, now: datetime) -> list[str]:
    """Say where a task differs from what is asked for; nothing: it is one of those."""
    wrong = [] if target in (None, named(task.call)) else [f"calls {named(task.call)}"]
    wrong += _other_call(task.call, wanted)
    seen: dict[str, object] = {
        "queue": task.queue,
        "name": task.name,
        "key": task.key,
        "priority": task.priority,
        "status": task.state.status,
    }
    wrong += [f"{field} is {value!r}" for field, value in seen.items() if field in wanted and wanted[field] != value]  # type: ignore[literal-required]
    if "due" in wanted:
        due = task.state.due if isinstance(task.state, Pending) else task.scheduled_for
        wrong += [] if due == due_of(wanted["due"], now) else [f"due {_when(due, now)}"]
    return wrong


def _other_call(call: Call, wanted: Criteria) -> list[str]:
    wrong: list[str] = []
    if "arguments" in wanted:
        given: dict[str, object] = json.loads(call.arguments) if isinstance(call, FunctionCall) else {}
        for name, value in wanted["arguments"].items():
            if name not in given:
                wrong.append(f"has no argument {name}")
            elif given[name] != value:
                wrong.append(f"{name} is {given[name]!r}")
    if "body" in wanted and (not isinstance(call, HttpCall) or call.body != wanted["body"]):
        wrong.append(f"its body is {getattr(call, 'body', None)!r}")
    return wrong


def _when(instant: datetime, now: datetime) -> str:
    if instant == now:
        return "now"
    wait = instant - now
    return f"in {format_duration(wait)}" if wait > timedelta(0) else f"{format_duration(-wait)} ago"


def shown(task: Task, now: datetime) -> str:
    """Show a task in one line."""
    call = task.call
    if isinstance(call, FunctionCall):
        arguments: dict[str, object] = json.loads(call.arguments)
        what = f"{call.function}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
    else:
        what = f"POST {call.url}" + ("" if call.body is None else f" {_short(call.body)}")
    parts = [what, task.state.status]
    if isinstance(task.state, Pending):
        parts.append(f"due {_when(task.state.due, now)} ({format_instant(task.state.due)})")
        if task.state.failure is not None:
            parts.append(f"after {_short(task.state.failure.message)}")
    if isinstance(task.state, Failed):
        parts.append(f"{task.state.reason}: {_short(task.state.failure.message)}")
    extra = {"queue": task.queue != "default" and task.queue, "name": task.name, "key": task.key}
    parts += [f"{field} {value}" for field, value in extra.items() if value]
    parts += [f"priority {task.priority}"] if task.priority else []
    return ", ".join(parts)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else f"{line[:99]}…"


def asked(target: str | None, wanted: Criteria) -> str:
    """Say what is asked for."""
    parts = [f"{field}={value!r}" if not isinstance(value, datetime) else f"{field}={format_instant(value)}"
             for field, value in wanted.items() if field != "status"]  # fmt: skip
    return f"{target or 'any call'}" + (f" with {', '.join(parts)}" if parts else "")


def listing(tasks: Sequence[Task], target: str | None, wanted: Criteria, now: datetime) -> str:
    """List tasks, those that come nearest first, each with what is different about it."""
    if not tasks:
        return "  (there are no tasks)"
    rows = [(mismatches(task, target, wanted, now), task) for task in tasks]
    rows.sort(key=lambda row: (target not in (None, named(row[1].call)), len(row[0])))
    lines = [f"  {shown(task, now)}" + (f"   <- {', '.join(wrong)}" if wrong else "") for wrong, task in rows[:SHOWN]]
    return "\n".join([*lines, *([f"  … and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])])
