"""Batched publishing with confirms: one write for all publishes of an event loop iteration.

aiormq itself needs a lock, a timer, two futures and several callbacks for each publish, and settles
each confirm separately. Here the publishes of one event loop iteration are written at once, and a
confirm of several messages settles all of them in the iteration that reads it.
"""

import asyncio
from collections import OrderedDict, deque
from itertools import chain

import pamqp.frame
from aiormq.abc import AbstractChannel as WireChannel
from aiormq.abc import ChannelFrame, DeliveredMessage
from aiormq.exceptions import ChannelInvalidStateError, DeliveryError, PublishError
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic, Channel, Confirm
from pamqp.header import ContentHeader

from service.adapters.rabbitmq.publishing.frames import Outgoing, PublishFrames

MOST_IN_FLIGHT = 1000
MOST_BYTES_IN_FLIGHT = 1 << 20
"""Bounds on unconfirmed publishes, and so on the publishes that driver and socket may hold.

They keep memory bounded if the broker reads slowly or not at all. So the driver's writer need not
wait until the socket has drained, and heartbeats never queue behind publishes.
"""

LOOK_EVERY_S = 0.05
"""Least interval between two checks for publishes that have timed out."""


class Publish:
    """A message, with the future that its confirm completes."""

    __slots__ = ("deadline", "done", "message", "queue")

    def __init__(
        self, message: Outgoing, queue: str, done: asyncio.Future[None], deadline: float
    ) -> None:
        self.message = message
        self.queue = queue
        self.done = done
        self.deadline = deadline

    def fail(self, error: Exception) -> None:
        """Raise the error in the task that waits for the confirm."""
        if not self.done.done():
            self.done.set_exception(error)


class Confirms:
    """Publishes with confirms on one channel; nothing else may publish on it."""

    def __init__(self, channel: WireChannel, exchange: str, timeout_s: float) -> None:
        self._channel = channel
        self._frames = PublishFrames(channel, exchange)
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Publish] = deque()
        self._in_flight: OrderedDict[int, Publish] = OrderedDict()
        self._bytes = 0
        self._tag = 0
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._returned: Basic.Return | None = None
        self._missing = 0
        self._answered = asyncio.Event()
        self._error: Exception | None = None
        self._pass_on = channel.frames.put
        channel.frames.put = self._put  # type: ignore[method-assign]

    async def is_usable(self, within_s: float) -> bool:
        """Return whether the driver writes our frames and hands over the broker's answers.

        Sends `confirm.select` a second time, which is idempotent. Raises the error of a lost
        channel.
        """
        if not self._frames.are_right():
            return False
        select = pamqp.frame.marshal(Confirm.Select(), self._channel.number)
        try:
            async with asyncio.timeout(within_s):
                await self._write(select)
                await self._answered.wait()
        except TimeoutError:
            return False
        if self._error is not None:
            raise self._error
        return True

    def publish(self, message: Outgoing, queue: str) -> asyncio.Future[None]:
        """Return a future that is done once the broker has stored the message.

        It raises PublishError if the broker returned the message, DeliveryError if the broker
        refused it, TimeoutError without a confirm in time, ChannelInvalidStateError if the channel
        is lost. After the last two the broker may still have stored the message.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        if self._error is not None:
            done.set_exception(self._error)
            return done
        deadline = self._loop.time() + self._timeout_s
        self._waiting.append(Publish(message, queue, done, deadline))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._expire)
        self._wake.set()
        return done

    async def keep_writing(self) -> None:
        """Write waiting publishes, within the bounds in flight, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if payload := self._next():
                await self._write(payload)

    def close(self, why: str = "the connection was lost; the outcome is unknown") -> None:
        """Note that the channel is lost, and fail all publishes: their outcome is unknown."""
        error = self._error = self._error or ChannelInvalidStateError(why)
        if self._timer is not None:
            self._timer.cancel()
        for publish in chain(self._in_flight.values(), self._waiting):
            publish.fail(error)
        self._in_flight.clear()
        self._waiting.clear()
        self._answered.set()

    async def _write(self, payload: bytes) -> None:
        frame = ChannelFrame(payload, should_close=False)
        await self._channel.write_queue.put(frame)  # type: ignore[attr-defined]

    def _next(self) -> bytes:
        """Return the frames of waiting publishes within the bounds, and count them as in flight."""
        parts: list[bytes] = []
        while self._waiting and self._has_room(len(self._waiting[0].message.body)):
            publish = self._waiting.popleft()
            if publish.done.done():
                continue  # cancelled before it was sent
            self._tag += 1
            self._in_flight[self._tag] = publish
            self._bytes += len(publish.message.body)
            parts += self._frames.encode(publish.message, publish.queue, self._tag)
        return b"".join(parts)

    def _has_room(self, size: int) -> bool:
        if not self._in_flight:
            return True
        count, total = len(self._in_flight), self._bytes + size
        return count < MOST_IN_FLIGHT and total <= MOST_BYTES_IN_FLIGHT

    def _expire(self) -> None:
        """Fail publishes whose deadline has passed; deadlines ascend from in flight to waiting.

        A failed publish in flight still counts for the bounds: it may be in our memory, or the
        broker may still be storing it.
        """
        self._timer, now = None, self._loop.time()
        error = TimeoutError(f"the broker confirmed nothing within {self._timeout_s:g} s")
        while self._waiting and self._waiting[0].deadline <= now:
            self._waiting.popleft().fail(error)
        for publish in chain(self._in_flight.values(), self._waiting):
            if publish.deadline > now:
                next_look = max(publish.deadline, now + LOOK_EVERY_S)
                self._timer = self._loop.call_at(next_look, self._expire)
                return
            publish.fail(error)

    async def _put(self, item: tuple[int, Frame | ContentHeader | ContentBody]) -> None:
        """Take the next frame, as soon as aiormq's connection reader has read it."""
        frame = item[1]
        if isinstance(frame, Basic.Ack):
            self._settle(frame.delivery_tag or 0, None, multiple=frame.multiple)
        elif isinstance(frame, Basic.Nack):
            refused = DeliveryError(None, frame)
            self._settle(frame.delivery_tag or 0, refused, multiple=frame.multiple)
        elif isinstance(frame, Basic.Return):
            self._returned = frame
        elif self._returned is not None:
            self._take_returned(self._returned, frame)
        elif isinstance(frame, Confirm.SelectOk) and not self._answered.is_set():
            self._answered.set()
        else:
            if isinstance(frame, Channel.Close):
                self.close(f"the broker closed the channel: {frame.reply_text}")
            await self._pass_on(item)

    def _settle(self, tag: int, error: Exception | None, *, multiple: bool) -> None:
        """Settle the publish with this tag, or all up to it."""
        if not multiple:
            self._settle_one(tag, error)
        else:
            in_flight = self._in_flight
            while in_flight and (first := next(iter(in_flight))) <= tag:
                self._settle_one(first, error)
        if self._waiting:
            self._wake.set()

    def _settle_one(self, tag: int, error: Exception | None) -> None:
        publish = self._in_flight.pop(tag, None)
        if publish is None:
            return
        self._bytes -= len(publish.message.body)
        if error is not None:
            publish.fail(error)
        elif not publish.done.done():
            publish.done.set_result(None)

    def _take_returned(self, returned: Basic.Return, frame: object) -> None:
        """Fail the publish that the broker returned; its confirm follows immediately."""
        if isinstance(frame, ContentHeader):
            self._missing = frame.body_size
            tag = self._frames.tag_of(frame.properties.message_id)
            publish = self._in_flight.get(tag or 0)
            if publish is not None:
                message = DeliveredMessage(returned, frame, b"", self._channel)
                publish.fail(PublishError(message, returned))
        elif isinstance(frame, ContentBody):
            self._missing -= len(frame.value)
        if self._missing <= 0:
            self._returned = None
