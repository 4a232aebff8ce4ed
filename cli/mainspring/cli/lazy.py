"""A click group that imports a command's module only when that command is called.

``mainspring --help`` must come at once, so it may import none of them: the names and short helps stand in a table. A
test compares the table with what the modules say of themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command is (``package.module:name``) and its short help."""

    target: str
    help: str


class OrderedGroup(click.Group):
    """A group that shows its commands in the order in which they were written, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(self.commands)


class LazyGroup(click.Group):
    """A group whose commands are named in ``lazy``, in the order in which the help shows them."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.lazy: Final = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None if there is none of that name."""
        entry = self.lazy.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.target.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101  the table is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` begin with; an unknown one is answered with those that look like it."""
        name = args[0]
        if name not in self.lazy and not name.startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(name, self.lazy, n=1)
            ctx.fail(f"no such command {name!r}" + (f", did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table into the help; nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.lazy.items()])
