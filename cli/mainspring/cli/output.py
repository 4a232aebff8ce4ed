"""How things are shown: JSON for programs, aligned columns for people, colours only on a terminal that has rich.

Whatever comes from outside (names, URLs, answers of receivers) is shown without what a terminal would obey.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Final

import click

_SHOWN_CONTROLS: Final = {
    ord("\t"): " ",
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if code != 9},
}
COLOURS: Final = {
    "pending": "cyan",
    "running": "yellow",
    "cancelling": "yellow",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "magenta",
    "expired": "magenta",
    "paused": "magenta",
    "active": "green",
    "ok": "green",
}


def printable(text: str) -> str:
    """Write control characters out, so that a terminal shows them instead of obeying."""
    return text.translate(_SHOWN_CONTROLS)


def clipped(text: str, width: int) -> str:
    """Shorten to ``width`` characters, with a mark where something was cut off."""
    return text if len(text) <= width else text[: width - 1] + "…"


def print_json(value: Any) -> None:
    """Print plain data as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def colourful() -> bool:
    """Whether stdout is a terminal and rich is there to make use of it."""
    return sys.stdout.isatty() and find_spec("rich") is not None


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], gap: int = 2) -> None:
    """Print rows under their columns, ``gap`` apart; numbers of columns and of cells are the same."""
    shown = [[printable(cell) for cell in row] for row in rows]
    if colourful():
        _rich_table(columns, shown, gap)
    else:
        for line in _aligned([list(columns), *shown], " " * gap):
            click.echo(line)


def print_fields(fields: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    """Print names with their values, one a line."""
    width = max((len(name) for name, _ in fields), default=0)
    for name, value in fields:
        click.echo(f"{indent}{name.ljust(width)}  {printable(value)}".rstrip())


def _aligned(rows: Sequence[Sequence[str]], gap: str) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], gap: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    Console().print(table)
