"""Events of the attempt log: what webhooks filter by, read from their payloads again."""

from dataclasses import replace

from service.dialects.voipbin.names import MESSAGE_CREATED, MESSAGE_DIRECTION
from service.domain.event import Event
from service.domain.filters.occurrence import reader_of

_direction = reader_of("data.direction")


def recorded(event: Event) -> Event:
    """Return the event with the facts that it had when it was decoded."""
    direction = _direction(event.fields)
    if event.name != MESSAGE_CREATED or not isinstance(direction, str):
        return event
    return replace(event, facts={MESSAGE_DIRECTION: direction})
