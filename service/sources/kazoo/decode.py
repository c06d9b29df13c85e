"""From any message of Kazoo to its event: dispatch by category and name, as Kazoo itself does."""

from typing import Any

from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message, event_id_of
from service.sources.binding import Binding
from service.sources.body import read_object
from service.sources.kazoo import calls
from service.sources.kazoo.policy import KazooPolicy
from service.sources.kazoo.values import required_text

BINDINGS: tuple[Binding, ...] = (calls.BINDING,)


class KazooDecoder:
    """Kazoo's side of the `Decoder` port."""

    def __init__(self, policy: KazooPolicy, max_bytes: int) -> None:
        channels = calls.ChannelDecoder(policy)
        self._max_bytes = max_bytes
        self._decoders = {(calls.CATEGORY, name): channels.decode for name in calls.NAMES}

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        """Return what the message tells of; nothing where it is none of our hooks' business.

        `account_id` is the owner of the event's dialled number, where the message itself names no
        account. Raises RejectedMessage.
        """
        body = read_object(message, self._max_bytes)
        decoder = self._decoders.get(_kind(body))
        if decoder is None:
            category, name = _kind(body)
            detail = f"no hook for {category[:60]!r}, {name[:60]!r}"
            raise RejectedMessage(RejectReason.UNKNOWN_EVENT, detail)
        return (decoder(event_id_of(message.source, message.body), body, account_id),)


def _kind(body: dict[str, Any]) -> tuple[str, str]:
    return required_text(body, "Event-Category"), required_text(body, "Event-Name")
