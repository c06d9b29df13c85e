"""Requests that a switch's own services send over the bus, and what each leads to."""

from collections.abc import Sequence
from typing import Protocol

from service.domain.event import Event
from service.domain.immutable import immutable
from service.domain.publication import Publication


@immutable
class RpcResult:
    """What a request leads to, in this order: publications, a delivery, the reply.

    `late_reply` is sent instead where the first two cannot be stored while the caller waits.
    """

    reply: bytes
    late_reply: bytes = b""
    publications: Sequence[Publication] = ()
    event: Event | None = None
    """An event that carries its only webhook, to be delivered without a match."""


class RpcServer(Protocol):
    """Answers the requests in a queue that belongs to the switch. Free of I/O."""

    @property
    def queue(self) -> str:
        """The queue's name; durable, neither exclusive nor auto-deleted, without arguments."""

    @property
    def publishes_on(self) -> Sequence[str]:
        """The exchanges of its publications."""

    @property
    def reply_within_s(self) -> float:
        """Seconds within which the caller needs a reply."""

    def result(self, body: bytes) -> RpcResult:
        """Return what a request leads to; a reply says so where it cannot be understood."""
