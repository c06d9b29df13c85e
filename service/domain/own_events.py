"""Events that the service itself makes of what the switches tell."""

from collections.abc import Mapping
from typing import Any

from service.domain.event import Event
from service.domain.webhook import OWN

CALL_SUMMARY = "call_summary"
MISSED_CALL = "missed_call"
CALL_SUSPECT = "call_suspect"


def own_event(hook: str, account_id: str, event_id: str, members: Mapping[str, Any]) -> Event:
    """Return the event of a hook; its call is that of the first leg."""
    legs = members.get("legs") or [members]
    call_id = legs[0].get("call_id")
    return Event(
        event_id=event_id,
        source=OWN,
        hook=hook,
        name=hook,
        account_id=account_id,
        fields={"event": hook, "account_id": account_id, **members},
        call_id=call_id if isinstance(call_id, str) else None,
    )
