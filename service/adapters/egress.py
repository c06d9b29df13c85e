"""Which addresses may be dialled: judged on the address itself, at every connection.

Python's own `ipaddress.is_global` is not used: what it says differs between patch releases, and it
calls NAT64, 6to4 and multicast addresses global. The tables follow the IANA special-purpose
registries of IPv4 and IPv6.
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
"""The last one is Azure's host agent, on a public address."""

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
ROUTED_IPV6 = ipaddress.IPv6Network("2000::/3")
REFUSED_IPV6 = tuple(
    map(
        ipaddress.IPv6Network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)

METADATA = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128",
         "168.63.129.16/32", "192.0.0.192/32", "100.100.100.200/32"),
    )
)  # fmt: skip
"""Where clouds hand out credentials: never, whatever the allow-list says."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address may not be dialled."""

    rule: str
    address: str


def judge(policy: EgressPolicy, text: str) -> Refusal | None:
    """Return the refusal of an address as it would be dialled, or None where it may be.

    What cannot be parsed is refused. An IPv4 address inside an IPv6 one is judged as well.
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
        return _judge(policy, address.ipv4_mapped, text)
    inner = _unpacked(address)
    refusal = _judge(policy, inner, text) if inner is not None else None
    return refusal or _judge(policy, address, text)


def _unpacked(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a router would unpack: NAT64, 6to4, Teredo, compatible."""
    if address in NAT64 or address in NAT64_LOCAL or int(address) >> 32 == 0:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    return address.teredo[1] if address.teredo is not None else None


def _judge(policy: EgressPolicy, address: Address, text: str) -> Refusal | None:
    if _within(address, METADATA):
        return Refusal("metadata", text)
    if _within(address, policy.deny):
        return Refusal("denied", text)
    if _within(address, policy.allow):
        return None
    return None if _public(address) else Refusal("not_public", text)


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, REFUSED_IPV4)
    return address in ROUTED_IPV6 and not _within(address, REFUSED_IPV6)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
