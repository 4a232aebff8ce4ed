"""What holds for a whole invocation of the command line, and the options that commands have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Invocation:
    """``store``: the storage URL that was given, by ``--store`` or ``MAINSPRING_STORE``; None: none was."""

    def __init__(self, store: str | None) -> None:
        self.store = store


def _take_store(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.find_object(Invocation).store = value  # type: ignore[union-attr]  # the root made it


def store_option(command: F) -> F:
    """Take ``--store`` behind the command as well as before it."""
    return click.option(
        "--store",
        metavar="URL",
        expose_value=False,
        callback=_take_store,
        allow_from_autoenv=False,
        help="As before the command: where tasks are kept.",
    )(command)


def json_option(command: F) -> F:
    """Let a command that reads print JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(command)


pass_invocation = click.make_pass_decorator(Invocation)
