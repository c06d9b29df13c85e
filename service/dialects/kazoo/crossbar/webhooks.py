"""Conversion of Kazoo's webhook documents, private fields included, to ours.

Kazoo's `retries` counts all attempts, ours only those after the first. The number is kept, so a
failing receiver gets one attempt more than before, never one less.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from service.dialects.kazoo.crossbar.decision import Decision, Document, Verdict
from service.documents.members import MEMBERS
from service.documents.webhook import BadDocument
from service.documents.webhook_form import completed
from service.text.gregorian import GREGORIAN_OFFSET_S

OLD_HOOKS: Mapping[str, tuple[str, ...]] = {
    "callflow": ("webhook",),
    "inbound_fax": ("inbound_fax", "inbound_fax_error"),
    "outbound_fax": ("outbound_fax", "outbound_fax_error"),
}
"""Hooks of Kazoo before version 4, and the types of `notifications` that replace them."""

UNDERSTOOD = frozenset(
    {"id", "account_id", "disable_reason", "type", "other_id"}
    | {member.name for member in MEMBERS if not member.optional}
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A webhook's document in our form. The times are None if Kazoo does not give them."""

    document: Document
    created_at: datetime | None
    modified_at: datetime | None
    remark: str = ""


def read_webhook(raw: Any) -> list[Imported | Decision]:
    """Return the webhooks in a document of Kazoo's, or a decision to refuse or skip it."""
    if not isinstance(raw, dict):
        reason = "not a document; exports of CouchDB need include_docs=true"
        return [Decision(Verdict.REFUSED, "-", reason)]
    webhook_id = raw.get("_id") or raw.get("id")
    if not isinstance(webhook_id, str):
        return [Decision(Verdict.REFUSED, "-", "the document has no _id")]
    unwanted = _why_unwanted(webhook_id, raw)
    if unwanted:
        return [Decision(Verdict.SKIPPED, webhook_id, unwanted)]
    owner = raw.get("pvt_account_id") or raw.get("account_id")
    plain = {**raw, "_id": webhook_id, "account_id": owner}
    return [_imported(document, remark) for document, remark in _of_today(plain)]


def _why_unwanted(webhook_id: str, raw: Document) -> str:
    if webhook_id.startswith("_design/"):
        return "a design document"
    if raw.get("pvt_type", "webhook") != "webhook":
        return f"pvt_type is {raw['pvt_type']!r}"
    return "deleted in Kazoo" if raw.get("pvt_deleted") in (True, "true") else ""


def _of_today(document: Document) -> Iterator[tuple[Document, str]]:
    """Yield the document, or the present Kazoo's equivalents of an old one, with a remark."""
    hook, kind = str(document.get("hook")).lower(), document.get("type")
    if hook in OLD_HOOKS:
        for position, name in enumerate(OLD_HOOKS[hook]):
            webhook_id = document["_id"] if position == 0 else _second_id(document["_id"])
            yield (
                _of_type(document, name) | {"_id": webhook_id},
                f"hook {hook} is now notifications of type {name}",
            )
    elif hook == "notifications" and isinstance(kind, str) and not _has_type(document):
        # Kazoo's own migration wrote the type into a member that its filter ignores.
        remark = f"receives only type {kind}, as intended; Kazoo sends every type"
        yield _of_type(document, kind), remark
    else:
        yield document, ""


def _has_type(document: Document) -> bool:
    custom_data = document.get("custom_data")
    return isinstance(custom_data, dict) and "type" in custom_data


def _of_type(document: Document, name: str) -> dict[str, Any]:
    custom_data = document.get("custom_data") or {}
    if not isinstance(custom_data, dict):
        return dict(document)
    return {**document, "hook": "notifications", "custom_data": {**custom_data, "type": name}}


def _second_id(webhook_id: str) -> str:
    return blake2s(f"{webhook_id}/error".encode(), digest_size=16).hexdigest()


def _imported(document: Document, remark: str) -> Imported | Decision:
    try:
        ours = completed(document)
    except BadDocument as error:
        return Decision(Verdict.REFUSED, document["_id"], str(error))
    unknown = sorted(
        key for key in document if key not in UNDERSTOOD and not key.startswith(("_", "pvt_"))
    )
    left_out = f"left out: {', '.join(unknown)}" if unknown else ""
    return Imported(
        ours,
        _date(document.get("pvt_created")),
        _date(document.get("pvt_modified")),
        "; ".join(filter(None, (remark, left_out))),
    )


def _date(gregorian_s: Any) -> datetime | None:
    if not isinstance(gregorian_s, int):
        return None
    try:
        return datetime.fromtimestamp(gregorian_s - GREGORIAN_OFFSET_S, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None
