"""SMS and MMS, which `kazoo_im` publishes on `im`; the bodies of MMS are compressed by gzip."""

from typing import Any

from service.dialects.binding import Binding
from service.dialects.kazoo.events.times import occurred_at
from service.dialects.kazoo.events.values import required_text, text
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event

CATEGORIES = ("sms", "mms")
NAMES = ("inbound", "outbound")

KEYS = {
    "offnet": "{category}.inbound.offnet.*",
    "onnet": "{category}.inbound.onnet.*",
    # A message without a route has no word for it in its routing key.
    "outbound": "{category}.outbound.#",
}


def binding(category: str, policy: KazooPolicy) -> Binding:
    """Return the binding for the messages of a category on the enabled routes."""
    keys = (KEYS[route].format(category=category) for route in policy.sms_routes)
    return Binding("im", "topic", tuple(keys))


class MessageDecoder:
    """Decodes a message to an event of the hook with its category's name."""

    def __init__(self, policy: KazooPolicy) -> None:
        self._routes = frozenset(policy.sms_routes)

    def decode(self, event_id: str, body: dict[str, Any]) -> tuple[Event, ...]:
        """Return the event, or none for a route that is not enabled. Raises RejectedMessage."""
        category, direction = body["Event-Category"], body["Event-Name"]
        message_id = required_text(body, "Message-ID")
        sender, recipient = required_text(body, "From"), required_text(body, "To")
        route = (text(body, "Route-Type") or "").lower()
        if (direction if direction == "outbound" else route) not in self._routes:
            return ()
        account_id = text(body, "Account-ID")
        fields = {
            "id": message_id,
            "account_id": account_id,
            "type": category,
            "from": sender,
            "to": recipient,
            "body": _content(body),
            "origin": route or None,
            "charges": body.get("Charges"),
            # Kazoo's own payload has no direction, as Kazoo delivers only inbound messages.
            "direction": direction if self._routes != {"offnet"} else None,
        }
        return (
            Event(
                event_id=event_id,
                source="kazoo",
                hook=category,
                name=direction,
                account_id=account_id,
                fields=fields,
                occurred_at=occurred_at(body),
            ),
        )


def _content(body: dict[str, Any]) -> str:
    content = body.get("Body")
    if not isinstance(content, str):
        raise RejectedMessage(RejectReason.WRONG_TYPE, "Body must be a string")
    return content
