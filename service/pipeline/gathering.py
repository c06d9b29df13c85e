"""An open batch, and the seats that deliveries have in it."""

import asyncio
from enum import Enum, auto

from service.domain.batch_close import BatchClose
from service.domain.delivery import Attempt, DeferReason
from service.domain.webhook import Webhook
from service.pipeline.limits.places import Places
from service.pipeline.request.build import EventContent
from service.pipeline.request.destination import Owed

MOST_BATCH_BYTES = 1_048_576
"""Size of its items from which a batch is sent, however few they are."""


class Unsent(Enum):
    """Why a delivery left its batch."""

    CHANGED = auto()
    """Its webhook was edited, disabled or deleted meanwhile."""


Told = Attempt | DeferReason | Unsent | None
"""The delivery's attempt, or why there was none; None where the webhook was deleted meanwhile."""


class Seat:
    """A delivery in a batch; the result of `told` is what became of it."""

    __slots__ = ("content", "entered_at", "item", "owed", "told", "weight")

    def __init__(self, owed: Owed, content: EventContent, weight: int, item: bytes) -> None:
        self.owed = owed
        self.content = content
        self.weight = weight
        self.item = item
        loop = asyncio.get_running_loop()
        self.entered_at = loop.time()
        self.told: asyncio.Future[Told] = loop.create_future()

    def tell(self, told: Told) -> None:
        """Settle the delivery, unless its message was handed back meanwhile."""
        if not self.told.done():
            self.told.set_result(told)


class Gathering:
    """A batch that is open for further deliveries."""

    __slots__ = ("closed_at", "closed_by", "closing", "places", "seats", "size_bytes", "webhook")

    def __init__(self, webhook: Webhook, places: Places) -> None:
        self.webhook = webhook
        self.places = places
        self.seats: list[Seat] = []
        self.size_bytes = 0
        self.closing: asyncio.TimerHandle | None = None
        self.closed_at = 0.0
        self.closed_by = BatchClose.TIME

    def is_full(self, most: int) -> bool:
        """Return whether it must be sent now."""
        return len(self.seats) >= most or self.size_bytes >= MOST_BATCH_BYTES

    def close(self, cause: BatchClose) -> None:
        """Note that it takes no more; called once."""
        if self.closing is not None:
            self.closing.cancel()
        self.closed_at = asyncio.get_running_loop().time()
        self.closed_by = cause
