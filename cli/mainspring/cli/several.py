"""Doing something to several things: each on its own, the worst ending told at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click

from mainspring.cli.exits import code_of, complain, line_of
from mainspring.cli.output import printable
from mainspring.core.errors import MainspringError, Unavailable


def to_each(ids: Sequence[str], act: Callable[[str], str]) -> None:
    """Print what ``act`` says of each id; a refusal is a complaint, and the first one gives the exit code."""
    code = 0
    for id_ in ids:
        try:
            click.echo(printable(act(id_)))
        except Unavailable:
            raise  # nothing that follows could go better
        except MainspringError as error:
            complain(line_of(error))
            code = code or code_of(error)
    if code:
        click.get_current_context().exit(code)
