"""From a message with one of the service's own events to the event; only samples come this way."""

from service.dialects.body import read_object
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message, event_id_of
from service.domain.own_events import own_event


class OwnDecoder:
    """The `Decoder` of the service's own events."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        """Return the event of a message. Raises RejectedMessage."""
        body = read_object(message, self._max_bytes)
        hook, owner = body.get("event"), account_id or body.get("account_id")
        if not isinstance(hook, str) or not isinstance(owner, str):
            raise RejectedMessage(RejectReason.MISSING_FIELD, "event or account_id is missing")
        return (own_event(hook, owner, event_id_of(message.source, message.body), body),)
