"""Which addresses a delivery may connect to: the guard against calls into the operator's own network (SSRF).

Rules:

* Only *public unicast* addresses are allowed. IPv4 is judged by a table of what is not public (IANA's special-purpose
  registry and the cloud providers' metadata addresses), IPv6 by the converse: what lies outside 2000::/3 is refused.
* An IPv4 address inside an IPv6 one is judged itself: IPv4-mapped, NAT64 (RFC 6052), ISATAP. What holds one in a form
  that no receiver has any more is refused whatever it holds: IPv4-compatible, -translated, 6to4, Teredo.
  A NAT64 prefix of one's own network cannot be known here.
* An ``Allowance`` opens networks or hosts. *Loopback* is opened by its own flag only, and a *metadata* address by an
  entry for that address alone, so that a wide entry such as ``0.0.0.0/0`` opens neither.
* A name with several addresses is refused if any of them is (``GuardedResolver``); and whatever a name resolved to, the
  address that is really connected is judged again (``http`` does this where the socket is made), so that an answer
  that changes between check and use gains nothing.

``blocked`` is a pure function. The standard library's ``is_global`` is not used: in Python 3.11 it lets several of
these pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from attrs import frozen

from mainspring.core.errors import InvalidInput

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

LOOPBACK: Final = "a loopback address"
METADATA: Final = "a cloud metadata address"

_METADATA: Final[frozenset[Address]] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, Oracle, DigitalOcean, OpenStack …
        "169.254.170.2",  # AWS ECS task credentials
        "169.254.170.23",  # AWS EKS pod identity
        "169.254.42.42",  # Scaleway
        "169.254.0.23",  # Tencent
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud, classic
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS EKS pod identity
        "fd20:ce::254",  # Google
        "fd00:42::42",  # Scaleway
    )
)

_IPV4: Final[tuple[tuple[IPv4Network, str], ...]] = tuple(
    (IPv4Network(text), reason)
    for text, reason in (
        ("127.0.0.0/8", LOOPBACK),
        ("0.0.0.0/8", "an address of this host (RFC 1122)"),
        ("10.0.0.0/8", "a private address (RFC 1918)"),
        ("172.16.0.0/12", "a private address (RFC 1918)"),
        ("192.168.0.0/16", "a private address (RFC 1918)"),
        ("100.64.0.0/10", "a shared address of carriers (RFC 6598)"),
        ("169.254.0.0/16", "a link-local address (RFC 3927)"),
        ("192.0.0.0/24", "a reserved address (RFC 6890)"),
        ("192.0.2.0/24", "an address for documentation (RFC 5737)"),
        ("198.51.100.0/24", "an address for documentation (RFC 5737)"),
        ("203.0.113.0/24", "an address for documentation (RFC 5737)"),
        ("192.88.99.0/24", "a 6to4 relay address (RFC 7526)"),
        ("198.18.0.0/15", "an address for benchmarks (RFC 2544)"),
        ("224.0.0.0/4", "a multicast address (RFC 5771)"),
        ("255.255.255.255/32", "the broadcast address (RFC 919)"),
        ("240.0.0.0/4", "a reserved address (RFC 1112)"),
    )
)

_IPV6: Final[tuple[tuple[IPv6Network, str], ...]] = tuple(
    (IPv6Network(text), reason)
    for text, reason in (
        ("::1/128", LOOPBACK),
        ("::/128", "the unspecified address (RFC 4291)"),
        ("fc00::/7", "a private address (RFC 4193)"),
        ("fe80::/10", "a link-local address (RFC 4291)"),
        ("fec0::/10", "a site-local address (RFC 3879)"),
        ("ff00::/8", "a multicast address (RFC 4291)"),
        ("64:ff9b:1::/48", "a NAT64 address of a local network (RFC 8215)"),
        ("2001:db8::/32", "an address for documentation (RFC 3849)"),
        ("3fff::/20", "an address for documentation (RFC 9637)"),
        ("2002::/16", "a 6to4 address (RFC 7526)"),
        ("2001::/32", "a Teredo address (RFC 4380)"),
        ("2001::/23", "a reserved address (RFC 2928)"),
    )
)

_PUBLIC_IPV6: Final = IPv6Network("2000::/3")
_UNWRAPPED_NEVER: Final = frozenset({IPv6Address("::"), IPv6Address("::1")})
_CURRENT: Final = (
    IPv6Network("::ffff:0:0/96"),  # IPv4-mapped, RFC 4291 §2.5.5.2
    IPv6Network("64:ff9b::/96"),  # NAT64, RFC 6052
)
_FORMER: Final = (
    IPv6Network("::/96"),  # IPv4-compatible, RFC 4291 §2.5.5.1
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated, RFC 2765
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214 §6.1
_HOST: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?=[a-z0-9-]*[a-z])[a-z0-9-]{1,63}", re.ASCII)


@frozen(kw_only=True)
class Allowance:
    """What is allowed beside public addresses; see the rules above.

    ``hosts`` are names, whole and in lower case: whatever such a name resolves to is allowed (but loopback and
    metadata).
    """

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    loopback: bool = False

    @classmethod
    def parse(cls, entries: Iterable[str], *, loopback: bool = False) -> Allowance:
        """Read entries such as ``10.1.0.0/16``, ``fd12::/64``, ``10.1.2.3`` and ``hooks.internal``.

        Raises ``InvalidInput`` for a network with host bits, and for what is neither a network nor a name.
        """
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in (text.strip().lower() for text in entries):
            if not entry:
                continue
            if "/" in entry or _parse(entry) is not None:
                networks.append(_network(entry))
            else:
                hosts.add(_host(entry))
        return cls(networks=tuple(networks), hosts=frozenset(hosts), loopback=loopback)


@frozen(kw_only=True)
class Guard:
    """Judges the addresses of deliveries; by default only public ones pass."""

    allowance: Allowance = Allowance()

    def verdict(self, address: str, host: str) -> str | None:
        """Say why a call to ``host`` may not connect to ``address``; None: it may."""
        parsed = _parse(address)
        if parsed is None:
            return f"{address[:80]} is no IP address"
        inner = _innermost(parsed)
        kind = _kind(inner)
        return None if kind is None or self._opened(inner, kind, host) else _reason(parsed, inner, kind)

    def _opened(self, address: Address, kind: str, host: str) -> bool:
        if kind == LOOPBACK:
            return self.allowance.loopback
        networks = [network for network in self.allowance.networks if address in network]
        if kind == METADATA:
            return any(network.num_addresses == 1 for network in networks)
        return bool(networks) or host.lower().rstrip(".") in self.allowance.hosts


_PUBLIC_ONLY: Final = Guard()


def blocked(address: str) -> str | None:
    """Say why ``address`` (an IP address as text, a zone behind % allowed) is not public; None: it is."""
    return _PUBLIC_ONLY.verdict(address, "")


def _parse(text: str) -> Address | None:
    try:
        return ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _reason(address: Address, inner: Address, kind: str) -> str:
    return f"{inner} is {kind}" if inner == address else f"{inner} (in {address}) is {kind}"


def _kind(address: Address) -> str | None:
    """Name the sort of a non-public address; None: it is public."""
    if address in _METADATA:
        return METADATA
    if isinstance(address, IPv4Address):
        return next((what for network, what in _IPV4 if address in network), None)
    special = next((what for network, what in _IPV6 if address in network), None)
    if special is None and address not in _PUBLIC_IPV6:
        return "a reserved address (RFC 4291)"
    return special


def _innermost(address: Address) -> Address:
    """Give the address that a packet would reach: the IPv4 address inside an IPv6 one, where there is one.

    Of the forms that nobody uses any more the inner address counts only if it is not public: the shell is refused.
    """
    if isinstance(address, IPv4Address) or address in _UNWRAPPED_NEVER:
        return address
    number = int(address)
    if any(address in network for network in _CURRENT):
        return IPv4Address(number & 0xFFFFFFFF)
    hidden = _hidden(address, number)
    return address if hidden is None or _kind(hidden) is None else hidden


def _hidden(address: IPv6Address, number: int) -> IPv4Address | None:
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if number >> 32 & 0xFFFFFFFF in _ISATAP or any(address in network for network in _FORMER):
        return IPv4Address(number & 0xFFFFFFFF)
    return None


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError:
        cure = "use CIDR without host bits, e.g. 10.1.0.0/16, or one address"
        raise InvalidInput("allow_networks", f"{entry[:80]!r} is no network", cure) from None


def _host(entry: str) -> str:
    host = entry.removesuffix(".")
    if len(host) > 253 or not _HOST.fullmatch(host):
        cure = "use 10.1.0.0/16, or a whole name such as hooks.internal"
        raise InvalidInput("allow_networks", f"{entry[:80]!r} is no network and no host name", cure)
    return host
