"""Catalogue of Kazoo's hooks and their payloads."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from service.dialects.hook import Hook
from service.dialects.kazoo import samples
from service.dialects.kazoo.events import (
    calls,
    faxes,
    messages,
    notifications,
    objects,
    parking,
)
from service.dialects.kazoo.events.notification_types import COMMON_FIELDS, TYPES
from service.dialects.kazoo.events.values import wire_name
from service.dialects.kazoo.fields import described
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.freshness import Freshness

NAME = "kazoo"


CHANNEL_FIELDS = (
    "account_id", "authorizing_id", "authorizing_type", "call_direction", "call_forwarded",
    "call_id", "callee_id_name", "callee_id_number", "caller_id_name", "caller_id_number",
    "custom_channel_vars", "custom_application_vars", "emergency_resource_used", "from",
    "inception", "local_resource_id", "local_resource_used", "is_internal_leg",
    "other_leg_call_id", "owner_id", "reseller_id", "timestamp", "to", "hook_event",
)  # fmt: skip
CHANNEL_REQUIRED = (
    "account_id", "call_id", "emergency_resource_used", "local_resource_used", "is_internal_leg",
    "hook_event",
)  # fmt: skip
PARKING_FIELDS = (
    "account_id", "call_id", "callee_id_name", "callee_id_number", "caller_id_name",
    "caller_id_number", "channel_is_loopback", "event_name", "parking_slot", "server_id",
    "system_log_id",
)  # fmt: skip
MESSAGE_FIELDS = (
    "id", "account_id", "type", "from", "to", "body", "origin", "charges", "direction",
)  # fmt: skip
COMMON_HEADERS = (
    "app_name", "app_version", "event_category", "event_name", "msg_id", "node", "server_id",
    "system_log_id",
)  # fmt: skip
FAX_STATUS_FIELDS = (
    "job_id", "account_id", "faxbox_id", "status", "fax_state", "fax_info", "direction", "page",
    "stage", "cloud_job_id", "cloud_printer_id", "caller_id_name", "caller_id_number",
    "callee_id_name", "callee_id_number", "call_id",
)  # fmt: skip
OBJECT_ACTIONS = ("all", "doc_created", "doc_edited", "doc_deleted")
OF_FAXES = {
    "type": (faxes.NAME, *objects.FAX_TYPES, *sorted(notifications.FAX_TYPES)),
    "action": tuple(action for action in OBJECT_ACTIONS if action != "all"),
}
"""Values of the facts that the filters of the hook `fax` are compared with."""
OF_CALLFLOWS = (
    f"a notification of type {notifications.CALLFLOW} goes to the webhook that the callflow "
    "carries, never to a stored one"
)
REGISTRATIONS = ("register", "deregister")


def _hook(hook_id: str, fields: Sequence[str], **rest: Any) -> Hook:
    return Hook(
        hook_id=hook_id,
        source=NAME,
        members=described(fields, hook_id),
        added=described(("cluster_id",), hook_id),
        **rest,
    )


def _channel(
    event: str,
    name: str,
    description: str,
    extra: Sequence[str] = (),
    freshness: Freshness = Freshness.LIVE,
) -> Hook:
    return _hook(
        hook_id=event.lower(),
        name=name,
        description=description,
        binds=(calls.binding(event),),
        fields=(*CHANNEL_FIELDS, *extra),
        required=CHANNEL_REQUIRED,
        sample=partial(samples.channel, event),
        fixed={"hook_event": event.lower()},
        freshness=freshness,
    )


def _message(category: str, policy: KazooPolicy) -> Hook:
    return _hook(
        hook_id=category,
        name=category.upper(),
        description=f"An {category.upper()} arrives for a number of the account.",
        binds=(messages.binding(category, policy),),
        fields=MESSAGE_FIELDS,
        required=("id", "account_id", "type", "from", "to", "body"),
        sample=partial(samples.text_message, category),
    )


def _object(policy: KazooPolicy) -> Hook:
    return _hook(
        hook_id="object",
        name="Object",
        description="A stored object of the account (a user, a device ...) is changed.",
        binds=(objects.BINDING,),
        fields=("id", "account_id", "action", "type"),
        required=("id", "account_id", "action"),
        sample=samples.object_change,
        modifiers={
            "type": {
                "type": "array",
                "description": "Type of the objects whose changes to receive.",
                "items": ["all", *policy.object_types],
            },
            "action": {
                "type": "array",
                "description": "Kind of change to receive.",
                "items": list(OBJECT_ACTIONS),
            },
        },
    )


def _notification_fields(names: Sequence[str]) -> list[str]:
    """Return the payload names of all fields that these types of notification may have."""
    fields = {field for name in names for field in (*TYPES[name].required, *TYPES[name].optional)}
    wired = {wire_name(field) for field in (*COMMON_FIELDS, *fields)}
    return sorted(wired | set(COMMON_HEADERS) | {"account_id"})


def _rules(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a schema rule per type with its required fields, except secrets."""
    return [
        {
            "if": {"properties": {"event_name": {"const": name}}, "required": ["event_name"]},
            "then": {"required": [wire_name(field) for field in TYPES[name].always_sent]},
        }
        for name in names
    ]


def _notifications() -> Hook:
    names = [name for name in TYPES if name != "webhook"]
    everything = {"friendly_name": "All", "description": "Every notification of the account."}
    return _hook(
        hook_id="notifications",
        name="Notifications",
        description="The switch sends a notification: voicemail, fax, registration ...",
        binds=(notifications.binding(),),
        fields=_notification_fields(names),
        required=("event_name", "event_category"),
        sample=samples.notification,
        open=True,
        never_stored={"type": {notifications.CALLFLOW: OF_CALLFLOWS}},
        freshness_of=dict.fromkeys(REGISTRATIONS, Freshness.STATE),
        rules=_rules(names),
        modifiers={
            "type": {
                "type": "object",
                "description": "Type of the notifications to receive.",
                "items": {"all": everything}
                | {
                    name: {"friendly_name": kind.label, "description": kind.description}
                    for name, kind in sorted(TYPES.items())
                },
            },
        },
    )


def _fax() -> Hook:
    names = sorted(notifications.FAX_TYPES)
    fields = {*_notification_fields(names), *FAX_STATUS_FIELDS, *COMMON_HEADERS}
    return _hook(
        hook_id="fax",
        name="Fax",
        description="A fax progresses or ends, or its document changes.",
        binds=(faxes.BINDING, notifications.binding(names), objects.BINDING),
        fields=sorted(fields | {"id", "action", "type"}),
        required=("event_name",),
        sample=samples.fax_status,
        open=True,
        filter_values=OF_FAXES,
        rules=_rules(names),
    )


CHANNELS = (
    _channel("CHANNEL_CREATE", "Channel Create", "A call leg starts: a phone dials, or rings."),
    _channel("CHANNEL_ANSWER", "Channel Answer", "A call leg is answered: audio flows both ways."),
    _channel(
        "CHANNEL_BRIDGE",
        "Channel Bridge",
        "Two call legs are connected to each other.",
        ("original_number", "other_leg_destination_number"),
    ),
    _channel(
        "CHANNEL_DESTROY",
        "Channel Destroy",
        "A call leg ends; the payload has the cause and the duration.",
        ("hangup_cause", "hangup_code", "duration_seconds", "ringing_seconds", "billing_seconds"),
        Freshness.RECORD,
    ),
)
PARKING = _hook(
    hook_id="parking",
    name="Call Parking",
    description="A call is parked, taken back, or abandoned while parked.",
    binds=(parking.BINDING,),
    fields=PARKING_FIELDS,
    required=("account_id", "call_id", "event_name"),
    sample=samples.parking,
    freshness=Freshness.LIVE,
)


def hooks(policy: KazooPolicy) -> tuple[Hook, ...]:
    """Return every hook, in the order of presentation."""
    texts = (_message("sms", policy), _message("mms", policy))
    return (*CHANNELS, PARKING, *texts, _object(policy), _notifications(), _fax())
