"""A delivery that waits in the store for its turn among those of its call."""

from service.domain.delivery import Delivery
from service.domain.immutable import immutable
from service.domain.webhook import Order


def lane_of(webhook_id: str, conversation_key: str) -> str:
    """Return the lane of an ordered webhook's deliveries of one conversation."""
    return f"{webhook_id}/{conversation_key}"


@immutable
class HeldDelivery:
    """A delivery and where it stands.

    `due_at` (unix seconds) is when to look at it: for its next attempt where it has `begun`, or
    because it has waited long enough.
    """

    delivery: Delivery
    conversation_key: str
    order: Order
    due_at: float
    begun: bool = False
    droppable: bool = True
    """Whether it may be dropped where too many wait: it does not tell the end of a leg."""

    @property
    def lane(self) -> str:
        """The lane that it stands in."""
        return lane_of(self.delivery.webhook_id, self.conversation_key)
