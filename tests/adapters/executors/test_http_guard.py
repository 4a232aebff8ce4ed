"""The guard where it counts: no connection to a blocked address, however it is come by (F19)."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.executors.receivers import Receiver, answer, closing, delivered, failure, post, with_receiver
from mainspring.adapters.executors.connections import BlockedAddress, GuardedResolver, SystemResolver, socket_factory
from mainspring.adapters.executors.guard import Allowance, Guard
from mainspring.adapters.executors.http import HttpExecutor
from mainspring.core.ports import Done, Outcome

LOOPBACK = Guard(allowance=Allowance(loopback=True))
UNREACHABLE = "255.255.255.255"  # no TCP goes there: connecting fails at once, without a packet


HOSTS = """
127.0.0.1 127.0.0.53 localhost LOCALHOST [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] 0.0.0.0 [::] [64:ff9b::7f00:1]
169.254.169.254 [fd00:ec2::254] 10.0.0.1 [2002:7f00:1::]
"""


class Answers(AbstractResolver):
    """A name server under the attacker's control: each lookup gives the next answer."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = itertools.cycle(answers)
        self.lookups = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.lookups += 1
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in next(self.answers)
        ]

    async def close(self) -> None:
        pass


def attempt(url: str, **options: object) -> tuple[Outcome, Receiver]:
    """Call ``url`` ({port}: a receiver on loopback) with a guard."""

    async def use(receiver: Receiver) -> tuple[Outcome, Receiver]:
        async with closing(HttpExecutor(**{"guard": Guard(), **options})) as executor:  # type: ignore[arg-type]
            return await asyncio.wait_for(post(executor, url.format(port=receiver.port)), 5), receiver

    return asyncio.run(with_receiver(answer(), use))


@pytest.mark.parametrize(
    "host",
    HOSTS.split(),
)
def test_blocked_hosts_are_not_connected(host: str) -> None:
    """By name or as a literal of any form: blocked for good, with a reason, and nobody was connected."""
    outcome, seen = attempt(f"http://{host}:{{port}}/")
    broken = failure(outcome)
    assert (broken.kind, broken.permanent) == ("blocked", True)
    assert "is not called: " in broken.message
    assert seen.connections == 0


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "localhost."])
def test_other_spellings_of_loopback_are_not_connected(host: str) -> None:
    """Spellings that the C library would read as 127.0.0.1 fail permanently, whoever notices them."""
    outcome, seen = attempt(f"http://{host}:{{port}}/")
    assert failure(outcome).kind in {"blocked", "url", "dns"}
    assert seen.connections == 0


def test_mixed_answers_are_blocked() -> None:
    """A name with one public and one private address is refused before anything is connected."""
    inner = Answers(("8.8.8.8", "127.0.0.1"))
    outcome, seen = attempt("http://mixed.example:{port}/", resolver=GuardedResolver(inner, Guard()))
    assert failure(outcome).kind == "blocked"
    assert "127.0.0.1 is a loopback address" in failure(outcome).message
    assert seen.connections == 0


def test_a_thousand_rebindings_connect_nobody() -> None:
    """Whatever a name resolved to when it was looked at, the connected address is judged: no connection in 1,000."""
    allowance = Allowance.parse([UNREACHABLE])
    resolver = Answers((UNREACHABLE,), ("127.0.0.1",), (UNREACHABLE, "127.0.0.1"))

    async def use(receiver: Receiver) -> set[str]:
        async with closing(HttpExecutor(guard=Guard(allowance=allowance), resolver=resolver)) as executor:
            calls = (post(executor, f"http://rebind{n}.example:{receiver.port}/") for n in range(1_000))
            outcomes = await asyncio.gather(*calls)
        assert receiver.connections == 0
        assert not receiver.requests
        return {failure(outcome).kind for outcome in outcomes}

    assert asyncio.run(with_receiver(answer(), use)) == {"blocked", "connect"}
    assert resolver.lookups == 1_000


def test_a_redirect_to_metadata_is_not_followed() -> None:
    """With a guard or without, a redirect is an answer like any other."""
    script = answer(302, b"", "Location: http://169.254.169.254/latest/meta-data/iam/")
    outcome, seen = delivered(script, guard=LOOPBACK)
    assert (failure(outcome).kind, failure(outcome).status) == ("status", 302)
    assert len(seen.requests) == 1


def test_what_is_allowed_is_delivered() -> None:
    """With loopback allowed, deliveries to loopback arrive, by literal and by name."""
    for host in ("127.0.0.1", "localhost"):
        outcome, seen = attempt(f"http://{host}:{{port}}/", guard=LOOPBACK)
        assert isinstance(outcome, Done), outcome
        assert seen.connections == 1


def test_an_allowed_host_is_judged_by_the_name_in_the_url() -> None:
    """The name that an allowance opens counts at the socket too, and only while that name is called."""
    guard = Guard(allowance=Allowance.parse(["open.example"]))
    resolver = Answers((UNREACHABLE,))
    outcome, _ = attempt("http://open.example:{port}/", guard=guard, resolver=resolver)
    assert failure(outcome).kind == "connect"
    outcome, _ = attempt("http://other.example:{port}/", guard=guard, resolver=resolver)
    assert failure(outcome).kind == "blocked"


def test_the_socket_is_not_even_made() -> None:
    """The socket factory refuses by itself, also outside of any call."""
    make = socket_factory(Guard())
    with pytest.raises(BlockedAddress, match="loopback"):
        make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80)))
    make((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("8.8.8.8", 80))).close()


def test_a_lookup_that_hangs_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that does not answer costs the attempt its time, not the loop, and not the end of the process."""

    async def use() -> list[ResolveResult]:
        resolver = SystemResolver()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.resolve("slow.example", 80), 0.05)
        monkeypatch.undo()
        found = await resolver.resolve("127.0.0.1", 80)
        await resolver.close()
        return found

    async def hang() -> list[ResolveResult]:
        gate = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_: gate.wait(5))
        try:
            return await use()
        finally:
            gate.set()

    assert asyncio.run(hang())[0]["host"] == "127.0.0.1"
