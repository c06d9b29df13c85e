"""Idempotency memory of recently finished deliveries.

The connection may be lost between the end of a delivery and the acknowledgement of its message. The
broker then redelivers the message, which is acknowledged from this memory without a second request.
"""

from service.bounded import BoundedDict
from service.domain.delivery import Delivery

Step = tuple[str, int, int, float, str | None]


class FinishedDeliveries:
    """Remembers the last `capacity` steps of deliveries."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._steps = BoundedDict[Step, None](capacity)

    def add(self, delivery: Delivery) -> None:
        """Remember a step as done, forgetting the oldest beyond the capacity."""
        self._steps[delivery.step] = None

    def __contains__(self, delivery: Delivery) -> bool:
        return delivery.step in self._steps
