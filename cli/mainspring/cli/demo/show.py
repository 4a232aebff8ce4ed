"""The demonstration on the screen: live on a terminal that has rich, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Final, Protocol, Self

import click

from mainspring.cli.demo.verdict import Figures, Verdict
from mainspring.cli.output import colourful, print_table

PLAIN_SECONDS: Final = 1.0


class Show(Protocol):
    """What tells the story while it goes on."""

    def say(self, text: str) -> None:
        """Tell of something that happened."""
        ...

    def progress(self, counts: Mapping[str, int], delivered: int) -> None:
        """Show how far it is: tasks by status, and how many tasks the receiver answered well."""
        ...


class PlainShow:
    """Lines; progress at most once a second."""

    def __init__(self) -> None:
        self._start: Final = time.monotonic()
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return

    def say(self, text: str) -> None:
        """Write a line."""
        click.echo(f"{time.monotonic() - self._start:5.1f} s  {text}")

    def progress(self, counts: Mapping[str, int], delivered: int) -> None:
        """Write a line, if the last one is a second ago."""
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            self.say(f"  {_counts(counts)}; delivered {delivered}")


class LiveShow:
    """A bar that moves, with what happened above it."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._start: Final = time.monotonic()
        self._bar: Final = Progress(
            TimeElapsedColumn(),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("delivered; {task.description}"),
            transient=True,
        )
        self._row: Final = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self._bar.console.print(f"{time.monotonic() - self._start:5.1f} s  {text}", markup=False, highlight=False)

    def progress(self, counts: Mapping[str, int], delivered: int) -> None:
        """Move the bar."""
        total = sum(counts.values()) - counts.get("failed", 0) - counts.get("cancelled", 0)
        self._bar.update(self._row, completed=delivered, total=total, description=_counts(counts))


def make_show() -> AbstractContextManager[Show]:
    """Choose the one that fits stdout."""
    return LiveShow() if colourful() else PlainShow()


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{status} {count}" for status, count in counts.items() if count) or "nothing yet"


def show_verdict(verdict: Verdict) -> None:
    """Print the table and the last word."""
    columns = (
        "KIND", "CREATED", "DELIVERED", "RETRIED", "DEAD", "CANCELLED", "DUPLICATES", "LOST", "P50", "P99",
    )  # fmt: skip
    click.echo()
    print_table(columns, [_row(figures) for figures in (*verdict.rows, verdict.total)], gap=1)
    click.echo("P50, P99: how late the first delivery was. The bulk was all due in the same instant.\n")
    for problem in verdict.problems[:20]:
        click.echo(f"not well: {problem}")
    if not verdict.problems:
        click.echo(_last_word(verdict.total))


def _row(figures: Figures) -> tuple[str, ...]:
    numbers = (
        figures.created,
        figures.delivered,
        figures.retried,
        figures.dead,
        figures.cancelled,
        figures.duplicates,
        figures.lost,
    )
    return (figures.kind, *map(str, numbers), _late(figures.percentile(0.5)), _late(figures.percentile(0.99)))


def _late(value: timedelta | None) -> str:
    if value is None:
        return "-"
    seconds = value.total_seconds()
    return f"{seconds:.2f}s" if seconds >= 1 else f"{seconds * 1000:.0f}ms"


def _last_word(total: Figures) -> str:
    again = "no task was delivered twice"
    if total.duplicates:
        times = "1 delivery was repeated" if total.duplicates == 1 else f"{total.duplicates} deliveries were repeated"
        again = f"{times}, each after the lease of the killed worker had ended"
    return f"Nothing was lost, although a worker was killed with kill -9; {again}."
