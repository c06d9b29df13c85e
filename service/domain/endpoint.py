"""Endpoint of a webhook, the unit of fairness, and the strict parser that reads it from a URI.

The parser has its own grammar for the authority. It refuses a URI whose host other parsers read
differently, so that the egress check and the connection cannot see different hosts.
"""

import re
import unicodedata
from ipaddress import IPv6Address
from typing import NamedTuple

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST_URI = 2048

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
AUTHORITY = re.compile(r"//([^/?#]*)")
HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?\Z")
DOTS = "\u3002\uff0e\uff61"
"""Characters that the mapping of international names (IDNA) also treats as dots."""


class Endpoint(NamedTuple):
    """Scheme, host and port of a URI."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def endpoint_of(uri: str) -> Endpoint:
    """Return the endpoint of an http(s) URI.

    Raises ValueError, with a readable text, where no request to the URI is possible.
    """
    if uri != uri.strip() or any(char < " " or char == "\x7f" for char in uri):
        raise ValueError("the URI has surrounding blanks or control characters")
    if len(uri) > LONGEST_URI:
        raise ValueError(f"the URI is longer than {LONGEST_URI} characters")
    scheme = SCHEME.match(uri)
    name = scheme[1].lower() if scheme else ""
    if scheme is None or name not in DEFAULT_PORTS:
        raise ValueError(f"the scheme must be http or https, not {name!r}")
    authority = AUTHORITY.match(uri, scheme.end())
    host, port = _host_and_port(authority[1] if authority else "")
    return Endpoint(name, host, DEFAULT_PORTS[name] if port is None else port)


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "@" in authority or "\\" in authority:
        raise ValueError("the URI must not carry credentials")
    parts = HOST_AND_PORT.match(authority)
    if parts is None:
        raise ValueError("the URI must have the form scheme://host or scheme://host:port")
    return _host(parts["host"]), _port(parts["port"])


def _host(text: str) -> str:
    if not text:
        raise ValueError("the URI has no host")
    if text.startswith("["):
        return _ipv6(text[1:-1])
    if any(char.isspace() for char in text):
        raise ValueError("the host must not contain a blank")
    if not all(map(_may_be_in_a_name, text)):
        raise ValueError("the host contains a character that is not allowed")
    return text.lower()


def _ipv6(text: str) -> str:
    """Return the address; a zone is refused, as it names an interface of this machine."""
    try:
        if "%" not in text:
            IPv6Address(text)
            return text.lower()
    except ValueError:
        pass
    raise ValueError("the host in brackets must be an IPv6 address")


def _may_be_in_a_name(char: str) -> bool:
    """Return whether it is a letter, digit or mark of any script, a dot, a hyphen, an underscore.

    The conversion for the name server drops or replaces other characters.
    """
    return char in "-._" or char in DOTS or unicodedata.category(char)[0] in "LMN"


def _port(text: str | None) -> int | None:
    if not text:
        return None
    port = int(text) if len(text) < 10 else 0
    if not 0 < port < 65_536:
        raise ValueError(f"the port must be from 1 to 65535, not {text[:10]}")
    return port
