"""Where a webhook points: the unit of fairness."""

from typing import NamedTuple
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


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

    Raises ValueError, with a text for people, where nothing could ever be requested from the URI.
    """
    if uri != uri.strip() or any(char < " " or char == "\x7f" for char in uri):
        raise ValueError("the URI has blanks around it or control characters in it")
    parts = urlsplit(uri)
    if any(char.isspace() for char in parts.netloc):
        raise ValueError("the host has a blank in it")
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"the scheme must be http or https, not {parts.scheme!r}")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError("the URI must not carry credentials")
    if not parts.hostname:
        raise ValueError("the URI names no host")
    port = parts.port if parts.port is not None else DEFAULT_PORTS[parts.scheme]
    if port == 0:
        raise ValueError("port 0 cannot be requested")
    return Endpoint(parts.scheme, parts.hostname, port)
