"""Parked calls, which `callflow` publishes on `callevt`."""

from typing import Any

from service.dialects.binding import Binding
from service.dialects.kazoo.events.calls import CALL_HEADER
from service.dialects.kazoo.events.times import occurred_at
from service.dialects.kazoo.events.values import normalised, obj, required_text, text
from service.domain.event import Event

CATEGORY = "call_event"
NAMES = ("PARK_PARKED", "PARK_RETRIEVED", "PARK_ABANDONED")

KEYS = tuple(f"call.{name}.*" for name in NAMES)
BINDING = Binding("callevt", "topic", KEYS, call_header=CALL_HEADER)

LEFT_OUT = frozenset(
    {"Node", "Msg-ID", "App-Version", "App-Name", "Event-Category", "Custom-Channel-Vars"},
)


def decode(event_id: str, body: dict[str, Any]) -> tuple[Event, ...]:
    """Return the event of hook `parking`. Raises RejectedMessage.

    As in Kazoo, loopback legs are not filtered and dialled numbers are not looked up.
    """
    call_id = required_text(body, "Call-ID")
    account_id = text(obj(body, "Custom-Channel-Vars") or {}, "Account-ID")
    kept = {key: value for key, value in body.items() if key not in LEFT_OUT}
    fields = normalised(kept)
    fields["account_id"] = account_id
    return (
        Event(
            event_id=event_id,
            source="kazoo",
            hook="parking",
            name=body["Event-Name"],
            account_id=account_id,
            fields=fields,
            call_id=call_id,
            message=body,
            occurred_at=occurred_at(body),
        ),
    )
