"""Acknowledging what is settled, on the channel that brought it: many at a time where they adjoin.

The broker is told every few milliseconds. A run of settled messages without a gap is one frame;
what was settled behind a slow one goes by itself, so that nothing waits for it.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable

from aiormq.abc import AbstractChannel as WireChannel

from service.adapters.rabbitmq.link import BROKER_ERRORS
from service.cancellation import honour_cancellation
from service.observability.metrics import Metrics

TELL_EVERY_S = 0.005
"""At full load one frame for each message costs the service a fifth of its time."""
ROOM_S = 1.0


class Acks:
    """The delivery tags of one channel, which ascend: those outstanding, and those settled."""

    def __init__(self, channel: WireChannel, metrics: Metrics) -> None:
        self._channel = channel
        self._lost = metrics.acks_lost
        self._outstanding: dict[int, None] = {}
        self._settled: list[int] = []
        self._wake = asyncio.Event()
        self._telling = asyncio.Lock()
        self._closed = False

    def note(self, tag: int) -> None:
        """Note that a message came in."""
        self._outstanding[tag] = None

    def settle(self, tag: int) -> None:
        """Note that a message may be acknowledged; costs no await."""
        if self._closed:
            self._lost.inc()
        else:
            self._outstanding.pop(tag, None)
            self._settled.append(tag)
            self._wake.set()

    def close(self) -> None:
        """Note that the channel is gone: what was not told is handed out again."""
        self._closed = True
        self._lost.inc(len(self._settled))
        self._settled.clear()

    async def refuse(self, tag: int) -> None:
        """Reject without requeueing: the queue's dead letters go to the rejected queue."""
        await self._say(lambda: self._channel.basic_reject(tag, requeue=False, wait=False))
        # Not before: a run that goes past it would acknowledge it.
        self._outstanding.pop(tag, None)

    async def keep_telling(self) -> None:
        """Tell the broker what is settled, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(TELL_EVERY_S)
            await self.tell()

    async def tell(self) -> None:
        """Acknowledge everything that is settled by now."""
        async with self._telling:
            self._wake.clear()
            settled, self._settled = sorted(self._settled), []
            # Everything below the first outstanding tag is settled: one frame tells of all of it.
            first = next(iter(self._outstanding), None)
            run = len(settled) if first is None else bisect_left(settled, first)
            if run:
                await self._ack(settled[run - 1], multiple=True)
            for tag in settled[run:]:
                await self._ack(tag, multiple=False)

    async def _ack(self, tag: int, *, multiple: bool) -> None:
        await self._say(lambda: self._channel.basic_ack(tag, multiple=multiple, wait=False))

    async def _say(self, say: Callable[[], Awaitable[None]]) -> None:
        """Acknowledge, or note that the channel is gone: then the broker redelivers.

        aiormq has room for ten frames, and once a connection is lost nobody makes room: who waits
        for it then waits for ever. So nobody waits long at a time; what was not said yet is said
        again, which raises where the channel is closed.
        """
        while True:
            try:
                async with asyncio.timeout(ROOM_S):
                    return await say()
            except TimeoutError:
                honour_cancellation()
            except BROKER_ERRORS:
                self._lost.inc()
                return None
