"""The stored forms: what can be written as JSON text or as plain data, and read back."""

from __future__ import annotations

import json
from typing import Any, Final, Generic, TypeVar

from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

from mainspring.adapters.codec.converter import make_converter
from mainspring.core.access import ApiKey, Project
from mainspring.core.commands import Edit
from mainspring.core.errors import CorruptHistory, InvalidInput, MainspringError
from mainspring.core.events import Event
from mainspring.core.preview import Preview
from mainspring.core.queue import Queue
from mainspring.core.recurrence import Recurrence
from mainspring.core.retry import RetryPolicy
from mainspring.core.schedule import Schedule, ScheduleEdit, ScheduleEvent, Slot, TaskTemplate
from mainspring.core.states import State
from mainspring.core.task import Call, Origin, Task
from mainspring.core.why import Reason

T = TypeVar("T")

_CONVERTER: Final = make_converter()
_TEXT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False)
_ASCII: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False)
_UNREADABLE: Final = (
    BaseValidationError,
    ForbiddenExtraKeysError,
    MainspringError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading wrong data can raise: the core's own errors, those of cattrs and json, and a missing field."""


class Form(Generic[T]):
    """The form of one kind of value. ``encode`` and ``decode`` are exact inverses."""

    def __init__(self, name: str, kind: Any) -> None:
        self.name = name
        self._kind = kind
        self._read = _CONVERTER.get_structure_hook(kind)
        self._write = _CONVERTER.get_unstructure_hook(kind)

    def encode(self, value: T) -> str:
        """Write a value as one line of JSON text that UTF-8 can carry."""
        return to_text(self._write(value))

    def decode(self, text: str, subject: str) -> T:
        """Read what ``encode`` wrote. ``CorruptHistory`` that names ``subject`` for anything else."""
        try:
            return self._read(json.loads(text), self._kind)  # type: ignore[no-any-return]  # T, by construction
        except _UNREADABLE as error:
            raise unreadable(subject, self.name, error) from error

    def plain(self, value: T) -> Any:
        """Write a value as plain data: dicts, lists or tuples, texts, numbers."""
        return self._write(value)

    def of(self, plain: Any, field: str) -> T:
        """Read plain data that came from outside. ``InvalidInput`` for ``field`` if it is not the form of a value."""
        try:
            return self._read(plain, self._kind)  # type: ignore[no-any-return]  # T, by construction
        except InvalidInput:
            raise
        except _UNREADABLE as error:
            raise InvalidInput(
                field, f"it is no {self.name}: {say(error)}", "see the reference for its form"
            ) from error


class TaskForm(Form[Task]):
    """The form of tasks, which can also be written in two parts: what seldom changes, and the state.

    A storage that keeps the parts apart writes little when a task starts or ends.
    """

    def encode_body(self, task: Task) -> str:
        """Write everything but ``state`` and ``version``."""
        plain = self._write(task)
        del plain["state"], plain["version"]
        return to_text(plain)

    def join(self, body: str, state: str, version: int, subject: str) -> Task:
        """Read a task from its parts."""
        try:
            plain = json.loads(body)
            plain["state"] = json.loads(state)
            plain["version"] = version
            return self._read(plain, self._kind)  # type: ignore[no-any-return]  # a task, by construction
        except _UNREADABLE as error:
            raise unreadable(subject, self.name, error) from error


def to_text(plain: Any) -> str:
    """Write plain data as one line of JSON; what UTF-8 cannot carry (a lone surrogate) is escaped."""
    text = _TEXT.encode(plain)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _ASCII.encode(plain)
    return text


def unreadable(subject: str, name: str, error: Exception) -> CorruptHistory:
    """Make the error of a stored text that is not the form it should be."""
    return CorruptHistory(f"{subject}: its stored {name} cannot be read: {say(error)}")


def say(error: Exception) -> str:
    """Say in one line what was wrong."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing or not known"
    return " ".join(str(error).split())[:300] or type(error).__name__


TASK: Final = TaskForm("task", Task)
STATE: Final[Form[State]] = Form("state", State)
EVENT: Final[Form[Event]] = Form("event", Event)
CALL: Final[Form[Call]] = Form("call", Call)
ORIGIN: Final[Form[Origin]] = Form("origin", Origin)
RETRY: Final[Form[RetryPolicy]] = Form("retry policy", RetryPolicy)
EDIT: Final[Form[Edit]] = Form("edit", Edit)
RECURRENCE: Final[Form[Recurrence]] = Form("recurrence", Recurrence)
TEMPLATE: Final[Form[TaskTemplate]] = Form("task template", TaskTemplate)
SCHEDULE: Final[Form[Schedule]] = Form("schedule", Schedule)
SCHEDULE_EDIT: Final[Form[ScheduleEdit]] = Form("schedule edit", ScheduleEdit)
SCHEDULE_EVENT: Final[Form[ScheduleEvent]] = Form("schedule event", ScheduleEvent)
SLOT: Final[Form[Slot]] = Form("slot", Slot)
QUEUE: Final[Form[Queue]] = Form("queue", Queue)
PREVIEW: Final[Form[Preview]] = Form("preview", Preview)
REASON: Final[Form[Reason]] = Form("reason", Reason)
PROJECT: Final[Form[Project]] = Form("project", Project)
API_KEY: Final[Form[ApiKey]] = Form("key", ApiKey)
