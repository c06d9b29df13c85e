"""Forms of a webhook's document: completed with defaults, and as shown to its account."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from service.documents.members import EDITABLE, OPTIONS, SECRET
from service.documents.webhook import BadDocument, hooks_of, includes_internal_legs, webhook_of
from service.domain.endpoint import endpoint_of
from service.domain.request_headers import OPEN_CREDENTIALS
from service.domain.webhook import Webhook

Document = Mapping[str, Any]

HIDDEN = "(hidden)"
"""Placeholder for a secret in an answer; in a request, it keeps the stored secret."""
SHOWN_IF_SET = ("source", "event_types", *OPTIONS)
AUDITED = ("created_at", "created_by", "modified_at", "modified_by", "disabled_at")


def completed(document: Document) -> dict[str, Any]:
    """Return a webhook's document with every default filled in, except secret and times.

    Raises BadDocument, also where no request to the URI is possible.
    """
    webhook = webhook_of({**document, "secret": None})
    try:
        endpoint_of(webhook.uri)
    except ValueError as error:
        raise BadDocument(str(error)) from None
    reason = document.get("pvt_disabled_message") or document.get("disable_reason")
    return {
        "_id": webhook.webhook_id,
        "account_id": webhook.account_id,
        "name": webhook.name,
        "uri": webhook.uri,
        **_subscribed(document, webhook),
        "http_verb": webhook.verb.value.lower(),
        "format": webhook.format.value,
        "retries": webhook.retries,
        "enabled": webhook.enabled,
        "include_subaccounts": webhook.include_subaccounts,
        "include_internal_legs": includes_internal_legs(document),
        "custom_data": dict(document.get("custom_data") or {}),
        "modifiers": dict(webhook.modifiers),
        # Crossbar leaves the reason behind when a webhook is enabled again.
        "disable_reason": str(reason) if reason and not webhook.enabled else None,
    }


def _subscribed(document: Document, webhook: Webhook) -> dict[str, Any]:
    """Return the webhook's hooks in the member that its document uses for them."""
    if document.get("event_types") is not None:
        return {"event_types": list(document["event_types"])}
    (hook,) = webhook.hooks
    return {"hook": hook}


def public_view(document: Document, health: Document | None = None) -> dict[str, Any]:
    """Return a webhook as shown to its account: secrets hidden, defaults filled in.

    `_read_only` holds the members that no request can set: the audit trail and the health.
    """
    view: dict[str, Any] = {"id": str(document["_id"])}
    trail = {key: _plain(document[key]) for key in AUDITED if document.get(key) is not None}
    try:
        webhook_of(document)
        whole = completed(document)
        view |= {key: whole[key] for key in EDITABLE if key in whole}
    except BadDocument as error:
        # Another tool wrote it: show it as it is, with the reason why it never fires.
        shown = [key for key in EDITABLE if key in document and key not in SECRET]
        view |= {key: _as_json(document[key]) for key in shown}
        trail["problem"] = str(error)
    view |= _options(document)
    if document.get("disable_reason") and not view.get("enabled"):
        view["disable_reason"] = str(document["disable_reason"])
    trail["history"] = [
        {key: _plain(value) for key, value in entry.items()}
        for entry in document.get("history") or ()
    ]
    if health is not None:
        trail["health"] = dict(health)
    return {**view, "_read_only": trail}


def summary(document: Document) -> dict[str, Any]:
    """Return the members of a webhook that a list shows.

    A list may be long, so they are taken from the document where they can be.
    """
    enabled, texts = document.get("enabled", True), _texts(document)
    if not texts or not isinstance(enabled, bool):
        view = public_view(document)
        kept = ("id", "hook", "name", "uri", "enabled", "disable_reason")
        return {key: view[key] for key in kept if key in view}
    view = {"id": str(document["_id"]), **texts, "enabled": enabled}
    if document.get("disable_reason") and not enabled:
        view["disable_reason"] = str(document["disable_reason"])
    return view


def _texts(document: Document) -> dict[str, str]:
    """Return hook, name and uri; nothing where they are not as usual."""
    name, uri = document.get("name"), document.get("uri")
    if document.get("event_types") is not None or not (name and uri):
        return {}
    try:
        (hook,) = hooks_of(document)
    except (BadDocument, ValueError):
        return {}
    return {"hook": hook, "name": str(name), "uri": str(uri)}


def _options(document: Document) -> dict[str, Any]:
    """Return the options that only some webhooks have."""
    options = {key: document[key] for key in SHOWN_IF_SET if document.get(key) is not None}
    if isinstance(document.get("headers"), dict):
        options["headers"] = dict.fromkeys(document["headers"], HIDDEN)
    if isinstance(document.get("auth"), dict):
        options["auth"] = {
            key: value if key in OPEN_CREDENTIALS else HIDDEN
            for key, value in document["auth"].items()
        }
    if document.get("secret") is not None:
        options["secret"] = HIDDEN
    return options


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _as_json(value: Any) -> Any:
    """Return a value unchanged where JSON can represent it, else its `repr`."""
    try:
        orjson.dumps(value)
    except TypeError:
        return repr(value)
    return value
