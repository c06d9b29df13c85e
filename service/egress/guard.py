"""Egress guard: judges the mapped host name, the addresses and the port that will be dialled.

The same guard judges a URI when a webhook is created, a name when it is resolved, and an address
before a socket is created. Each stage refuses independently of the earlier ones.
"""

import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any
from urllib.parse import quote

from yarl import URL

from service.domain.endpoint import endpoint_of
from service.domain.policy import EgressPolicy
from service.egress.addresses import Refusal, judge, judge_port
from service.egress.own_addresses import is_own

PRIVATE_NAMES = frozenset({
    "arpa", "cluster.local", "corp", "home", "home.arpa", "internal", "intranet", "invalid", "lan",
    "local", "localdomain", "localhost", "onion", "private", "svc", "test",
})  # fmt: skip
"""Domains without public name servers (RFC 6761, 6762, 8375, 9476, and by custom)."""
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
LONGEST_NAME = 253
NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
"""Last label that makes some parsers read the host as an IPv4 address (WHATWG URL, 3.5)."""

VISIBLE = re.compile(r"[\x21-\x7e]*\Z")
INVISIBLE = re.compile(r"[^\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class System:
    """Calls of the operating system that a connection needs; tests replace them."""

    lookup: Callable[..., list[Any]] = socket.getaddrinfo
    new_socket: Callable[[int, int, int], socket.socket] = socket.socket


@dataclass(frozen=True, slots=True)
class EgressGuard:
    """Judges by the policy; `own_ports` are the ports that this service listens on."""

    policy: EgressPolicy
    own_ports: Collection[int] = ()

    def judged(self, uri: str, https_only: bool = False) -> URL | Refusal:  # noqa: FBT001, FBT002 (it is a key of a cache)
        """Return the URL to request, or its refusal, without a name lookup.

        `https_only` is the account's requirement, `egress.require_https` the platform's.

        Raises ValueError, with a text for people, if the URI cannot be requested.
        """
        url = _as_written(uri)
        host, port = url.raw_host, url.port
        if not host or port is None:
            raise ValueError("the URI must be http or https and name a host")
        if (https_only or self.policy.require_https) and url.scheme != "https":
            return Refusal("require_https", url.scheme)
        return self.host(host) or judge_port(self.policy, port) or url

    def host(self, host: str) -> Refusal | None:
        """Return the refusal of a host to be looked up or dialled, or None."""
        if ":" in host:
            return judge(self.policy, host)
        if NUMBER.match(host.removesuffix(".").rpartition(".")[2].lower()):
            return judge(self.policy, host) if _canonical(host) else Refusal("non_canonical", host)
        return self._name(host.removesuffix(".").lower())

    def address(self, address: str, port: int) -> Refusal | None:
        """Return the refusal of an address and port about to be dialled, or None."""
        refusal = judge(self.policy, address) or judge_port(self.policy, port)
        if refusal is None and port in self.own_ports and is_own(address):
            return Refusal("self", address)
        return refusal

    def _name(self, name: str) -> Refusal | None:
        labels = name.split(".")
        if len(name) > LONGEST_NAME or not all(map(LABEL.match, labels)):
            return Refusal("malformed_name", name)
        above = [".".join(labels[start:]) for start in range(len(labels))]
        private = len(labels) == 1 or not PRIVATE_NAMES.isdisjoint(above)
        allowed = {entry.lower() for entry in self.policy.allow_names}
        if private and allowed.isdisjoint({name, *(f".{domain}" for domain in above[1:])}):
            return Refusal("private_name", name)
        return None


def _as_written(uri: str) -> URL:
    """Return the URL with its host mapped to the name to look up; path and query are kept.

    Escapes only blanks and characters that are not visible ASCII: a signed URL must keep the
    escapes it has. Raises ValueError.
    """
    endpoint_of(uri)
    origin = URL(uri).origin()
    rest = uri.partition("//")[2].partition("#")[0]
    rest = rest[len(re.split("[/?]", rest, maxsplit=1)[0]) :]
    if not VISIBLE.match(rest):
        rest = _escaped(rest)
    return URL(f"{origin}{'' if rest.startswith('/') else '/'}{rest}", encoded=True)


def _escaped(rest: str) -> str:
    path, mark, query = rest.partition("?")
    whole = f"{path.replace(' ', '%20')}{mark}{query.replace(' ', '+')}"
    try:
        return INVISIBLE.sub(lambda found: quote(found[0], safe=""), whole)
    except UnicodeEncodeError:
        raise ValueError("the URI contains an unpaired surrogate") from None


def _canonical(host: str) -> bool:
    try:
        return str(IPv4Address(host)) == host
    except AddressValueError:
        return False
