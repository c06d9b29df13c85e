"""How a log line is written: tracebacks without the values of variables, and lines of bounded size.

A frame's variables hold webhooks with their secrets, tokens and whole requests.
"""

import io
from typing import Any

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

MOST_BYTES = 16_384
MOST_FRAMES = 20
LONGEST_TEXT = 500
KEPT = ("event", "level", "timestamp")

tracebacks = structlog.processors.ExceptionRenderer(
    ExceptionDictTransformer(show_locals=False, max_frames=MOST_FRAMES)
)
"""Turns `exc_info` into a list of errors with their frames, for JSON."""


def as_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    """Return the line as JSON, `MOST_BYTES` long at most."""
    line = orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS)
    if len(line) <= MOST_BYTES:
        return line
    short = {"truncated": len(line), **{key: _shortened(value) for key, value in event.items()}}
    line = orjson.dumps(short, default=repr, option=orjson.OPT_NON_STR_KEYS)
    if len(line) <= MOST_BYTES:
        return line
    return orjson.dumps({"truncated": len(line)} | {key: short.get(key) for key in KEPT})


def as_text(colors: bool) -> Processor:  # noqa: FBT001 (as structlog has it)
    """Return what renders a line for people, `MOST_BYTES` characters long at most."""
    render = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_plain_traceback)

    def bounded(logger: WrappedLogger, name: str, event: EventDict) -> str:
        line = render(logger, name, event)
        return line if len(line) <= MOST_BYTES else f"{line[:MOST_BYTES]} ... ({len(line)})"

    return bounded


def _plain_traceback(out: Any, exc_info: ExcInfo) -> None:
    """Write a traceback as Python does: structlog's choice shows variables where rich is there."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    lines = text.getvalue().splitlines()
    most = 3 * MOST_FRAMES
    if len(lines) > most:
        lines = [*lines[: most // 2], "  ...", *lines[-most // 2 :]]
    out.write("\n" + "\n".join(line[:LONGEST_TEXT] for line in lines))


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return value[:LONGEST_TEXT]
    if isinstance(value, dict):
        return {str(key)[:LONGEST_TEXT]: _shortened(one) for key, one in list(value.items())[:20]}
    if isinstance(value, list | tuple):
        return [_shortened(one) for one in value[:MOST_FRAMES]]
    return value if isinstance(value, int | float) or value is None else repr(value)[:LONGEST_TEXT]
