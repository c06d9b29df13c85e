"""Events of the attempt log: what webhooks filter by, read from their payloads again."""

from dataclasses import replace

from service.dialects.kazoo.events.calls import INTERNAL
from service.dialects.kazoo.events.faxes import NAME
from service.dialects.kazoo.events.notification_types import TYPES
from service.domain.event import Event


def recorded(event: Event) -> Event:
    """Return the event with the facts that it had when it was decoded."""
    if event.hook == "fax" and event.name != NAME:
        # It came from a message whose other event reached hook `all`.
        event = replace(event, reaches_all=False)
    if event.hook == "notifications" or (event.hook == "fax" and event.name in {*TYPES, NAME}):
        return replace(event, facts={"type": event.name})
    if event.hook in ("object", "fax"):
        named = {name: event.fields.get(name) for name in ("action", "type")}
        return replace(event, facts={name: value for name, value in named.items() if value})
    return replace(event, facts=INTERNAL) if event.fields.get("is_internal_leg") is True else event
