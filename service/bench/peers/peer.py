"""A sender of webhooks, as the measurements use it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from service.bench.peers.events import Event
from service.dev.servers import Server


class Peer(Protocol):
    """A sender of webhooks, with everything that it needs to run."""

    name: str

    @property
    def servers(self) -> Sequence[Server]:
        """All its processes, in the order of their start; the last one sends and may be killed."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Open what publishing needs; the servers run already."""

    async def subscribe(self, endpoints: Mapping[str, str], *, ordered: bool = False) -> None:
        """Give each account a webhook to its URL; `ordered` where it can keep a call's order."""

    async def publish(self, event: Event) -> None:
        """Return once the event is accepted. Raises SwitchhookError or OSError if it is not."""
