"""Running a server in this process: the first key, the socket, and the two signals."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from typing import Final

import click
from attrs import evolve

from mainspring.app import Delivery, Mainspring
from mainspring.app.access import first_key
from mainspring.app.serving import Server, ServerSettings, address_of, listen
from mainspring.cli.crew import Crew
from mainspring.cli.invocation import Invocation
from mainspring.cli.wiring import load_app, on_store, store_of
from mainspring.core.errors import InvalidInput
from mainspring.core.instants import format_duration

_log: Final = logging.getLogger("mainspring.server")
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve_until_a_signal(
    invocation: Invocation,
    module: str | None,
    *,
    host: str,
    port: int,
    settings: ServerSettings,
    networks: tuple[str, ...],
    loopback: bool,
    workers: int,
) -> None:
    """Serve on the store of ``invocation`` until a signal stops it."""
    asked = Delivery.from_environment()
    delivery = evolve(asked, guard=True, allow_networks=(*asked.allow_networks, *networks), allow_loopback=loopback)
    delivery.executor()  # a setting that is wrong is refused before anything is opened
    if workers > 1 and store_of(invocation).startswith("memory:"):
        raise InvalidInput("workers", "processes cannot share memory:", "use sqlite:///FILE or postgresql://…")
    bound = listen(host, port)
    app = load_app(module)

    def work(gone: int | None) -> None:
        with on_store(invocation, app, delivery) as opened:
            asyncio.run(_until_a_signal(opened, bound, settings, gone))

    with on_store(invocation, app, delivery) as opened:
        _greet(opened, host, bound)
        if workers == 1:
            asyncio.run(_until_a_signal(opened, bound, settings, None))
            return
    Crew(workers, work).run()


def _greet(app: Mainspring, host: str, bound: socket.socket) -> None:
    key = first_key(app.directory, host)
    if key is not None:
        click.echo(f"key of the project default, shown this once: {key}")
    click.echo(f"listening on {address_of(bound)}")
    sys.stdout.flush()


async def _until_a_signal(app: Mainspring, bound: socket.socket, settings: ServerSettings, gone: int | None) -> None:
    server = app.server(settings)
    loop = asyncio.get_running_loop()
    asked: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if asked:
            _log.warning("%s again: ends at once, its runs are taken over when their leases end", number.name)
            os._exit(128 + number)
        asked.append(number)
        grace = format_duration(settings.engine.grace)
        _log.info("%s: takes nothing new, and lets requests and runs finish for up to %s", number.name, grace)
        server.stop()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    if gone is not None:
        loop.add_reader(gone, _orphaned, loop, gone, server)
    await server.run(bound)


def _orphaned(loop: asyncio.AbstractEventLoop, gone: int, server: Server) -> None:
    loop.remove_reader(gone)
    _log.warning("the parent process has gone: this one stops")
    server.stop()
