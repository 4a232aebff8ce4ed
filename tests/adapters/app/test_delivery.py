"""How the library's workers deliver: signed and guarded as they were told."""

from __future__ import annotations

import asyncio

import pytest

from mainspring.app import Delivery, Mainspring
from mainspring.core.errors import InvalidInput
from mainspring.webhooks import new_secret, verify


async def _deliver_once(delivery: Delivery) -> tuple[bytes, dict[str, str], str]:
    """Let a worker deliver one task to a real socket; give what came over it, and the status of the task."""
    arrived: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
        headers = dict(row.split(": ", 1) for row in head if row)
        body = await reader.readexactly(int(headers["Content-Length"]))
        arrived.put_nowait((body, headers))
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    async with server, Mainspring("memory:", delivery=delivery) as app:
        port = server.sockets[0].getsockname()[1]
        task = await app.enqueue(f"http://127.0.0.1:{port}/hook", body='{"a": 1}', retry="never")
        await asyncio.wait_for(app.run_until_idle(), 10)
        status = (await app.get_task(task.id)).state.status
        return *(arrived.get_nowait() if not arrived.empty() else (b"", {})), status


def test_deliveries_are_signed_with_the_secrets_that_the_app_was_given() -> None:
    """A receiver that has the secret can verify both signatures of what a worker sends."""
    secret = new_secret()
    body, headers, status = asyncio.run(_deliver_once(Delivery(secrets=(secret,), mergent_secret="12345")))
    assert status == "succeeded"
    assert verify(body, headers, [secret]).attempt == 1
    assert verify(body, headers, ["12345"], scheme="mergent").id == headers["X-Mergent-Task"]


def test_a_guarded_worker_does_not_call_loopback() -> None:
    """The guard is on when it is asked for, and what it blocks fails with its reason, without a retry."""
    _, headers, status = asyncio.run(_deliver_once(Delivery(guard=True)))
    assert (headers, status) == ({}, "failed")


def test_a_guarded_worker_calls_what_is_allowed() -> None:
    """Loopback has its own switch."""
    _, headers, status = asyncio.run(_deliver_once(Delivery(guard=True, allow_loopback=True)))
    assert (bool(headers), status) == (True, "succeeded")


def test_strict_delivery_takes_200_and_201_only() -> None:
    """Mergent's rule, where it is wanted: a 202 is no success."""
    _, _, status = asyncio.run(_deliver_once(Delivery(strict=True)))
    assert status == "failed"


def test_the_environment_sets_what_the_program_does_not() -> None:
    """Secrets come from variables, so that they need not stand in code or on a command line."""
    environ = {
        "MAINSPRING_WEBHOOK_SECRETS": "whsec_a, whsec_b",
        "MAINSPRING_MERGENT_SECRET": "m",
        "MAINSPRING_GUARD": "ON",
        "MAINSPRING_ALLOW_NETWORKS": "10.0.0.0/8 hooks.internal",
        "MAINSPRING_STRICT": "yes",
    }
    assert Delivery.from_environment(environ) == Delivery(
        secrets=("whsec_a", "whsec_b"),
        mergent_secret="m",
        guard=True,
        allow_networks=("10.0.0.0/8", "hooks.internal"),
        strict=True,
    )
    assert Delivery.from_environment({}) == Delivery()


def test_a_switch_that_is_none_is_refused_by_name() -> None:
    """A typing error must not switch the guard off."""
    with pytest.raises(InvalidInput, match=r"MAINSPRING_GUARD: 'maybe' is no switch; use on or off"):
        Delivery.from_environment({"MAINSPRING_GUARD": "maybe"})


def test_secrets_do_not_show() -> None:
    """They are left out of the repr, which ends up in logs."""
    assert "hush" not in repr(Delivery(secrets=("whsec_hush",), mergent_secret="hush"))
