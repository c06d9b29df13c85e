"""Decoder of Kazoo's messages: dispatches by category and name, as Kazoo itself does."""

from collections.abc import Callable
from typing import Any

from service.dialects.body import read_object
from service.dialects.kazoo.events import (
    calls,
    faxes,
    messages,
    notification_types,
    notifications,
    objects,
    parking,
)
from service.dialects.kazoo.events.values import required_text
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message, event_id_of

Decode = Callable[[str, dict[str, Any]], tuple[Event, ...]]


class KazooDecoder:
    """The `Decoder` of Kazoo."""

    def __init__(self, policy: KazooPolicy, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._channels = calls.ChannelDecoder(policy)
        self._decoders = _decoders(policy)

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        """Return the events of a message, or none if no hook concerns it.

        `account_id` is the owner of the event's dialled number, for a channel message that names
        no account. Raises RejectedMessage.
        """
        body = read_object(message, self._max_bytes)
        category = required_text(body, "Event-Category")
        name = required_text(body, "Event-Name")
        event_id = event_id_of(message.source, message.body)
        if name in calls.NAMES and category == calls.CATEGORY:
            return self._channels.decode(event_id, body, account_id)
        decode = self._decoders.get((category, name))
        if decode is None:
            detail = f"no hook for {category[:60]!r}, {name[:60]!r}"
            raise RejectedMessage(RejectReason.UNKNOWN_EVENT, detail)
        return decode(event_id, body)


def _decoders(policy: KazooPolicy) -> dict[tuple[str, str], Decode]:
    texts = messages.MessageDecoder(policy)
    notes = notifications.NotificationDecoder(policy)
    return {
        **{(parking.CATEGORY, name): parking.decode for name in parking.NAMES},
        **{(kind, name): texts.decode for kind in messages.CATEGORIES for name in messages.NAMES},
        **{(objects.CATEGORY, name): objects.decode for name in objects.NAMES},
        (objects.CATEGORY, objects.REQUEST): objects.ignored,
        **{(notifications.CATEGORY, name): notes.decode for name in notification_types.TYPES},
        (faxes.CATEGORY, faxes.NAME): faxes.decode,
    }
