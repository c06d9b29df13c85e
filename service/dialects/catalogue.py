"""Every hook there is: the single source of what can be subscribed to, and what comes then."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from service.dialects.binding import Binding
from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.kazoo import samples
from service.dialects.kazoo.events import calls, faxes, messages, notifications, objects, parking
from service.dialects.kazoo.events.notification_types import COMMON_FIELDS, TYPES
from service.dialects.kazoo.events.values import wire_name
from service.dialects.kazoo.fields import described
from service.dialects.kazoo.policy import KazooPolicy

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Hook:
    """A kind of event one can subscribe to.

    `binds` tells what brings its events. `fields` are the names a payload may have, `required`
    those it always has. `sample` makes the message that makes the hook fire. `modifiers` tell which
    values `custom_data` filters by. `version` grows with every change of the schema that a receiver
    could notice.
    """

    hook_id: str
    name: str
    description: str
    source: str
    binds: Sequence[Binding]
    fields: Sequence[str]
    required: Sequence[str]
    sample: Callable[[Occasion], BusMessage]
    version: int = 1
    modifiers: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    """Further rules of the schema, beyond those for single members."""

    @property
    def schema_id(self) -> str:
        """What the header `X-Switchhook-Schema` says."""
        return f"{self.hook_id}/{self.version}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the payload. A webhook's own `custom_data` may add members."""
        schema: dict[str, Any] = {
            "$schema": SCHEMA_DIALECT,
            "$id": self.schema_id,
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": described([*self.fields, "cluster_id"], self.hook_id),
            "required": list(self.required),
        }
        return schema | ({"allOf": list(self.rules)} if self.rules else {})


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


def _channel(event: str, name: str, description: str, extra: Sequence[str] = ()) -> Hook:
    return Hook(
        hook_id=event.lower(),
        name=name,
        description=description,
        source="kazoo",
        binds=(calls.binding(event),),
        fields=(*CHANNEL_FIELDS, *extra),
        required=CHANNEL_REQUIRED,
        sample=partial(samples.channel, event),
    )


def _message(category: str, policy: KazooPolicy) -> Hook:
    return Hook(
        hook_id=category,
        name=category.upper(),
        description=f"An {category.upper()} arrives for a number of the account.",
        source="kazoo",
        binds=(messages.binding(category, policy),),
        fields=MESSAGE_FIELDS,
        required=("id", "account_id", "type", "from", "to", "body"),
        sample=partial(samples.text_message, category),
    )


def _object(policy: KazooPolicy) -> Hook:
    return Hook(
        hook_id="object",
        name="Object",
        description="A stored object of the account (a user, a device ...) is changed.",
        source="kazoo",
        binds=(objects.BINDING,),
        fields=("id", "account_id", "action", "type"),
        required=("id", "account_id", "action"),
        sample=samples.object_change,
        modifiers={
            "type": {
                "type": "array",
                "description": "The kind of object whose changes are wanted.",
                "items": ["all", *policy.object_types],
            },
            "action": {
                "type": "array",
                "description": "What must have happened to it.",
                "items": list(OBJECT_ACTIONS),
            },
        },
    )


def _notification_fields(names: Sequence[str]) -> list[str]:
    """Return the payload's names of all fields that these types of notification may have."""
    fields = {field for name in names for field in (*TYPES[name].required, *TYPES[name].optional)}
    wired = {wire_name(field) for field in (*COMMON_FIELDS, *fields)}
    return sorted(wired | set(COMMON_HEADERS) | {"account_id"})


def _rules(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each type requires: its own fields, but for secrets that may be left out."""
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
    return Hook(
        hook_id="notifications",
        name="Notifications",
        description="Something worth a notification happened: voicemail, fax, registration ...",
        source="kazoo",
        binds=(notifications.binding(),),
        fields=_notification_fields(names),
        required=("event_name", "event_category"),
        sample=samples.notification,
        rules=_rules(names),
        modifiers={
            "type": {
                "type": "object",
                "description": "The type of notification that is wanted.",
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
    return Hook(
        hook_id="fax",
        name="Fax",
        description="Anything about a fax: its progress, its end, a change of its document.",
        source="kazoo",
        binds=(faxes.BINDING, notifications.binding(names), objects.BINDING),
        fields=sorted(fields | {"id", "action", "type"}),
        required=("event_name",),
        sample=samples.fax_status,
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
        "A call leg ends; tells why, and how long it lasted.",
        ("hangup_cause", "hangup_code", "duration_seconds", "ringing_seconds", "billing_seconds"),
    ),
)
PARKING = Hook(
    hook_id="parking",
    name="Call Parking",
    description="A call is parked, taken back, or abandoned while parked.",
    source="kazoo",
    binds=(parking.BINDING,),
    fields=PARKING_FIELDS,
    required=("account_id", "call_id", "event_name"),
    sample=samples.parking,
)


def hooks(policy: KazooPolicy) -> tuple[Hook, ...]:
    """Return every hook, in the order in which people should read of them."""
    texts = (_message("sms", policy), _message("mms", policy))
    return (*CHANNELS, PARKING, *texts, _object(policy), _notifications(), _fax())


def bindings(policy: KazooPolicy) -> tuple[Binding, ...]:
    """Return what must be bound to our queue for all hooks, one binding for each exchange."""
    every = [binding for hook in hooks(policy) for binding in hook.binds]
    kinds = {binding.exchange: binding.exchange_type for binding in every}
    return tuple(
        Binding(
            exchange,
            kind,
            tuple(
                dict.fromkeys(k for b in every if b.exchange == exchange for k in b.routing_keys)
            ),
        )
        for exchange, kind in kinds.items()
    )


HOOKS = hooks(KazooPolicy())
