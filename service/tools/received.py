"""A request as a receiver has kept it: read from files, or from one raw HTTP request."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

BYTES = "iso-8859-1"
"""Charset of head and query: it keeps every byte."""
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")


class Unreadable(ValueError):
    """The text is no HTTP; the text of the error says why."""


@dataclass(frozen=True, slots=True)
class Received:
    """Method, query and body as they arrived; the names of headers are in lower case.

    `method` is empty where no request line is known. Each character of the query is a byte.
    """

    headers: Mapping[str, str]
    body: bytes
    method: str = ""
    query: str = ""


def received(headers: bytes, body: bytes) -> Received:
    """Return the request of header lines, which a request line may precede, and a body.

    Raises Unreadable.
    """
    if not headers.strip():
        raise Unreadable("there are no headers")
    lines = headers.decode(BYTES).replace("\r\n", "\n").strip("\n").split("\n")
    method, query = "", ""
    words = lines[0].split(" ")
    if len(words) >= 2 and words[0] in METHODS:
        method, query = words[0], urlsplit(words[1]).query
        del lines[0]
    return Received(_headers(lines), body, method, query)


def received_raw(raw: bytes) -> Received:
    """Return the request of its raw bytes: request line, headers, empty line, body.

    Raises Unreadable.
    """
    ends = [(raw.find(gap), gap) for gap in (b"\r\n\r\n", b"\n\n") if gap in raw]
    if ends:
        at, gap = min(ends)
        head, body = raw[:at], raw[at + len(gap) :]
    else:
        head, body = raw, b""
    request = received(head, body)
    if not request.method:
        raise Unreadable("the first line is not that of an HTTP request")
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        return Received(request.headers, _unchunked(body), request.method, request.query)
    return request


def _headers(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or " " in name.strip():
            raise Unreadable(f"not a header line: {line[:60]!r}")
        key, value = name.strip().lower(), value.strip()
        # As RFC 9110 (5.2) joins headers of one name.
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _unchunked(body: bytes) -> bytes:
    """Return the body of chunks (RFC 9112, 7.1). Raises Unreadable."""
    parts: list[bytes] = []
    rest = body
    while True:
        line, _, rest = rest.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Unreadable("Transfer-Encoding is chunked, but the body has no chunks") from None
        if size == 0:
            return b"".join(parts)
        if len(rest) < size:
            raise Unreadable("the last chunk is not complete")
        parts.append(rest[:size])
        rest = rest[size:].removeprefix(b"\r\n")
