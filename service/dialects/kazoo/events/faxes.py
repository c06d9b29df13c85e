"""Progress of a fax, which the switch's `fax` app publishes on `faxes`."""

from typing import Any

from service.dialects.binding import Binding
from service.dialects.kazoo.events.times import occurred_at
from service.dialects.kazoo.events.values import normalised, required_text, text
from service.domain.event import Event

CATEGORY = "fax"
NAME = "status"

BINDING = Binding("faxes", "topic", ("fax.status.*.*",))


def decode(event_id: str, body: dict[str, Any]) -> tuple[Event, ...]:
    """Return the event of hook `fax`. Raises RejectedMessage."""
    required_text(body, "Job-ID")
    account_id = text(body, "Account-ID")
    return (
        Event(
            event_id=event_id,
            source="kazoo",
            hook="fax",
            name=NAME,
            account_id=account_id,
            fields=normalised(body),
            call_id=text(body, "Call-ID"),
            facts={"type": NAME},
            occurred_at=occurred_at(body),
        ),
    )
