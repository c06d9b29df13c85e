"""Messages handed over in the very turn of the event loop that reads them.

By itself aiormq takes each of a message's frames through a queue to another task, and starts a task
for the whole: half a dozen messages were at work at a time, however many stood in the queue. This
way it is the whole prefetch, and a delivery takes 320 instead of 503 µs of CPU time.

It rests on parts of aiormq that are not documented. So each channel is tried before it consumes,
and where the driver has changed, messages come by aiormq's own delivery.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress

import pamqp.frame
import structlog
from aiormq.abc import AbstractChannel as WireChannel
from aiormq.abc import DeliveredMessage
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from prometheus_client import Gauge

from service.cancellation import honour_cancellation

Take = Callable[[Basic.Deliver, Basic.Properties, bytes], None]

TRY_FOR_S = 5.0
TRIED_KEY, TRIED_TYPE, TRIED_BODY = "switchhook.try", "application/json", (b'{"tried":', b"true}")

DRIVER_CHANGED = (AttributeError, TypeError, ValueError, LookupError)
"""Errors where the driver lacks an attribute that we use."""

log = structlog.get_logger(__name__)


class Inbox:
    """The frames of a channel: messages are put together here, other frames go to aiormq."""

    def __init__(self, channel: WireChannel, take: Take) -> None:
        self._channel = channel
        self._take = take
        self._seen = 0
        self._deliver: Basic.Deliver | None = None
        self._properties = Basic.Properties()
        self._parts: list[bytes] = []
        self._missing = 0
        with suppress(*DRIVER_CHANGED):
            self._pass_on = channel.frames.put
            channel.frames.put = self._put  # type: ignore[method-assign]

    async def problem(self, within_s: float) -> str | None:
        """Return why the driver does not hand us frames as we expect; None where it does.

        Must be asked before consuming. Raises what talking to a broker that fails raises.
        """
        try:
            # Changes nothing: each consumer sets its own prefetch.
            async with asyncio.timeout(within_s):
                await self._channel.basic_qos(prefetch_count=1)
            if not self._seen:
                return "the answers of the broker do not pass by us"
            tried = await self._try()
        except DRIVER_CHANGED as error:
            return repr(error)
        whole = (TRIED_KEY, TRIED_TYPE, b"".join(TRIED_BODY))
        return None if tried == [whole] else f"a message came as {tried!r}"

    async def _try(self) -> list[tuple[str | None, str | None, bytes]]:
        """Return what is taken when the frames of one message come in."""
        tried: list[tuple[str | None, str | None, bytes]] = []
        take = self._take
        self._take = lambda deliver, properties, body: tried.append(
            (deliver.routing_key, properties.content_type, body)
        )
        try:
            for frame in _frames_of_a_message(self._channel.number):
                await self._channel.frames.put((0, frame))
        finally:
            self._take, self._deliver = take, None
        return tried

    def fall_back(self) -> None:
        """Leave all frames to aiormq: it puts messages together, and hands them to us."""
        with suppress(*DRIVER_CHANGED):
            self._channel.frames.put = self._pass_on  # type: ignore[method-assign]

    async def consume(self, queue: str) -> str:
        """Begin; return the consumer's tag."""
        ok = await self._channel.basic_consume(queue, self._take_whole)
        return str(ok.consumer_tag)

    async def _take_whole(self, message: DeliveredMessage) -> None:
        """Take what aiormq has put together, where the fast path is not in use."""
        if isinstance(message.delivery, Basic.Deliver):
            self._take(message.delivery, message.header.properties, message.body)

    async def _put(self, item: tuple[int, Frame | ContentHeader | ContentBody]) -> None:
        """Take the next frame, which aiormq's reader of the connection has just read."""
        frame = item[1]
        if isinstance(frame, Basic.Deliver):
            self._deliver = frame
        elif self._deliver is None:
            self._seen += 1
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


class FastPath:
    """Chooses how messages come in, and tells which way it is."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._told = ""
        self._hung = False

    async def choose(self, inbox: Inbox) -> None:
        """Have the inbox use the fast path where it works, else aiormq's own delivery.

        Raises TimeoutError where that did not show in time. aiormq closes the channel then, so the
        next one is not tried.
        """
        hung, self._hung = self._hung, False
        try:
            problem = "no answer came when it was tried" if hung else await inbox.problem(TRY_FOR_S)
        except TimeoutError:
            honour_cancellation()
            self._hung = True
            raise
        if problem is not None:
            inbox.fall_back()
        self._tell(problem or "")

    def _tell(self, problem: str) -> None:
        self._gauge.set(not problem)
        if problem and problem != self._told:
            remedy = "install the pinned versions of aiormq and pamqp"
            log.warning("consumer.slow_path", error=problem, remedy=remedy)
        self._told = problem


def _frames_of_a_message(channel: int) -> Iterator[Frame | ContentHeader | ContentBody]:
    """Yield frames that went through the codec as those from a broker do."""
    properties = Basic.Properties(content_type=TRIED_TYPE)
    frames: tuple[Frame | ContentHeader | ContentBody, ...] = (
        Basic.Deliver("tried", delivery_tag=1, exchange="", routing_key=TRIED_KEY),
        ContentHeader(0, sum(map(len, TRIED_BODY)), properties),
        *map(ContentBody, TRIED_BODY),
    )
    for frame in frames:
        read = pamqp.frame.unmarshal(pamqp.frame.marshal(frame, channel))[2]
        if isinstance(read, Frame | ContentHeader | ContentBody):
            yield read
