"""Verification of a request, and the likely cause where its signature does not fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.dialects.dialect import Dialects
from service.text.json_text import read_json, write_json
from service.tools.received import BYTES, Received
from service.tools.schemes import AT, SIGNED, STANDARD, Scheme, schemes_of
from service.tools.transformations import origins

TOLERANCE_S = 300.0
"""The guide for receivers, and the libraries of Standard Webhooks, have five minutes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is genuine, and by what, or why not, the likeliest cause first."""

    genuine: bool
    findings: Sequence[str]


def verify(
    request: Received,
    secret: str,
    dialects: Dialects,
    now: float,
    tolerance_s: float | None = TOLERANCE_S,
) -> Verdict:
    """Return the verdict; a `tolerance_s` of None accepts any age. Raises BadSecret."""
    schemes, contents = schemes_of(request, secret.strip(), dialects), [*_contents(request)]
    for scheme in schemes:
        if any(scheme.fits(content) for content in contents):
            return _fitting(scheme, request, now, tolerance_s)
    changed = next(_changes(schemes, contents), None)
    if changed is not None:
        return Verdict(genuine=False, findings=[changed])
    return Verdict(genuine=False, findings=[*_guesses(request, contents[0], schemes)])


def _contents(request: Received) -> Iterator[bytes]:
    """Yield what may be signed: the body, or the query, or what was appended to a query."""
    if request.body or not request.query or request.method not in ("", "GET"):
        yield request.body
        return
    parts = request.query.split("&")
    for begin in range(len(parts)):
        yield "&".join(parts[begin:]).encode(BYTES)


def _fitting(scheme: Scheme, request: Received, now: float, tolerance_s: float | None) -> Verdict:
    at = request.headers.get(AT, "")
    if not scheme.timed or tolerance_s is None:
        return Verdict(genuine=True, findings=[f"{scheme.header} fits"])
    if not at.isdecimal():
        return Verdict(genuine=False, findings=[_no_time(at)])
    age_s = now - int(at)
    if abs(age_s) <= tolerance_s:
        return Verdict(genuine=True, findings=[f"{scheme.header} fits, {age_s:.0f} s old"])
    if age_s > 0:
        cause = f"too old: {age_s:.0f} s. It was kept and is sent again, or a clock is wrong"
    else:
        cause = f"from the future: {-age_s:.0f} s. A clock is wrong, here or at the sender"
    return Verdict(genuine=False, findings=[f"{scheme.header} fits, but the request is {cause}"])


def _changes(schemes: Sequence[Scheme], contents: Sequence[bytes]) -> Iterator[str]:
    """Yield each change whose undoing makes a signature fit."""
    for scheme in schemes:
        for content in contents:
            for what, before in origins(content):
                if scheme.fits(before):
                    sizes = f"{len(before)} bytes were signed, {len(content)} are here"
                    yield f"{scheme.header} fits what was sent, but then {what}; {sizes}"


def _guesses(request: Received, content: bytes, schemes: Sequence[Scheme]) -> Iterator[str]:
    """Yield the causes that show in the request, where nothing that can be undone explains it."""
    yield from _of_headers(request, schemes)
    stated = request.headers.get("content-length", "")
    if schemes and not content:
        yield "there is no content: the body was read before it was kept, or this was a GET"
    elif stated.isdecimal() and int(stated) != len(request.body):
        yield f"Content-Length is {stated}, but the body has {len(request.body)} bytes: it was cut"
    elif schemes and _as_sent(content):
        yield "wrong secret: the body is still written as Switchhook writes it"
    elif schemes:
        yield "wrong secret, or a body that was changed beyond what can be undone"


def _of_headers(request: Received, schemes: Sequence[Scheme]) -> Iterator[str]:
    headers = request.headers
    absent = [name for name in STANDARD if name not in headers]
    if 0 < len(absent) < len(STANDARD):
        yield f"missing: {', '.join(absent)}. A proxy dropped it, or it was not kept"
    elif absent and not schemes:
        yield "no signature: the webhook has no secret, or a proxy dropped the headers"
    elif not absent and not schemes:
        yield "wrong secret: it is no whsec_… or whpk_…, and only those fit these headers"
    if SIGNED in headers and not headers[SIGNED].startswith(("v1,", "v1a,")):
        yield f"{SIGNED} begins with neither v1, nor v1a,: {headers[SIGNED][:40]!r}"
    if AT in headers and not headers[AT].isdecimal():
        yield _no_time(headers[AT])


def _no_time(at: str) -> str:
    return f"{AT} is not in unix seconds: {at[:40]!r}"


def _as_sent(content: bytes) -> bool:
    """Return whether JSON is written as we write it, so that nobody seems to have touched it."""
    try:
        return write_json(read_json(content)) == content
    except (ValueError, TypeError, RecursionError):
        return False
