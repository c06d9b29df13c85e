"""The receiving half of live streams: the open streams of this worker, and what reaches them."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import orjson
import structlog

from service.domain.errors import TooManyStreams
from service.domain.policy import StreamPolicy
from service.observability.metrics import Metrics
from service.pipeline.live.feed import LiveFeed
from service.pipeline.live.stream import Stream

ANNOUNCE_EVERY_S = 5.0
"""A third of `feed.FORGOTTEN_S`: two lost announcements end nothing."""
STOPPING = "the service stops"

log = structlog.get_logger(__name__)


class LiveBus(Protocol):
    """Carries messages to the queues of workers; drops them where it cannot keep up."""

    queue: str
    """The queue of this worker."""

    def send(self, queue: str, body: bytes) -> None:
        """Send to one worker."""

    def send_all(self, body: bytes) -> None:
        """Send to every worker, this one included."""


class LiveHub:
    """Opens streams within the limits, announces what they want, and hands them what arrives."""

    def __init__(
        self,
        bus: LiveBus,
        feed: LiveFeed,
        policy: StreamPolicy,
        metrics: Metrics,
    ) -> None:
        self._bus = bus
        self._feed = feed
        self._policy = policy
        self._metrics = metrics
        self._streams: set[Stream] = set()
        self._counts: dict[tuple[str, str], int] = {}
        """The last count of each sender and key, for the keys wanted now."""
        self._stopping = False
        metrics.measure(metrics.streams_open, lambda: len(self._streams))

    async def run(self) -> None:
        """Announce what is wanted, again and again until cancelled."""
        while True:
            if self._streams:
                self._announce()
            await asyncio.sleep(ANNOUNCE_EVERY_S)

    def connected(self) -> None:
        """Announce what is wanted here, and ask what others want: the connection is new."""
        self._announce()
        self._bus.send_all(orjson.dumps({"asks": True}))

    def open(self, stream: Stream) -> None:
        """Add a stream, and announce it. Raises TooManyStreams."""
        accounts = Counter(one.account_id for one in self._streams)
        policy = self._policy
        if accounts[stream.account_id] >= policy.max_per_account:
            raise TooManyStreams(f"the account has {policy.max_per_account} streams already")
        if len(self._streams) >= policy.max:
            raise TooManyStreams(f"the worker has {policy.max} streams already")
        self._streams.add(stream)
        log.info("stream.opened", account_id=stream.account_id, streams=len(self._streams))
        if self._stopping:
            stream.end(STOPPING)
        self._announce()

    def close(self, stream: Stream) -> None:
        """Remove a stream; an unknown one is ignored."""
        stream.end("closed")
        if stream in self._streams:
            self._streams.discard(stream)
            self._metrics.stream_dropped.inc(stream.dropped_total)
            dropped, left = stream.dropped_total, len(self._streams)
            log.info("stream.ended", account_id=stream.account_id, dropped=dropped, streams=left)
            self._announce()

    def stop(self) -> None:
        """End all streams, and every one that is opened later."""
        self._stopping = True
        for stream in self._streams:
            stream.end(STOPPING)

    def receive(self, body: bytes) -> None:
        """Take a message of any worker. Never raises: anybody may publish to our exchange."""
        try:
            self._receive(orjson.loads(body))
        except Exception:
            log.exception("live.bug")

    def _receive(self, message: Mapping[str, Any]) -> None:
        if "wants" in message:
            self._feed.learn(str(message["queue"]), map(str, message["wants"]))
        elif "asks" in message:
            if self._streams:
                self._announce()
        elif "so_far" in message:
            self._note(str(message["from"]), message["so_far"], new=0)
        else:
            self._note(str(message["from"]), message["n"], new=1)
            for stream in self._streams:
                if not stream.keys.isdisjoint(message["n"]):
                    _hand(stream, message)

    def _note(self, sender: str, counts: Mapping[str, int], new: int) -> None:
        """Tell streams what is missing; `new` is 1 for counts that include the present message."""
        for key, count in counts.items():
            lost = count - new - self._counts.get((sender, key), count - new)
            self._counts[sender, key] = count
            if lost > 0:
                for stream in self._streams:
                    if key in stream.keys:
                        stream.lose(lost)

    def _announce(self) -> None:
        wanted = {key for stream in self._streams for key in stream.keys}
        self._counts = {seen: n for seen, n in self._counts.items() if seen[1] in wanted}
        message = {"queue": self._bus.queue, "wants": sorted(wanted)}
        self._bus.send_all(orjson.dumps(message))


def _hand(stream: Stream, message: Mapping[str, Any]) -> None:
    """Offer what the stream makes of the message, which costs nothing where it has no room."""
    if not stream.admit():
        stream.lose(1)
        return
    item = stream.take(message)
    if item is not None:
        stream.offer(item)
