"""``mainspring demo``: watch it work."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from mainspring.cli.demo.play import StoreKind

SHORTEST: Final = 6


@click.command()
@click.option(
    "--seconds",
    type=click.IntRange(SHORTEST, 3600),
    default=12,
    show_default=True,
    help="How long the schedules go on firing, about.",
)
@click.option(
    "--store",
    type=click.Choice(["sqlite", "postgres"]),
    default="sqlite",
    show_default=True,
    help="Keep the tasks in a SQLite file, or in a PostgreSQL server that is started for it and thrown away.",
)
@click.option("--keep", metavar="DIR", help="Leave the store, the receiver's log and the workers' logs in this folder.")
@click.pass_context
def demo(ctx: click.Context, seconds: int, store: StoreKind, keep: str | None) -> None:
    """Watch it work: tasks, schedules, retries and a crash, in seconds.

    Everything is real and runs in processes of its own: a SQLite file or a PostgreSQL server, a receiver on the
    loopback interface that writes down each delivery, and a worker that is killed with kill -9 in the middle and
    replaced. The table at the end is made from the receiver's own log. Ends with 0 only if nothing was lost.
    """
    from mainspring.cli.demo.play import play
    from mainspring.cli.demo.show import make_show, show_verdict

    _require("aiohttp", "HTTP calls need aiohttp", "http")
    if store == "postgres":
        _require("psycopg", "Postgres needs psycopg", "postgres")
    with _folder(keep) as folder:
        with make_show() as show:
            verdict = play(folder, seconds, show, store)
        show_verdict(verdict)
        if keep is not None:
            file = "demo.db, " if store == "sqlite" else ""
            click.echo(f"kept in {folder}: {file}receiver.jsonl and the workers' logs")
    if verdict.problems:
        ctx.exit(1)


def _require(module: str, what: str, extra: str) -> None:
    from importlib.util import find_spec

    from mainspring.core.errors import InvalidInput

    if find_spec(module) is None:
        raise InvalidInput("demo", what, f"run: pip install 'mainspring[{extra}]'")


@contextmanager
def _folder(keep: str | None) -> Generator[Path]:
    from tempfile import TemporaryDirectory

    from mainspring.core.errors import InvalidInput

    if keep is None:
        with TemporaryDirectory(prefix="mainspring-demo-") as name:
            yield Path(name)
        return
    folder = Path(keep)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as error:
        raise InvalidInput("keep", f"{folder} cannot be used ({error.strerror})", "name a new folder") from None
    if used:
        raise InvalidInput("keep", f"{folder} is not empty", "name a new folder")
    yield folder
