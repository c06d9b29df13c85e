"""Audit log: who changed what, and when. The use cases write it; API and console show it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import structlog

from service.domain.errors import StoreUnavailable
from service.domain.principal import Principal
from service.domain.webhook import Webhook
from service.management.keys import key_of, start_of
from service.management.ports import AuditLog, Document
from service.management.selection import Selection

OPERATOR = Principal("operator")
"""Whoever may run a command beside the service."""
SERVICE = Principal("switchhook")
"""The service itself, when it disables a webhook."""

log = structlog.get_logger(__name__)


class Action(StrEnum):
    """What was done."""

    WEBHOOK_CREATED = "webhook_created"
    WEBHOOK_CHANGED = "webhook_changed"
    WEBHOOK_ENABLED = "webhook_enabled"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_DELETED = "webhook_deleted"
    SECRET_ROTATED = "secret_rotated"  # noqa: S105 (no secret)
    TOKEN_CREATED = "token_created"  # noqa: S105 (no secret)
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 (no secret)
    DELIVERY_REPLAYED = "delivery_replayed"
    REPLAY_STARTED = "replay_started"
    REPLAY_CANCELLED = "replay_cancelled"
    DEAD_LETTERS_DISCARDED = "dead_letters_discarded"
    REJECTED_TAKEN = "rejected_taken"
    REJECTED_RETRIED = "rejected_retried"
    REJECTED_DISCARDED = "rejected_discarded"
    PAUSED = "paused"
    RESUMED = "resumed"
    PORTAL_LINK_CREATED = "portal_link_created"
    PORTAL_OPENED = "portal_opened"
    SIGNED_IN = "signed_in"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Audit:
    """Writes and reads the audit log."""

    entries: AuditLog
    now: Callable[[], datetime] = _now

    async def note(
        self,
        by: Principal,
        action: Action,
        account_id: str | None,
        subject_id: str | None,
        **details: Any,
    ) -> None:
        """Write an entry about a change that was made.

        `subject_id` names the webhook, token, replay or session. An entry that the store does not
        take is logged as an error: the change was made, so the caller must not see a failure.
        """
        entry = {
            "_id": uuid.uuid4().hex,
            "at": self.now(),
            "action": action.value,
            "by": by.name,
            "by_label": by.label or None,
            "by_account_id": by.account_id,
            "session_id": by.session_id,
            "account_id": account_id,
            "subject_id": subject_id,
            "details": details,
        }
        try:
            await self.entries.add(entry)
        except StoreUnavailable as error:
            shown = {key: entry[key] for key in ("action", "by", "account_id", "subject_id")}
            log.error("audit.not_written", error=str(error), **shown)  # noqa: TRY400 (the text says it)

    async def note_disabled(self, webhook: Webhook, reason: str) -> None:
        """Write an entry about a webhook that the service disabled; see `Disabler`."""
        account_id, webhook_id = webhook.account_id, webhook.webhook_id
        action = Action.WEBHOOK_DISABLED
        await self.note(SERVICE, action, account_id, webhook_id, reason=reason)

    async def page(self, selection: Selection, start: str | None, size: int) -> list[Document]:
        """Return entries, the newest first, after `start`, an `entry_key`.

        Raises Invalid, and StoreUnavailable also where the search takes too long.
        """
        begin = None if start is None else start_of(start)
        found = await self.entries.page(selection, begin, size)
        return [entry_view(one, selection.account_id) for one in found]


def entry_view(entry: Document, account_id: str | None) -> dict[str, Any]:
    """Return an entry as the holder of an account sees it; None is the operator.

    The labels of tokens of other accounts are left out.
    """
    shown = ("account_id", "action", "by", "session_id", "subject_id", "details")
    view = {"id": str(entry["_id"]), "at": entry["at"].isoformat(timespec="milliseconds")}
    view |= {key: entry.get(key) for key in shown}
    foreign = account_id is not None and entry.get("by_account_id") != account_id
    return {**view, "by_label": None if foreign else entry.get("by_label")}


def entry_key(view: Document) -> str:
    """Return the key of an entry in the list; the next page starts after it."""
    return key_of(view["at"], view["id"])
