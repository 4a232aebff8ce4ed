"""From what a server answers to the errors of the core, so that a caller handles both alike.

* 400, 413, 415, 422: ``InvalidInput`` of the field that the server names (``request``: of the whole request).
* 404: ``NotFound``. 409: ``Conflict``; ``IllegalTransition`` where the state of a task is what is in the way.
* 401, 403: ``NotAllowed``. 429, 5xx, no connection, no answer in time: ``Unavailable``.
* No answer to a request that must not be made twice: ``OutcomeUnknown``, which is an ``Unavailable``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from mainspring.core.errors import (
    Conflict,
    IllegalTransition,
    InvalidInput,
    MainspringError,
    NotFound,
    Unavailable,
)

INVALID: Final = frozenset({400, 405, 413, 415, 422})
_MISSING: Final = re.compile(r"there is no such (.+)")
_STATE: Final = re.compile(r"is (\w+); cannot (.+)")
_NOT_QUEUED: Final = "is not queued"
_ASK: Final = "see the message"


class NotAllowed(MainspringError):
    """The key is missing, unknown, expired or revoked (401), or its scope is too small (403)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return f"{self.message}; set the key that `mainspring key create` has shown (MAINSPRING_KEY)"


class NotSent(Unavailable):
    """There was no connection: nothing was sent, so nothing was done."""


class OutcomeUnknown(Unavailable):
    """The answer to a request was lost that may not be made twice: look whether it was done before you ask again."""


def unknown_outcome(what: str, error: Unavailable) -> OutcomeUnknown:
    """Make the error of a request that may have been carried out."""
    return OutcomeUnknown(what, error.what, "it may have been done: look before you ask again")


def error_of(status: int, body: bytes, path: str) -> MainspringError:
    """Give the error that an answer of a status from 300 on stands for; ``path`` is what was asked for."""
    told = _document(body)
    message = str(told.get("message") or f"HTTP status {status}")[:1_000]
    if status in (401, 403):
        return NotAllowed(status, message)
    if status == 404:
        found = _MISSING.fullmatch(message)
        return NotFound(found[1] if found else "operation", _named(path) if found else path)
    problems = _problems(told.get("errors")) or (told,)
    first = problems[0]
    what, cure = str(first.get("message") or message), str(first.get("hint") or _ASK)
    if status == 409:
        return _conflict(path, what, cure, first.get("param"))
    if status in INVALID:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return InvalidInput(str(first.get("param") or "request"), what + more, cure)
    if status == 429:
        return Unavailable("server", message, "ask less often, or raise --rate-limit there")
    return Unavailable("server", message, "try again later")


def _conflict(path: str, what: str, cure: str, param: object) -> MainspringError:
    state = _STATE.fullmatch(what)
    if state:
        return IllegalTransition(f"task {_named(path)}", state[1], state[2], cure)
    if what.startswith(_NOT_QUEUED):
        return IllegalTransition(f"task {_named(path)}", "not queued", "change it", cure)
    if param is not None:
        return Conflict(str(param), what, cure)
    subject, colon, rest = what.partition(": ")
    return Conflict(subject, rest, cure) if colon else Conflict(path, what, cure)


def _problems(value: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(value, list):
        return ()
    return [cast("Mapping[str, Any]", one) for one in cast("list[object]", value) if isinstance(one, dict)]


def _named(path: str) -> str:
    """The id or the name in a path: ``/v2/tasks/ID/run``."""
    parts = path.split("/")
    return parts[3] if len(parts) > 3 else path


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}
