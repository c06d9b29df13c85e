"""Changes of stored objects, which `datamgr` publishes on `configuration`."""

import re
from typing import Any

from service.dialects.binding import Binding
from service.dialects.kazoo.events.times import occurred_at
from service.dialects.kazoo.events.values import required_text, text
from service.domain.event import Event

CATEGORY = "configuration"
NAMES = (
    "doc_created",
    "doc_edited",
    "doc_deleted",
    "db_created",
    "db_edited",
    "db_deleted",
    "db_views_updated",
)
REQUEST = "doc_type_update"
"""A request between Kazoo's own apps on the same exchange; it changes no object."""

BINDING = Binding("configuration", "topic", ("#",))

FAX_TYPES = ("fax", "faxbox")

ACCOUNT_DATABASE = re.compile(
    r"account(?:%2F|/)([0-9a-f]{2})(?:%2F|/)([0-9a-f]{2})(?:%2F|/)([0-9a-f]{28})(?:-\d{6})?"
)
ACCOUNTS = "accounts"


def decode(event_id: str, body: dict[str, Any]) -> tuple[Event, ...]:
    """Return the event of hook `object`, and for fax objects that of hook `fax`.

    Changes outside the accounts' databases give no event. Raises RejectedMessage.
    """
    object_id = required_text(body, "ID")
    account_id = _owner(required_text(body, "Database"), object_id)
    if account_id is None:
        return ()
    action, kind = body["Event-Name"], text(body, "Type")
    fields = {"id": object_id, "account_id": account_id, "action": action, "type": kind}
    facts = {"action": action} | ({"type": kind} if kind else {})
    change = Event(
        event_id=event_id,
        source="kazoo",
        hook="object",
        name=action,
        account_id=account_id,
        fields=fields,
        facts=facts,
        occurred_at=occurred_at(body),
    )
    if kind not in FAX_TYPES:
        return (change,)
    of_fax = Event(
        event_id=event_id,
        source="kazoo",
        hook="fax",
        name=action,
        account_id=account_id,
        fields=fields | {"event_name": action},
        facts=facts,
        reaches_all=False,
        occurred_at=change.occurred_at,
    )
    return (change, of_fax)


def ignored(_: str, __: dict[str, Any]) -> tuple[Event, ...]:
    """Return no event: the message concerns only Kazoo's own apps."""
    return ()


def _owner(database: str, object_id: str) -> str | None:
    """Return the account of a database; a monthly database belongs to its account."""
    if database == ACCOUNTS:
        return object_id
    parts = ACCOUNT_DATABASE.fullmatch(database)
    return "".join(parts.groups()) if parts else None
