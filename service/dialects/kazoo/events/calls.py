"""The four channel events of call legs, which `ecallmgr` publishes on `callevt`."""

from typing import Any

from service.dialects.binding import Binding
from service.dialects.kazoo.events.times import unix_seconds
from service.dialects.kazoo.events.values import flag, integer, obj, required_text, text
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.event import Event
from service.domain.webhook import NOTHING

CATEGORY = "call_event"
CALL_HEADER = "call-id"
"""AMQP header that Kazoo sets on call events, and on nothing else (`kapi_call:publish_event`)."""
NAMES = ("CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_DESTROY")

INTERNAL = {"internal_leg": True}

NOBODY = "nouser"
"""The switch's placeholder for a request without a user."""


def binding(name: str) -> Binding:
    """Return the binding for the events of one name."""
    return Binding("callevt", "topic", (f"call.{name}.*",), call_header=CALL_HEADER)


class ChannelDecoder:
    """Decodes a channel message to the event of the hook with the same name in lower case."""

    def __init__(self, policy: KazooPolicy) -> None:
        keys = policy.reserved_ccv_keys
        self._reserved = None if keys is None else frozenset(keys)

    def decode(
        self, event_id: str, body: dict[str, Any], account_id: str | None
    ) -> tuple[Event, ...]:
        """Return the event; `account_id` is the looked-up owner of the dialled number, if known.

        Raises RejectedMessage.
        """
        name = body["Event-Name"]
        call_id = required_text(body, "Call-ID")
        variables = obj(body, "Custom-Channel-Vars") or {}
        if account_id is not None:
            # Kazoo writes the looked-up account into the channel's variables before formatting.
            variables = {**variables, "Account-ID": account_id}
        owner = text(variables, "Account-ID")
        loopback = flag(body, "Channel-Is-Loopback")
        channel_name = text(body, "Channel-Name") or ""
        fields = self._fields(name, body, variables)
        event = Event(
            event_id=event_id,
            source="kazoo",
            hook=name.lower(),
            name=name,
            account_id=owner,
            fields=fields,
            call_id=call_id,
            dialled_number=None if owner else _dialled_number(body),
            facts=INTERNAL if loopback or channel_name.startswith("loopback/") else NOTHING,
            message=body,
            occurred_at=unix_seconds(fields["timestamp"]),
        )
        return (event,)

    def _fields(
        self,
        name: str,
        body: dict[str, Any],
        variables: dict[str, Any],
    ) -> dict[str, Any]:
        borrowed = flag(variables, "Global-Resource")
        fields = {
            "account_id": None,
            "authorizing_id": text(variables, "Authorizing-ID"),
            "authorizing_type": text(variables, "Authorizing-Type"),
            "call_direction": text(body, "Call-Direction"),
            "call_forwarded": (
                None if variables.get("Call-Forward") is None else flag(variables, "Call-Forward")
            ),
            "call_id": body["Call-ID"],
            "callee_id_name": text(body, "Callee-ID-Name"),
            "callee_id_number": text(body, "Callee-ID-Number"),
            "caller_id_name": text(body, "Caller-ID-Name"),
            "caller_id_number": text(body, "Caller-ID-Number"),
            "custom_channel_vars": self._unreserved(variables),
            "custom_application_vars": obj(body, "Custom-Application-Vars"),
            "emergency_resource_used": flag(variables, "Emergency-Resource"),
            "from": text(body, "From"),
            "inception": text(body, "Inception"),
            "local_resource_id": None if borrowed else text(variables, "Resource-ID"),
            "local_resource_used": not borrowed,
            "is_internal_leg": flag(body, "Channel-Is-Loopback"),
            "other_leg_call_id": text(body, "Other-Leg-Call-ID"),
            "owner_id": text(variables, "Owner-ID"),
            "reseller_id": None,
            "timestamp": integer(body, "Timestamp"),
            "to": text(body, "To"),
            "hook_event": name.lower(),
        }
        fields.update(_extra_fields(name, body, variables))
        return fields

    def _unreserved(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        if self._reserved is None:
            return None
        return {key: value for key, value in variables.items() if key not in self._reserved}


def _extra_fields(
    name: str,
    body: dict[str, Any],
    variables: dict[str, Any],
) -> dict[str, Any]:
    if name == "CHANNEL_BRIDGE":
        return {
            "original_number": text(variables, "Original-Number"),
            "other_leg_destination_number": text(body, "Other-Leg-Destination-Number"),
        }
    if name == "CHANNEL_DESTROY":
        return {
            "hangup_cause": text(body, "Hangup-Cause"),
            "hangup_code": text(body, "Hangup-Code"),
            "duration_seconds": integer(body, "Duration-Seconds"),
            "ringing_seconds": integer(body, "Ringing-Seconds"),
            "billing_seconds": integer(body, "Billing-Seconds"),
        }
    return {}


def _dialled_number(body: dict[str, Any]) -> str | None:
    for key in ("Request", "To"):
        user = (text(body, key) or "").split("@", 1)[0]
        if user and user != NOBODY:
            return user
    return None
