"""Every error of mainspring, named by what the caller should do about it.

* ``InvalidInput``: mend the named field and try again.
* ``NotFound``: the thing does not exist (any more).
* ``IllegalTransition``: the task is not in a state that allows this.
* ``StaleRun``: the report is of a run that is no longer current; drop it.
* ``Conflict``: somebody else was first (lost race, name taken); read again.
* ``Unavailable``: the storage cannot be reached now; back off and try again.
* ``CorruptHistory``: a bug of ours or a damaged store; stop.

A *run* that fails is a value (``Failure``), never an exception.
"""

from __future__ import annotations


class MainspringError(Exception):
    """The root of all errors that mainspring raises on purpose."""


class InvalidInput(MainspringError, ValueError):
    """An input that cannot be accepted.

    ``field`` names the input as its caller wrote it, ``what`` says what was wrong with the value,
    ``cure`` says what would be right.
    """

    def __init__(self, field: str, what: str, cure: str) -> None:
        super().__init__(field, what, cure)
        self.field = field
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.field}: {self.what}; {self.cure}"


class InvalidRecurrence(InvalidInput):
    """A cron, RRULE or interval text that is not accepted; the only error of ``mainspring.core.recurrence``."""


class NotFound(MainspringError):
    """There is no such thing (or none that this caller may see)."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(kind, key)
        self.kind = kind
        self.key = key

    def __str__(self) -> str:
        return f"no {self.kind} {self.key!r}"


class IllegalTransition(MainspringError):
    """The command is not possible in the state that the task is in."""

    def __init__(self, subject: str, state: str, command: str, cure: str) -> None:
        super().__init__(subject, state, command, cure)
        self.subject = subject
        self.state = state
        self.command = command
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.subject} is {self.state}: cannot {self.command}; {self.cure}"


class StaleRun(MainspringError):
    """A report of a run that is not the current one: its lease ended and another run took over."""

    def __init__(self, subject: str, run: int, current: str) -> None:
        super().__init__(subject, run, current)
        self.subject = subject
        self.run = run
        self.current = current

    def __str__(self) -> str:
        return f"{self.subject}: run {self.run} is no longer current ({self.current}); its report is dropped"


class Conflict(MainspringError):
    """A lost race or a name that is taken: read again, then decide."""

    def __init__(self, subject: str, what: str, cure: str) -> None:
        super().__init__(subject, what, cure)
        self.subject = subject
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}; {self.cure}"


class Unavailable(MainspringError):
    """The storage cannot be used now: away, locked for too long, not permitted, or not ours."""

    def __init__(self, subject: str, what: str, cure: str) -> None:
        super().__init__(subject, what, cure)
        self.subject = subject
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}; {self.cure}"


class CorruptHistory(MainspringError):
    """An event that the published table does not allow in this state: a bug of ours or a damaged store."""
