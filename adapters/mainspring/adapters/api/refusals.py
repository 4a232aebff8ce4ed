"""What is answered when a request is refused: a status, and problems that name the field and the rule.

The form is Mergent's: ``{"message", "param"?, "errors"?: [{"message", "param"?}]}``. Its clients need a ``message`` in
every 4xx. ``hint`` says what would be right. Three messages, and that of a conflict, are Mergent's word for word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from mainspring.core.errors import (
    Conflict,
    IllegalTransition,
    InvalidInput,
    MainspringError,
    NotFound,
    StaleRun,
    Unavailable,
)

CONFLICT: Final = "The request could not be processed due to a conflict."
NOT_QUEUED: Final = "is not queued; must be queued for a task to be modified"
NAME_TAKEN: Final = "is already taken by a queued or working task"
_MERGENT: Final = (
    ("name", "contains invalid characters", "Name contains invalid characters"),
    ("delay", "is not a duration", "Delay is not a valid ISO 8601 duration"),
    ("url", "is not a valid URL", "Url is not a valid URL"),
)
MAX_ERRORS: Final = 100


@frozen(kw_only=True)
class Problem:
    """One thing that is wrong: with the parameter at the path ``param`` (None: with the whole request)."""

    message: str
    param: str | None = None
    hint: str | None = None

    def plain(self) -> dict[str, str]:
        """Give it as plain data, without what is not known."""
        found = {"message": self.message, "param": self.param, "hint": self.hint}
        return {name: value for name, value in found.items() if value is not None}


class Refusal(Exception):
    """The request is answered with ``status`` and the problems."""

    def __init__(self, status: int, problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, *[problem.message for problem in problems])
        self.status: Final = status
        self.problems: Final = tuple(problems)
        self.headers: Final = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Give the body of the answer."""
        if self.status == 409:
            return {"message": CONFLICT, "errors": [problem.plain() for problem in self.problems]}
        first = self.problems[0]
        more = len(self.problems) - 1
        shown = first.plain()
        if more:
            shown["message"] = f"{first.message} (and {more} more)"
        if first.param is not None:
            shown["errors"] = [problem.plain() for problem in self.problems[:MAX_ERRORS]]  # type: ignore[assignment]
        return shown


def refuse(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refusal:
    """Make a refusal of the whole request."""
    return Refusal(status, [Problem(message=message)], headers)


class Found(Exception):
    """Everything that is wrong with an input, each with its path."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(*[problem.message for problem in problems])
        self.problems: Final = tuple(problems)


def problem_of(error: InvalidInput, path: str | None = None) -> Problem:
    """Turn an error of the core into a problem of the parameter at ``path`` (None: where the error says)."""
    param = path or error.field
    for place, ending, text in _MERGENT:
        if param == place and error.what.endswith(ending):
            return Problem(message=text, param=param, hint=error.cure)
    label = param.replace(".", " ").replace("_", " ")
    several = None if " " in param else param  # "cron, rrule or every" is no parameter's name
    return Problem(message=f"{label[:1].upper()}{label[1:]}: {_legible(error.what)}", param=several, hint=error.cure)


def refusal_of(error: MainspringError) -> Refusal:
    """Say how an error of an operation is answered."""
    match error:
        case InvalidInput():
            return Refusal(422, [problem_of(error)])
        case NotFound():
            return refuse(404, f"there is no such {error.kind}")
        case IllegalTransition():
            told = NOT_QUEUED if error.command in ("edit", "run now") else f"is {error.state}; cannot {error.command}"
            return Refusal(409, [Problem(message=told, hint=error.cure)])
        case Conflict():
            if error.subject.startswith("name "):
                return Refusal(409, [Problem(message=NAME_TAKEN, param="name", hint=error.cure)])
            return Refusal(409, [Problem(message=f"{error.subject}: {error.what}", hint=error.cure)])
        case StaleRun():
            return Refusal(409, [Problem(message=str(error))])
        case Unavailable():
            return refuse(503, "the storage cannot be used now; try again", {"Retry-After": "1"})
        case _:
            return refuse(500, "what is stored cannot be read; see the server's log")


def _legible(text: str) -> str:
    """Keep what a caller sent, and is told of, short and free of what JSON or a terminal would choke on."""
    return "".join(char if char.isprintable() else " " for char in text)[:300]
