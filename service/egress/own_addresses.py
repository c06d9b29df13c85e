"""Detection of this machine's own addresses: packets to them reach this service's listeners."""

import socket
from ipaddress import ip_address

from service.egress.addresses import THIS_MACHINE

NOBODYS = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Documentation addresses (RFC 5737, 3849), which no machine has."""


def is_own(address: str) -> bool:
    """Return whether an address belongs to this machine. Sends no packet."""
    if any(ip_address(address) in network for network in THIS_MACHINE):
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if _source_towards(family, address) == address:
        return True
    # Packets to a second address of an interface have the first one as their source, so try to
    # bind. With `ip_nonlocal_bind` any address can be bound, and binding proves nothing.
    return _can_bind(family, address) and not _can_bind(family, NOBODYS[family])


def _source_towards(family: socket.AddressFamily, address: str) -> str | None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            source: str = probe.getsockname()[0]
    except OSError:
        return None
    return source


def _can_bind(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
