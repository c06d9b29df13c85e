"""Identify the client of a request: the peer, or the client that our proxies report."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from service.domain.policy import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Headers = CIMultiDict[str] | CIMultiDictProxy[str]
IPV6_SITE = 64
"""One client may use every address of such a prefix."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Identifies clients by address; `proxies` are the networks whose headers are trusted."""

    proxies: Sequence[Network] = ()

    def key(self, request: web.Request) -> str:
        """Return the key shared by all requests of a client: its address, or IPv6 prefix."""
        return key_of(self.address(request.remote, request.headers))

    def connection_key(self, peer: str | None) -> str | None:
        """Return the key shared by all connections of a client; None if many clients share it."""
        address = _parsed(peer or "")
        return None if address is None or self.is_proxy(address) else key_of(address)

    def address(self, peer: str | None, headers: Headers) -> Address | None:
        """Return the client's address; None if the peer has none.

        Proxies append to the headers, so they are read from the right: the first address that is
        not a proxy of ours is the client's, and anything left of it may be forged by the client.
        If both headers are present and disagree, the client wrote one of them: neither counts.
        """
        at = _parsed(peer or "")
        if at is None or not self.is_proxy(at):
            return at
        chains = [read(headers.getall(name, [])) for name, read in READERS.items()]
        found = {self._client(at, chain) for chain in chains if chain}
        return found.pop() if len(found) == 1 else at

    def over_tls(self, request: web.Request) -> bool:
        """Return whether the client speaks https to us, or to the proxy of ours that it reached."""
        if request.scheme == "https":
            return True
        peer = _parsed(request.remote or "")
        if peer is None or not self.is_proxy(peer):
            return False
        told = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
        standard = request.headers.get("Forwarded", "").rpartition(",")[2].lower()
        return told == "https" or "proto=https" in standard.replace('"', "")

    def is_proxy(self, address: Address) -> bool:
        """Return whether the address belongs to one of our proxies."""
        return any(address in network for network in self.proxies)

    def _client(self, peer: Address, hops: Sequence[Address | None]) -> Address:
        at = peer
        for hop in reversed(hops):
            if hop is None:
                break
            at = hop
            if not self.is_proxy(at):
                break
        return at


def key_of(address: Address | None) -> str:
    """Return the address, or for IPv6 the prefix that one client may have to itself."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_SITE), strict=False))
    return str(address)


def _x_forwarded_for(lines: Sequence[str]) -> list[Address | None]:
    return [_parsed(entry) for entry in ",".join(lines).split(",")] if lines else []


def _forwarded(lines: Sequence[str]) -> list[Address | None]:
    """Return the hops of RFC 7239's header.

    A comma inside quotes splits as well, so that a client that opens a quote without closing it
    cannot hide what the proxy appended.
    """
    return [_for(element) for element in ",".join(lines).split(",")] if lines else []


def _for(element: str) -> Address | None:
    pairs = [pair.partition("=") for pair in element.split(";")]
    values = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
    return _parsed(values[0].strip('"')) if len(values) == 1 else None


READERS: Mapping[str, Callable[[Sequence[str]], list[Address | None]]] = {
    "X-Forwarded-For": _x_forwarded_for,
    "Forwarded": _forwarded,
}


@lru_cache(maxsize=1000)
def _parsed(text: str) -> Address | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1` or `[2001:db8::1]:80`."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
