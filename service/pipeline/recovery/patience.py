"""Waiting for a dependency that is away: back off, come again, lose nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from service.domain.errors import Unavailable
from service.observability.metrics import Metrics

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

log = structlog.get_logger(__name__)


class Patience:
    """Repeats what must happen before a message may be acknowledged."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def until_available(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return what `ask` returns, asking again for as long as it raises Unavailable."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await ask()
            except Unavailable as error:
                self._metrics.waits.labels(type(error).__name__).inc()
                log.warning("dependency.unavailable", error=str(error), pause_s=pause_s)
            heed_cancellation()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def until_confirmed(self, publish: Callable[[], Awaitable[None]]) -> None:
        """Publish until the broker has confirmed it.

        An outcome that is unknown counts as not confirmed, so a message may stand in a queue twice:
        with the same delivery id.
        """
        await self.until_available(publish)


def heed_cancellation() -> None:
    """Raise CancelledError where this task was cancelled; must follow what a driver was asked.

    aiormq's calls and those of PyMongo's asyncio client go through `asyncio.wait_for`, which in
    Python 3.11 drops a cancellation that comes in the same moment as the reply (bpo-42130): who
    then waits for something else waits for ever. And aiormq cancels what waits on a connection it
    finds dead, which is no wish of anybody's.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError
