"""``mainspring worker``: run a worker until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mainspring.cli.calls import import_option
from mainspring.cli.invocation import Invocation, pass_invocation, store_option

if TYPE_CHECKING:
    from mainspring.adapters.engine import EngineSettings
    from mainspring.adapters.engine.upkeep import Retention

FOREVER: Final = "forever"


@click.command()
@import_option
@click.option("--queues", metavar="A,B", help="Serve only these queues.  [default: all]")
@click.option("--concurrency", type=int, default=50, show_default=True, help="How many runs at once.")
@click.option(
    "--lease",
    metavar="DURATION",
    default="30s",
    show_default=True,
    help="How long a run is held without a sign of life; a crashed worker's runs are taken over that much later.",
)
@click.option(
    "--grace",
    metavar="DURATION",
    default="25s",
    show_default=True,
    help="How long runs may go on after a signal to stop, before they are given back.",
)
@click.option(
    "--keep",
    metavar="STATUS=DURATION",
    multiple=True,
    help="How long ended tasks are kept, e.g. failed=90d or succeeded=forever; may be repeated.  "
    "[default: 31d, but failed=forever]",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@store_option
@pass_invocation
def worker(
    invocation: Invocation,
    import_: str | None,
    queues: str | None,
    concurrency: int,
    lease: str,
    grace: str,
    keep: tuple[str, ...],
    log_format: str,
    log_level: str,
) -> None:
    """Run a worker until it is told to stop.

    On SIGTERM or SIGINT (Ctrl-C) it takes nothing new, lets its runs finish within the grace time, gives the others
    back, and exits with 0. A second signal ends it at once: its runs are taken over when their leases end. Logs go to
    stderr.
    """
    from mainspring.cli.logs import log_to_stderr
    from mainspring.cli.working import work

    settings = _settings(queues, concurrency, lease, grace, keep)
    log_to_stderr(log_format, log_level)
    work(invocation, import_, settings)


def _settings(queues: str | None, concurrency: int, lease: str, grace: str, keep: tuple[str, ...]) -> EngineSettings:
    from mainspring.adapters.engine import EngineSettings
    from mainspring.core.instants import parse_duration

    return EngineSettings(
        queues=tuple(name.strip() for name in queues.split(",")) if queues else (),
        concurrency=concurrency,
        lease=parse_duration("lease", lease),
        grace=parse_duration("grace", grace),
        retention=_retention(keep),
    )


def _retention(keep: tuple[str, ...]) -> Retention:
    from attrs import evolve, fields

    from mainspring.adapters.engine.upkeep import Retention
    from mainspring.core.errors import InvalidInput
    from mainspring.core.instants import parse_duration

    kept, statuses = Retention(), [field.name for field in fields(Retention)]
    for text in keep:
        status, _, length = text.partition("=")
        if status not in statuses:
            what, cure = f"{text[:40]!r} names no status that ends", f"write STATUS=DURATION, of {', '.join(statuses)}"
            raise InvalidInput("keep", what, cure)
        kept = evolve(kept, **{status: None if length == FOREVER else parse_duration("keep", length)})
    return kept
