"""One structured line per thing that happened: JSON for machines, colours for people."""

import logging
import sys
from dataclasses import dataclass
from typing import ClassVar, Literal

import structlog
from structlog.typing import Processor

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}
LEVELS["error"] = logging.ERROR


@dataclass(frozen=True, slots=True)
class LogPolicy:
    """What is logged, and how it is written."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


def configure_logs(policy: LogPolicy) -> None:
    """Send our own lines and those of the libraries to standard error in one format."""
    level = LEVELS[policy.level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if policy.format == "json":
        tail: list[Processor] = [
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ]
    else:
        tail = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
        ),
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)
    # They repeat at error level what our own supervision reports and heals.
    for noisy in ("aio_pika", "aiormq", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
