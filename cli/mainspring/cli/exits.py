"""How the command line ends: one line on stderr and an exit code, whatever went wrong.

Rules:

* ``0`` well · ``1`` anything without a code of its own · ``2`` an input that is not accepted, a wrong usage included ·
  ``3`` there is no such thing (a store that does not exist yet included) · ``4`` not in this state, a name that is
  taken, or a lost race · ``70`` the store holds what it must not · ``75`` the store cannot be used now, try again ·
  ``130`` interrupted · ``141`` the reader of the output went away.
* An error is one line: ``error: FIELD: WHAT; CURE``. A traceback is shown only where ``MAINSPRING_TRACEBACK`` is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

import click

from mainspring.core.errors import (
    Conflict,
    CorruptHistory,
    IllegalTransition,
    InvalidInput,
    MainspringError,
    NotFound,
    StaleRun,
    Unavailable,
)

OK: Final = 0
OTHER: Final = 1
INVALID: Final = 2
NOT_FOUND: Final = 3
CONFLICT: Final = 4
CORRUPT: Final = 70
UNAVAILABLE: Final = 75
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

CODES: Final[tuple[tuple[type[MainspringError], int], ...]] = (
    (InvalidInput, INVALID),
    (NotFound, NOT_FOUND),
    (IllegalTransition, CONFLICT),
    (StaleRun, CONFLICT),
    (Conflict, CONFLICT),
    (CorruptHistory, CORRUPT),
    (Unavailable, UNAVAILABLE),
)
_TRACEBACK: Final = "MAINSPRING_TRACEBACK"
_CURES: Final = {
    "task": "list them with 'mainspring task ls'",
    "schedule": "list them with 'mainspring schedule ls'",
    "queue": "list them with 'mainspring queue ls'",
    "task or schedule": "list them with 'mainspring task ls' and 'mainspring schedule ls'",
    "key": "list them with 'mainspring key ls'",
    "project": "make it with 'mainspring project create'",
}


class StoreMissing(NotFound):
    """The store was not created yet; only what writes something new creates it."""

    def __init__(self, url: str) -> None:
        super().__init__("store", url)

    def __str__(self) -> str:
        return (
            f"store: {self.key} does not exist yet; create it with 'mainspring task add', 'mainspring schedule add' or "
            "'mainspring worker', or name another with --store"
        )


class PipeClosed(Exception):
    """The reader of stdout has gone: there is nobody left to tell."""


def code_of(error: MainspringError) -> int:
    """Give the exit code of an error."""
    return next((code for kind, code in CODES if isinstance(error, kind)), OTHER)


def line_of(error: MainspringError) -> str:
    """Write an error as ``FIELD: WHAT; CURE``."""
    if isinstance(error, NotFound) and not isinstance(error, StoreMissing):
        return f"{error.kind}: there is no {error.key!r}; {_CURES.get(error.kind, 'check what you named')}"
    if isinstance(error, CorruptHistory):
        return f"store: {error}; keep a copy of it and report this"
    return str(error)


def complain(line: str) -> None:
    """Write one line of complaint to stderr, with nothing in it that a terminal would obey."""
    from mainspring.cli.output import printable

    click.echo(f"error: {printable(' '.join(line.split()))}", err=True)


def guarded(action: Callable[[], object]) -> int:
    """Do ``action``; whatever it raises becomes a line and an exit code, which is returned."""
    try:
        ended = action()
        sys.stdout.flush()
    except MainspringError as error:
        _reraise_if_asked()
        complain(line_of(error))
        return code_of(error)
    except click.ClickException as error:
        return _usage(error)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (PipeClosed, BrokenPipeError):
        _silence_stdout()
        return PIPE_CLOSED
    except Exception as error:
        _reraise_if_asked()
        complain(f"internal: {type(error).__name__}: {error}; report this, with what {_TRACEBACK}=1 shows")
        return OTHER
    return ended if isinstance(ended, int) else OK


def _reraise_if_asked() -> None:
    if os.environ.get(_TRACEBACK):
        raise  # noqa: PLE0704  called while an error is handled


def _silence_stdout() -> None:
    """Let the interpreter's own flush at the end write to nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # stdout is no file of the system's: a test's, say
        return


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return INVALID
    if not isinstance(error, click.UsageError):
        complain(error.format_message())
        return error.exit_code
    complain(f"{_what(error)}; see '{error.ctx.command_path if error.ctx else 'mainspring'} --help'")
    return INVALID


def _what(error: click.UsageError) -> str:
    """Write a usage error of click's as ``FIELD: WHAT``."""
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{_name(error.param)}: it is missing"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_name(error.param)}: {error.message.rstrip('.')}"
    if isinstance(error, click.NoSuchOption):
        near = f", did you mean {error.possibilities[0]}?" if error.possibilities else ""
        return f"{error.option_name}: there is no such option{near}"
    if isinstance(error, click.BadOptionUsage):
        return f"{error.option_name}: {error.message.rstrip('.')}"
    return f"usage: {error.format_message().rstrip('.')}"


def _name(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len) if isinstance(parameter, click.Option) else parameter.human_readable_name
