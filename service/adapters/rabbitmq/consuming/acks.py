"""Batched acknowledgements of settled messages, on the channel that brought them.

Acknowledgements are sent every few milliseconds. All messages before the oldest outstanding one are
acknowledged by one frame (`multiple`); messages behind it by one frame each, so that no message
waits for a slow one.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable

from aiormq.abc import AbstractChannel as WireChannel

from service.adapters.rabbitmq.link import BROKER_ERRORS
from service.cancellation import honour_cancellation
from service.observability.metrics import Metrics

TELL_EVERY_S = 0.005
"""Batching interval. At full load one frame per message costs the service a fifth of its time."""
ROOM_S = 1.0


class Acks:
    """Delivery tags of one channel, which ascend: the outstanding and the settled ones."""

    def __init__(self, channel: WireChannel, metrics: Metrics) -> None:
        self._channel = channel
        self._lost = metrics.acks_lost
        self._outstanding: dict[int, None] = {}
        self._settled: list[int] = []
        self._wake = asyncio.Event()
        self._telling = asyncio.Lock()
        self._closed = False
        self._may_tell = asyncio.Event()
        self._may_tell.set()
        self.newest = 0
        """Tag of the message that arrived last."""

    @property
    def unsettled(self) -> int:
        """The number of messages that the broker was not told to forget yet."""
        return len(self._outstanding) + len(self._settled)

    def hold_back(self) -> None:
        """Collect acknowledgements and send none, until `release`."""
        self._may_tell.clear()

    def release(self) -> None:
        """Send acknowledgements periodically again."""
        self._may_tell.set()

    def settled_until(self, tag: int) -> bool:
        """Return whether this message and all that arrived before it are settled."""
        return next(iter(self._outstanding), tag + 1) > tag

    def note(self, tag: int) -> None:
        """Note that a message arrived."""
        self._outstanding[tag] = None
        self.newest = tag

    def settle(self, tag: int) -> None:
        """Note that a message can be acknowledged; costs no await."""
        if self._closed:
            self._lost.inc()
        else:
            self._outstanding.pop(tag, None)
            self._settled.append(tag)
            self._wake.set()

    def close(self) -> None:
        """Note that the channel is closed: the broker redelivers unacknowledged messages."""
        self._closed = True
        self._lost.inc(len(self._settled))
        self._settled.clear()

    async def refuse(self, tag: int) -> None:
        """Reject without requeueing: the broker dead-letters the message to the rejected queue."""
        await self._say(lambda: self._channel.basic_reject(tag, requeue=False, wait=False))
        # Not earlier: an acknowledgement of several messages would then include this one.
        self._outstanding.pop(tag, None)

    async def give_back(self, tag: int) -> None:
        """Return a message to the front of its queue, for another consumer."""
        await self._say(lambda: self._channel.basic_nack(tag, requeue=True, wait=False))
        self._outstanding.pop(tag, None)

    async def keep_telling(self) -> None:
        """Acknowledge settled messages periodically, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(TELL_EVERY_S)
            await self._may_tell.wait()
            await self.tell()

    async def tell(self) -> None:
        """Acknowledge all messages settled so far."""
        async with self._telling:
            self._wake.clear()
            settled, self._settled = sorted(self._settled), []
            # All tags below the first outstanding one are settled: one frame acknowledges them.
            first = next(iter(self._outstanding), None)
            run = len(settled) if first is None else bisect_left(settled, first)
            if run:
                await self._ack(settled[run - 1], multiple=True)
            for tag in settled[run:]:
                await self._ack(tag, multiple=False)

    async def _ack(self, tag: int, *, multiple: bool) -> None:
        await self._say(lambda: self._channel.basic_ack(tag, multiple=multiple, wait=False))

    async def _say(self, say: Callable[[], Awaitable[None]]) -> None:
        """Send a frame, or count a lost acknowledgement: then the broker redelivers.

        aiormq's write queue holds ten frames, and nothing empties it after the connection is lost,
        so that waiting for room could take for ever. Hence each wait has a timeout, and `say` is
        called again, which raises if the channel is closed.
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
