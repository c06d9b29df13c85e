"""Notifications from all apps of the switch, and the webhook that a callflow carries."""

from collections.abc import Iterable, Mapping
from typing import Any

from service.dialects.binding import Binding
from service.dialects.kazoo.events.notification_types import SECRETS, TYPES
from service.dialects.kazoo.events.times import occurred_at
from service.dialects.kazoo.events.values import normalised, obj, text
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event

CATEGORY = "notification"
CALLFLOW = "webhook"
"""The event by which a callflow calls its own webhook, which the message carries."""

FAX_TYPES = frozenset(name for name in TYPES if "_fax" in name)


def binding(names: Iterable[str] = TYPES) -> Binding:
    """Return the binding for the notifications of these types, by default of all."""
    return Binding("notifications", "topic", tuple(TYPES[name].routing_key for name in names))


ACCOUNT_PLACES = (
    ("account_id",),
    ("account", "_id"),
    ("pvt_account_id",),
    ("_id",),
    ("id",),
    ("Account-ID",),
    ("details", "account_id"),
    ("Details", "Account-ID"),
    ("details", "custom_channel_vars", "account_id"),
    ("Details", "Custom-Channel-Vars", "Account-ID"),
)
"""Paths at which Kazoo looks for the account, in this order."""


class NotificationDecoder:
    """Decodes a notification to an event of hook `notifications`, and of `fax` for fax types."""

    def __init__(self, policy: KazooPolicy) -> None:
        self._forward_secrets = policy.forward_secrets

    def decode(self, event_id: str, body: dict[str, Any]) -> tuple[Event, ...]:
        """Return the events. Raises RejectedMessage."""
        name = body["Event-Name"]
        _require(body, TYPES[name].required)
        if name == CALLFLOW:
            return (_of_callflow(event_id, body),)
        fields = normalised(body)
        if not self._forward_secrets:
            for secret in SECRETS:
                fields.pop(secret, None)
        hooks = ("notifications", "fax") if name in FAX_TYPES else ("notifications",)
        return tuple(
            Event(
                event_id=event_id,
                source="kazoo",
                hook=hook,
                name=name,
                account_id=_account_of(body),
                fields=fields,
                call_id=text(body, "Call-ID"),
                facts={"type": name},
                reaches_all=hook == "notifications",
                occurred_at=occurred_at(body),
            )
            for hook in hooks
        )


def _require(body: Mapping[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if body.get(name) in (None, "")]
    if missing:
        detail = f"{body['Event-Name']} without {', '.join(missing)}"
        raise RejectedMessage(RejectReason.MISSING_FIELD, detail)


def _account_of(body: Mapping[str, Any]) -> str | None:
    for place in ACCOUNT_PLACES:
        value: Any = body
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value
    return None


def _of_callflow(event_id: str, body: dict[str, Any]) -> Event:
    """Return the event for the webhook that the message carries; no stored webhook gets it."""
    hook, data = obj(body, "Hook") or {}, obj(body, "Data") or {}
    account_id = text(hook, "pvt_account_id") or text(hook, "account_id")
    return Event(
        event_id=event_id,
        source="kazoo",
        hook="notifications",
        name=CALLFLOW,
        account_id=account_id,
        fields=normalised(data),
        call_id=text(data, "call_id") or text(data, "Call-ID"),
        webhook={**hook, "account_id": account_id, "hook": "notifications"},
        occurred_at=occurred_at(body),
    )
