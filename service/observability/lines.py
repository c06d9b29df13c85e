"""Log lines of bounded size, even for an error whose text quotes a megabyte."""

from datetime import datetime
from typing import Any

import orjson
from structlog.typing import EventDict, WrappedLogger

LONGEST_LINE = 16 * 1024
"""Bytes. Log collectors split or drop longer lines: Docker from 16 KiB, journald from 48 KiB."""

ROUNDS = ((2_000, 60), (500, 25), (100, 10))
"""Characters of a text and members of a list that are kept, tried in turn until the line fits."""
DEEPEST = 5
LONGEST_EVENT = 1_000
FIRST = ("timestamp", "level", "event")


def json_line(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    """Return the event as JSON, its longest members cut where the line would be too long."""
    try:
        line = orjson.dumps(event, default=repr)
    except (TypeError, RecursionError):
        # orjson refuses lone surrogates, integers beyond 64 bits and keys other than strings.
        line = _shortest_needed(event, None)
    return line if len(line) < LONGEST_LINE else _shortest_needed(event, len(line))


def json_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Return the same line as text, as the formatter of `logging` requires."""
    return json_line(logger, method, event).decode()


def console_line(_: WrappedLogger, __: str, rendered: Any) -> str:
    """Return the rendered line, its middle left out where it is too long."""
    encoded = str(rendered).encode("utf-8", "backslashreplace")
    if len(encoded) < LONGEST_LINE:
        return encoded.decode()
    # The end of a traceback names the line that failed.
    kept = LONGEST_LINE // 2 - 100
    start, end = encoded[:kept].decode("utf-8", "ignore"), encoded[-kept:].decode("utf-8", "ignore")
    return f"{start} ... [cut, of {len(encoded)}] ... {end}"


def _shortest_needed(event: EventDict, size: int | None) -> bytes:
    first = {name: event[name] for name in FIRST if name in event}
    if size is not None:
        first["cut_from_bytes"] = size
    for longest, most in ROUNDS:
        line = orjson.dumps(_cut({**first, **event}, longest, most))
        if len(line) < LONGEST_LINE:
            return line
    return orjson.dumps(_cut(first, LONGEST_EVENT, len(first)))


def _cut(value: Any, longest: int, most: int, depth: int = 0) -> Any:
    match value:
        case None | bool() | float() | datetime():
            return value
        case int() if abs(value) < 2**63:
            return value
        case str():
            return _cut_text(value, longest)
        case dict() if depth < DEEPEST:
            members = list(value.items())[:most]
            return {_cut_text(str(k), 100): _cut(v, longest, most, depth + 1) for k, v in members}
        case list() | tuple() if depth < DEEPEST:
            return [_cut(item, longest, most, depth + 1) for item in value[:most]]
    return _cut_text(repr(value), longest)


def _cut_text(text: str, longest: int) -> str:
    if len(text) > longest:
        text = f"{text[:longest]} ... [cut from {len(text)}]"
    return text.encode("utf-8", "backslashreplace").decode()
