"""The destinations that VoIPBIN manages itself: one per customer, and one per activeflow."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.dialects.voipbin.catalogue import NAME
from service.dialects.voipbin.kinds import Kind
from service.dialects.voipbin.resource import ZERO_UUID
from service.domain.event import event_id_of
from service.domain.provision import AccountProvision, Provision, ScopedWebhook

CUSTOMER_EVENTS = ("customer_created", "customer_updated", "customer_deleted")
WITH_SCOPE = frozenset({
    "call", "recording", "transcribe", "campaigncall", "aicall", "aimessage",
    "aimessage_intermediate", "summary",
})  # fmt: skip
"""Resources whose events also go to the destination of their activeflow."""


def provision_in(kind: Kind, internal: Mapping[str, Any]) -> Provision | None:
    """Return what an event tells about a destination; None for most events."""
    if kind.resource == "customer" and kind.type in CUSTOMER_EVENTS:
        return customer_provision(internal, deleted=kind.type == "customer_deleted")
    if kind.resource == "activeflow":
        return _activeflow(internal)
    return None


def scope_in(kind: Kind, seen: Mapping[str, Any]) -> str | None:
    """Return the id of the activeflow that an event is part of."""
    scope = seen.get("activeflow_id") if kind.resource in WITH_SCOPE else None
    return scope if type(scope) is str and scope not in ("", ZERO_UUID) else None


def customer_provision(
    customer: Mapping[str, Any], *, deleted: bool = False
) -> AccountProvision | None:
    """Return the destination of a customer, from its events or its API; None without an id."""
    customer_id, uri = _text(customer, "id"), _text(customer, "webhook_uri")
    if not customer_id:
        return None
    webhook_id = webhook_id_of("customer", customer_id)
    gone = deleted or bool(customer.get("tm_delete")) or not uri
    named = {"name": "VoIPBIN: all events of the customer", "event_types": ["*"]}
    document = _document(webhook_id, customer_id, customer) | named
    return AccountProvision(
        account_id=customer_id,
        source=NAME,
        name=_text(customer, "name"),
        secret=_text(customer, "webhook_secret") or None,
        webhook_id=webhook_id,
        webhook=None if gone else document,
        changed_at=_changed_at(customer),
    )


def webhook_id_of(kind: str, owner_id: str) -> str:
    """Return the id of the one webhook of a customer or an activeflow."""
    return event_id_of(f"{NAME}/webhook/{kind}", owner_id.encode())


def _activeflow(activeflow: Mapping[str, Any]) -> ScopedWebhook | None:
    activeflow_id, customer_id = _text(activeflow, "id"), _text(activeflow, "customer_id")
    if not activeflow_id or not _text(activeflow, "webhook_uri"):
        return None
    webhook_id = webhook_id_of("activeflow", activeflow_id)
    document = _document(webhook_id, customer_id, activeflow) | {"hook": "all"}
    return ScopedWebhook(activeflow_id, document)


def _document(webhook_id: str, customer_id: str, owner: Mapping[str, Any]) -> dict[str, Any]:
    """Return a webhook's document; Go sends a request without a method as GET."""
    return {
        "_id": webhook_id,
        "account_id": customer_id,
        "source": NAME,
        "uri": _text(owner, "webhook_uri"),
        "http_verb": (_text(owner, "webhook_method") or "get").lower(),
    }


def _changed_at(customer: Mapping[str, Any]) -> float:
    """Return the time of the latest change, in unix seconds; 0 where none can be read."""
    times = [_text(customer, member) for member in ("tm_delete", "tm_update", "tm_create")]
    return max([0.0, *map(_unix_seconds, filter(None, times))])


def _unix_seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if type(value) is str else ""
