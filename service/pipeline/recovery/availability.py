"""Repetition of calls to an unavailable dependency, with back-off and without loss."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from service.cancellation import honour_cancellation
from service.domain.errors import Unavailable
from service.observability.metrics import Metrics

T = TypeVar("T")

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0

log = structlog.get_logger(__name__)


class Availability:
    """Repeats a call that must succeed before a message may be acknowledged."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def until_available(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `ask`, repeating it as long as it raises Unavailable."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await ask()
            except Unavailable as error:
                self._metrics.waits.labels(type(error).__name__).inc()
                log.warning("dependency.unavailable", error=str(error), pause_s=pause_s)
            honour_cancellation()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def until_confirmed(self, publish: Callable[[], Awaitable[None]]) -> None:
        """Publish until the broker has confirmed the message.

        An unknown outcome counts as not confirmed, so a queue may hold the message twice, both
        times with the same delivery id.
        """
        await self.until_available(publish)
