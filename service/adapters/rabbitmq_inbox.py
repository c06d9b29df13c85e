"""Messages handed over in the very turn of the event loop that reads them.

By itself aiormq takes each of a message's frames through a queue to another task, and starts a task
for the whole: half a dozen messages were at work at a time, however many stood in the queue. This
way it is the whole prefetch, and a delivery takes 320 instead of 503 µs of CPU time.
"""

from collections.abc import Callable

import structlog
from aiormq.abc import AbstractChannel as WireChannel
from aiormq.abc import DeliveredMessage
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

Take = Callable[[Basic.Deliver, Basic.Properties, bytes], None]

log = structlog.get_logger(__name__)


class Inbox:
    """What comes in on a channel: messages are put together, everything else is aiormq's."""

    def __init__(self, channel: WireChannel, take: Take) -> None:
        self._channel = channel
        self._take = take
        self._pass_on = channel.frames.put
        self._deliver: Basic.Deliver | None = None
        self._properties = Basic.Properties()
        self._parts: list[bytes] = []
        self._missing = 0
        channel.frames.put = self._put  # type: ignore[method-assign]

    async def consume(self, queue: str) -> str:
        """Begin; return the consumer's tag."""
        ok = await self._channel.basic_consume(queue, self._take_whole)
        return str(ok.consumer_tag)

    async def _take_whole(self, message: DeliveredMessage) -> None:
        """Take what aiormq has put together, should it not go by `frames.put` one day."""
        if isinstance(message.delivery, Basic.Deliver):
            self._take(message.delivery, message.header.properties, message.body)

    async def _put(self, item: tuple[int, Frame | ContentHeader | ContentBody]) -> None:
        """Take the next frame, which aiormq's reader of the connection has just read."""
        frame = item[1]
        if isinstance(frame, Basic.Deliver):
            self._deliver = frame
        elif self._deliver is None:
            await self._pass_on(item)
        elif isinstance(frame, ContentHeader):
            self._properties = frame.properties
            self._parts = []
            self._missing = frame.body_size
            self._hand_over(self._deliver)
        elif isinstance(frame, ContentBody):
            self._parts.append(frame.value)
            self._missing -= len(frame.value)
            self._hand_over(self._deliver)

    def _hand_over(self, deliver: Basic.Deliver) -> None:
        """Hand the message over if it is whole. Whatever that raises must not end the reading."""
        if self._missing > 0:
            return
        self._deliver = None
        try:
            self._take(deliver, self._properties, b"".join(self._parts))
        except Exception:
            # It stays unacknowledged: the broker hands it out again after this connection.
            log.exception("message.bug", routing_key=deliver.routing_key)
