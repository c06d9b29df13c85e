"""One structured line per thing that happened: JSON for machines, colours for people."""

import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from service.observability.lines import as_json as as_json_line
from service.observability.lines import as_text, tracebacks

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
LEVELS["error"] = logging.ERROR


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """What is logged, and how it is written."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""
    format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""


def quiet_logs() -> None:
    """Let only warnings through, to standard error: a command's output is for its caller."""
    configure_logs(LogPolicy("warning", "console"))


def configure_logs(policy: LogPolicy) -> None:
    """Send our own lines and those of the libraries to standard error in one format."""
    level = LEVELS[policy.level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _stamped,
    ]
    as_json = policy.format == "json"
    structlog.configure(
        processors=[*shared, *_tail(as_json=as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=(
            structlog.BytesLoggerFactory(sys.stderr.buffer)
            if as_json
            else structlog.PrintLoggerFactory(sys.stderr)
        ),
        cache_logger_on_first_use=True,
    )
    _configure_libraries(level, shared, as_json=as_json)


def _stamped(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """Add level and time; structlog's own two steps for it take twice as long (2 µs more)."""
    event["level"] = level
    event["timestamp"] = datetime.now(UTC).isoformat()
    return event


def _tail(*, as_json: bool) -> list[Processor]:
    return [tracebacks, as_json_line] if as_json else [as_text(sys.stderr.isatty())]


def _decoded(logger: WrappedLogger, name: str, event: EventDict) -> str:
    return as_json_line(logger, name, event).decode()


def _configure_libraries(level: int, shared: list[Processor], *, as_json: bool) -> None:
    # The handler writes text, where our own lines are bytes.
    tail = [tracebacks, _decoded] if as_json else _tail(as_json=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    # They repeat at error level what our own supervision reports and heals.
    for noisy in ("aio_pika", "aiormq", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
