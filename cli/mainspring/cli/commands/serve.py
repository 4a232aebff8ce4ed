"""``mainspring serve``: the HTTP API and a worker, until told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from mainspring.cli.calls import import_option
from mainspring.cli.invocation import Invocation, pass_invocation, store_option

if TYPE_CHECKING:
    from mainspring.app.serving import ServerSettings


class _ServeOptions(TypedDict):
    host: str
    port: int
    no_worker: bool
    workers: int
    import_: str | None
    queues: str | None
    concurrency: int
    lease: str
    grace: str
    rate_limit: int
    ready_lag: str
    open_metrics: bool
    allow_networks: str | None
    allow_loopback: bool
    log_format: str
    log_level: str


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; a public address needs a key.")
@click.option("--port", type=int, default=8000, show_default=True, help="Where to listen; 0 takes any that is free.")
@click.option("--no-worker", is_flag=True, help="Answer requests only; tasks are carried out by 'mainspring worker'.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="How many processes answer and carry out tasks, on one address.",
)
@import_option
@click.option("--queues", metavar="A,B", help="Serve only these queues.  [default: all]")
@click.option("--concurrency", type=int, default=50, show_default=True, help="How many runs at once.")
@click.option("--lease", metavar="DURATION", default="30s", show_default=True, help="As for 'mainspring worker'.")
@click.option(
    "--grace",
    metavar="DURATION",
    default="25s",
    show_default=True,
    help="How long requests and runs may go on after a signal to stop.",
)
@click.option(
    "--rate-limit", type=int, default=100, show_default=True, help="Requests a second and key; 0: any number."
)
@click.option(
    "--ready-lag",
    metavar="DURATION",
    default="5m",
    show_default=True,
    help="How late the oldest due task may be before /readyz is red.",
)
@click.option("--open-metrics", is_flag=True, help="Let /metrics be read without a key, also on a public address.")
@click.option("--allow-networks", metavar="A,B", help="What may be called beside public addresses, e.g. 10.0.0.0/8.")
@click.option("--allow-loopback", is_flag=True, help="Let tasks call this machine, e.g. while developing.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@store_option
@pass_invocation
def serve(invocation: Invocation, **options: Unpack[_ServeOptions]) -> None:
    """Serve the HTTP API, and carry tasks out, until told to stop.

    The first start on a store prints a key for the API, once. On SIGTERM or SIGINT (Ctrl-C) nothing new is taken,
    requests and runs may finish within the grace time, and it exits with 0; a second signal ends it at once. Only
    public addresses are called, unless others are allowed. Logs go to stderr.
    """
    _require_server()
    from mainspring.cli.logs import log_to_stderr
    from mainspring.cli.serving import serve_until_a_signal

    settings = _settings(options)
    log_to_stderr(options["log_format"], options["log_level"])
    serve_until_a_signal(
        invocation,
        options["import_"],
        host=options["host"],
        port=options["port"],
        settings=settings,
        networks=tuple((options["allow_networks"] or "").replace(",", " ").split()),
        loopback=options["allow_loopback"],
        workers=options["workers"],
    )


def _settings(options: _ServeOptions) -> ServerSettings:
    from mainspring.adapters.api import ApiSettings
    from mainspring.adapters.engine import EngineSettings
    from mainspring.app.access import is_loopback
    from mainspring.app.serving import ServerSettings
    from mainspring.core.instants import parse_duration

    queues = options["queues"]
    return ServerSettings(
        worker=not options["no_worker"],
        api=ApiSettings(
            rate_limit=-(-options["rate_limit"] // options["workers"]),  # each process counts by itself
            ready_lag=parse_duration("ready-lag", options["ready_lag"]),
            open_metrics=options["open_metrics"] or is_loopback(options["host"]),
        ),
        engine=EngineSettings(
            queues=tuple(name.strip() for name in queues.split(",")) if queues else (),
            concurrency=options["concurrency"],
            lease=parse_duration("lease", options["lease"]),
            grace=parse_duration("grace", options["grace"]),
        ),
    )


def _require_server() -> None:
    from importlib.util import find_spec

    from mainspring.core.errors import InvalidInput

    missing = [name for name in ("aiohttp", "prometheus_client", "starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        what = f"the server needs {', '.join(missing)}"
        raise InvalidInput("serve", what, "run: pip install 'mainspring[server]'")
