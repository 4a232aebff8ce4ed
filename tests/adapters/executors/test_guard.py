"""The guard's table, address by address (F19)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.adapters.executors.guard import Address, Allowance, Guard, blocked
from mainspring.core.errors import InvalidInput

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
223.255.255.255 2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450:4001::1 3ffe::1 ::ffff:8.8.8.8
64:ff9b::8.8.8.8
"""

BLOCKED = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 169.254.0.1
169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192 172.16.0.0 172.31.255.255
192.0.0.0 192.0.0.170 192.0.2.1 192.88.99.1 192.168.0.0 192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1
203.0.113.1 224.0.0.0 239.255.255.255 240.0.0.0 255.255.255.254 255.255.255.255 :: ::1 ::2 ::7f00:1 ::8.8.8.8
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::127.0.0.1
64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1:ffff::8.8.8.8 100::1 100:0:0:1::1 2001::1
2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 2001:db8::1 3fff::1
2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1 4000::1 5f00::1
fc00::1 fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
"""

NONSENSE = [
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "010.0.0.1",
    "1.2.3.4.5",
    "::g",
    "1.2.3.4/32",
    "٠.٠.٠.٠",
]


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses_pass(address: str) -> None:
    """What is just outside a blocked network, and what wraps a public address in use, passes."""
    assert blocked(address) is None


@pytest.mark.parametrize("address", [*BLOCKED.split(), *NONSENSE])
def test_all_else_is_blocked_with_a_reason(address: str) -> None:
    """Everything that is not public unicast is blocked, and so is what is no address."""
    reason = blocked(address)
    assert reason is not None
    assert " is " in reason


def test_the_reason_names_both_the_shell_and_the_core() -> None:
    """Who is refused learns why: the inner address, where it was hidden, and what it is."""
    assert blocked("169.254.169.254") == "169.254.169.254 is a cloud metadata address"
    assert blocked("::ffff:127.0.0.1") == "127.0.0.1 (in ::ffff:7f00:1) is a loopback address"
    assert blocked("2002:a00:1::1") == "10.0.0.1 (in 2002:a00:1::1) is a private address (RFC 1918)"


@given(st.ip_addresses(v=4))
def test_wrapping_never_helps(inner: ipaddress.IPv4Address) -> None:
    """No IPv6 form of a blocked IPv4 address passes, and all the forms of former times are blocked anyway."""
    number = int(inner)
    for shell in (0xFFFF << 32, 0x64FF9B << 96):
        assert (blocked(str(ipaddress.IPv6Address(shell | number))) is None) is (blocked(str(inner)) is None)
    for shell in (0, 0xFFFF << 48):
        assert blocked(str(ipaddress.IPv6Address(shell | number))) is not None
    assert blocked(str(ipaddress.IPv6Address(0x2002 << 112 | number << 80))) is not None
    assert blocked(str(ipaddress.IPv6Address(0x20010000 << 96 | number ^ 0xFFFFFFFF))) is not None


@given(st.ip_addresses())
def test_nothing_passes_that_the_standard_library_blocks(
    address: Address,
) -> None:
    """The table is never laxer than ``is_global`` (NAT64's shell apart, which is judged by what is inside)."""
    if blocked(str(address)) is None and address not in ipaddress.ip_network("64:ff9b::/96"):
        mapped = getattr(address, "ipv4_mapped", None)
        assert (mapped or address).is_global


def test_an_allowance_opens_networks_hosts_and_single_addresses() -> None:
    """What the operator names is open, and nothing beside it."""
    guard = Guard(allowance=Allowance.parse(["10.1.0.0/16", " fd12::/16", "192.168.1.7", "Hooks.Internal.", ""]))
    assert guard.verdict("10.1.2.3", "any") is None
    assert guard.verdict("::ffff:10.1.2.3", "any") is None
    assert guard.verdict("fd12::1", "any") is None
    assert guard.verdict("192.168.1.7", "any") is None
    assert guard.verdict("192.168.1.8", "hooks.internal") is None
    assert guard.verdict("192.168.1.8", "HOOKS.internal.") is None
    assert guard.verdict("192.168.1.8", "evil.hooks.internal") is not None
    assert guard.verdict("10.2.0.0", "any") is not None


def test_loopback_is_opened_by_its_flag_only() -> None:
    """Neither a network nor a host opens loopback; the flag opens nothing else."""
    wide = Allowance.parse(["0.0.0.0/0", "::/0", "127.0.0.0/8", "::1", "localhost"])
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert Guard(allowance=wide).verdict(address, "localhost") is not None
        assert Guard(allowance=Allowance(loopback=True)).verdict(address, "localhost") is None
    assert Guard(allowance=Allowance(loopback=True)).verdict("10.0.0.1", "localhost") is not None
    assert Guard(allowance=Allowance(loopback=True)).verdict("0.0.0.0", "localhost") is not None  # noqa: S104


def test_metadata_is_opened_by_its_own_address_only() -> None:
    """A wide entry or a host name does not give away the machine's credentials."""
    wide = Guard(allowance=Allowance.parse(["0.0.0.0/0", "169.254.0.0/16", "::/0", "metadata.internal"]))
    for address in ("169.254.169.254", "fd00:ec2::254", "168.63.129.16", "64:ff9b::a9fe:a9fe"):
        assert wide.verdict(address, "metadata.internal") is not None
    assert Guard(allowance=Allowance.parse(["169.254.169.254"])).verdict("169.254.169.254", "any") is None


@pytest.mark.parametrize(
    "entry", ["10.1.2.3/16", "10.0.0.0/33", "a b", "*.internal", "http://x", "example/", "1.2.3", "x." * 200]
)
def test_an_entry_that_is_neither_is_refused(entry: str) -> None:
    """A typing error in the allow-list is an error with its cure, not a hole and not a silent no."""
    with pytest.raises(InvalidInput, match="allow_networks"):
        Allowance.parse([entry])
