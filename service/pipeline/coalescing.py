"""Of a burst of events, only the latest within a window is sent, where a webhook wants it so."""

import asyncio

from service.bounded import BoundedDict
from service.domain.event import Event
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics

MOST_ENDED = 50_000
Waiting = asyncio.Future[bool]


class Bursts:
    """The latest event of each burst and webhook, while its window is open, in this worker.

    The events that wait are unacknowledged messages: after a kill they come again.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._open: dict[str, dict[str, tuple[float, Waiting]]] = {}
        """By burst and webhook, the time when the window closes, and the event that waits."""
        self._ended = BoundedDict[str, None](MOST_ENDED)

    async def is_latest(self, event: Event, webhook: Webhook) -> bool:
        """Return at the end of the window whether no later event of the burst came meanwhile.

        Returns False at once when a later one comes, or when the burst ends.
        """
        burst_id, window_ms = event.burst_id, webhook.coalesce_ms
        if burst_id is None or window_ms is None:
            return True
        latest = burst_id not in self._ended
        if latest:
            latest = await self._waited(burst_id, webhook.webhook_id, window_ms / 1000)
        if not latest:
            self._metrics.coalesced.inc()
        return latest

    def end(self, burst_id: str) -> None:
        """Drop what waits of a burst, and whatever comes of it later."""
        self._ended[burst_id] = None
        for _, waiting in self._open.pop(burst_id, {}).values():
            _settle(waiting, latest=False)

    async def _waited(self, burst_id: str, webhook_id: str, window_s: float) -> bool:
        loop = asyncio.get_running_loop()
        webhooks = self._open.setdefault(burst_id, {})
        closes_at, earlier = webhooks.get(webhook_id, (loop.time() + window_s, None))
        if earlier is not None:
            _settle(earlier, latest=False)
        waiting: Waiting = loop.create_future()
        webhooks[webhook_id] = closes_at, waiting
        closing = loop.call_at(closes_at, lambda: _settle(waiting, latest=True))
        try:
            return await waiting
        finally:
            closing.cancel()
            self._close(burst_id, webhook_id, waiting)

    def _close(self, burst_id: str, webhook_id: str, waiting: Waiting) -> None:
        """Close the window, unless a later event waits in it."""
        webhooks = self._open.get(burst_id, {})
        if webhook_id in webhooks and webhooks[webhook_id][1] is waiting:
            del webhooks[webhook_id]
            if not webhooks:
                del self._open[burst_id]


def _settle(waiting: Waiting, *, latest: bool) -> None:
    if not waiting.done():
        waiting.set_result(latest)
