"""Rules for the addresses and ports that may be dialled, applied at every connection.

The tables follow the IANA special-purpose registries of IPv4 and IPv6. Python's own
`ipaddress.is_global` is not used: its results differ between patch releases, and it takes NAT64,
6to4 and multicast addresses for global ones.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.policy import EgressPolicy, Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

REFUSED_IPV4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
            "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "168.63.129.16/32",
        ),
    )
)  # fmt: skip
"""168.63.129.16 is Azure's host agent, on a public address."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
ROUTED_IPV6 = ipaddress.IPv6Network("2000::/3")
REFUSED_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)

THIS_MACHINE = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128")),
)

METADATA = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128",
         "168.63.129.16/32", "192.0.0.192/32", "100.100.100.200/32"),
    )
)  # fmt: skip
"""Networks where clouds hand out credentials (metadata services); `egress.allow` opens none."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule that refuses an address. Only the operator may see `address`."""

    rule: str
    address: str


def judge(policy: EgressPolicy, text: str) -> Refusal | None:
    """Return the refusal of an address to be dialled, or None if it may be.

    Unparsable text is refused, as is an IPv4 address written as an IPv6 one. An IPv4 address
    that a router would unpack from an IPv6 one is judged as well.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return Refusal("unparseable", text)
    if isinstance(address, ipaddress.IPv4Address):
        return _judge(policy, address, text)
    if address.scope_id is not None:
        return Refusal("zone", text)
    if address.ipv4_mapped is not None:
        return _judge(policy, address.ipv4_mapped, text) or Refusal("ipv4_mapped", text)
    meant: tuple[Address, ...] = (*_unpacked(address), address)
    refusals = (_judge(policy, each, text) for each in meant)
    return next((refusal for refusal in refusals if refusal), None)


def judge_port(policy: EgressPolicy, port: int) -> Refusal | None:
    """Return the refusal of a port, or None if it may be dialled. Port 0 is always refused."""
    listed = not policy.ports or port in policy.ports
    if port == 0 or port in policy.deny_ports or not listed:
        return Refusal("port", f"port {port}")
    return None


def _unpacked(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """Return the IPv4 address that a router would unpack: NAT64, 6to4, Teredo, IPv4-compatible."""
    bits = int(address)
    if address in NAT64 or address in NAT64_LOCAL or 1 < bits < 1 << 32:
        return (ipaddress.IPv4Address(bits & 0xFFFF_FFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return () if address.teredo is None else (address.teredo[1],)


def _judge(policy: EgressPolicy, address: Address, text: str) -> Refusal | None:
    if _within(address, METADATA):
        return Refusal("metadata", text)
    if _within(address, policy.deny):
        return Refusal("denied", text)
    if _within(address, policy.allow) and _meant(policy, address):
        return None
    return None if _public(address) else Refusal("not_public", text)


def _meant(policy: EgressPolicy, address: Address) -> bool:
    """Return whether `egress.allow` covers the address on purpose.

    This machine's own networks need an entry of at least their prefix length: a wider network does
    not open them.
    """
    own = next((network for network in THIS_MACHINE if address in network), None)
    return own is None or any(
        address in network and network.prefixlen >= own.prefixlen for network in policy.allow
    )


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, REFUSED_IPV4)
    return address in ROUTED_IPV6 and not _within(address, REFUSED_IPV6)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
