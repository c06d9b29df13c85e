"""Conversion of a webhook's document to the webhook; liberal, as any tool may write documents."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from sys import intern
from typing import Any

from service.documents.batching import batching_of, batching_problems
from service.documents.privacy import privacy_of, privacy_problems
from service.domain.filters.filters import UTC, BadFilters, Filters, filters_of, zone_of
from service.domain.freshness import MOST_MAX_AGE_S
from service.domain.privacy import Privacy
from service.domain.request_headers import OAUTH, authorization, oauth_client, problem_with_headers
from service.domain.retry import MAX_RETRIES
from service.domain.webhook import (
    ALL_HOOKS,
    NOTHING,
    Asking,
    Batching,
    Format,
    OAuthClient,
    Order,
    Verb,
    Webhook,
)
from service.text.json_text import read_json, write_json

Document = Mapping[str, Any]

FILTER_KEYS = ("type", "action")
"""Members of `custom_data` that filter events and are not sent."""
INTERNAL_LEG = "internal_leg"

LEAST_TIMEOUT_S, MOST_TIMEOUT_S = 1.0, 30.0
ASK_KEY = "ask_key"
LEAST_BUDGET_S, MOST_BUDGET_S, BUDGET_S = 0.5, 30.0, 4.5
"""Seconds for an answer. Kazoo's pivot waits for 5 s unless its callflow says otherwise."""
ANSWER_FORMS = ("voxml", "twiml", "kazoo", "voipbin", "switchhook")
PROFILES = ("voxtelesys",)
LEAST_ORDER_WAIT_S, MOST_ORDER_WAIT_S, ORDER_WAIT_S = 0.1, 300.0, 10.0
SEQUENCE = "sequence"
"""The value of `extras` that adds the place in the call to the payload."""
LEAST_COALESCE_MS, MOST_COALESCE_MS = 100, 10_000
MOST_DOCUMENT_BYTES = 32_768
"""Largest size of a webhook's document without its history. All webhooks of an account, and the
bodies made with their custom data, are in memory at the same time."""
ELEMENT_BYTES = 2
"""BSON overhead of every element beside its name and value: type byte and end of the name."""
BOUNDED_BYTES = 5
"""BSON overhead of strings, objects and lists beside their content: length and terminator."""
TOO_LARGE = "too_large"
"""The member that holds the size of a document which an adapter did not load."""
HISTORY = "history"
SECRET_PREFIX = "whsec_"  # noqa: S105 (a public prefix, not a secret)


class BadDocument(ValueError):
    """The document is not a valid webhook; the text gives the reason."""


def webhook_of(document: Document, default_source: str = "") -> Webhook:
    """Return the webhook of a document, its secrets in plain text. Raises BadDocument.

    `default_source` is the dialect of a document without `source`.
    """
    if document.get("unreadable"):
        names = ", ".join(document["unreadable"])
        raise BadDocument(f"{names} cannot be decrypted; check that secrets.keys has the key")
    size = document.get(TOO_LARGE) or document_bytes(document)
    if size > MOST_DOCUMENT_BYTES:
        raise BadDocument(f"document has {size} bytes; at most {MOST_DOCUMENT_BYTES} are allowed")
    custom_data, hooks = _object(document, "custom_data"), hooks_of(document)
    source = _text(document, "source") if document.get("source") else default_source
    return Webhook(
        webhook_id=str(document["_id"]),
        account_id=intern(_text(document, "account_id")),
        source=source,
        hooks=hooks,
        uri=_text(document, "uri"),
        name=str(document.get("name") or ""),
        verb=_verb(document),
        format=Format.JSON if document.get("format") == "json" else Format.FORM_DATA,
        retries=_retries(document),
        enabled=_flag(document, "enabled", default=True),
        paused=_flag(document, "paused", default=False),
        has_backlog=document.get("has_backlog") is True,
        include_subaccounts=includes_subaccounts(document),
        custom_data=_sendable(custom_data),
        filters=_filters(document, custom_data, hooks),
        modifiers=_object(document, "modifiers"),
        secret=secret_key(document, "secret"),
        previous_secrets=_previous_secrets(document),
        dialect_secret=_dialect_secret(document, source),
        signing_seed=document.get("signing_seed"),
        headers=_headers(document),
        oauth=_oauth(document),
        timeout_s=_timeout_s(document),
        coalesce_ms=_coalesce_ms(document),
        order=_order(document),
        order_wait_s=_order_wait_s(document),
        sequenced=SEQUENCE in (document.get("extras") or ()),
        asking=_asking(document),
        fallback_uri=_text(document, "fallback_uri") if document.get("fallback_uri") else None,
        schema_version=_schema_version(document),
        profile=_profile(document),
        max_age_s=_max_age_s(document),
        clauses=_clauses(document),
        privacy=_privacy(document),
        batching=_batching(document),
    )


def document_bytes(document: Document) -> int:
    """Return the approximate size in BSON of a document without its history."""
    total, waiting = 0, [(key, value) for key, value in document.items() if key != HISTORY]
    while waiting:
        key, value = waiting.pop()
        total += len(str(key)) + ELEMENT_BYTES
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(str(position), one) for position, one in enumerate(value)]
        total += _own_bytes(value)
    return total


def _own_bytes(value: Any) -> int:
    if isinstance(value, str):
        return BOUNDED_BYTES + len(value.encode("utf-8", "replace"))
    if isinstance(value, bytes):
        return BOUNDED_BYTES + len(value)
    return BOUNDED_BYTES if isinstance(value, dict | list) else 8


def _text(document: Document, key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise BadDocument(f"{key} must be a non-empty string, not {value!r}")
    return value


def _object(document: Document, key: str) -> Document:
    value = document.get(key)
    if value is None or value == {}:
        return NOTHING
    if not isinstance(value, dict):
        raise BadDocument(f"{key} must be an object, not {type(value).__name__}")
    try:
        # BSON has number types that compare differently from JSON's.
        plain: Document = read_json(write_json(value))
    except TypeError as error:
        raise BadDocument(f"{key} must be JSON: {error}") from None
    return plain


def _sendable(custom_data: Document) -> Document:
    """Return the members to send, without the filters; the member written last comes first."""
    kept = {key: custom_data[key] for key in reversed(list(custom_data)) if key not in FILTER_KEYS}
    return kept or NOTHING


def _verb(document: Document) -> Verb:
    value = document.get("http_verb") or "post"
    try:
        return Verb(str(value).upper())
    except ValueError:
        allowed = "get, post, put or delete"
        raise BadDocument(f"http_verb must be {allowed}, not {value!r}") from None


def hooks_of(document: Document) -> frozenset[str]:
    """Return the hooks of a webhook: its `hook`, or its `event_types`. Raises BadDocument."""
    listed = document.get("event_types")
    if listed is None:
        return _only(_text(document, "hook").lower())
    if (
        not isinstance(listed, list)
        or not listed
        or not all(isinstance(one, str) for one in listed)
    ):
        raise BadDocument(f"event_types must be a list of strings, not {listed!r}")
    return frozenset(ALL_HOOKS if one == "*" else one.lower() for one in listed)


@lru_cache(1000)
def _only(hook: str) -> frozenset[str]:
    """Return the set of one hook, shared by its webhooks: it takes 280 bytes."""
    return frozenset((hook,))


def _filters(document: Document, custom_data: Document, hooks: frozenset[str]) -> Mapping[str, Any]:
    """Return the values that facts must have; on hook `all`, `custom_data` does not filter."""
    found = {}
    if ALL_HOOKS not in hooks:
        found = {key: custom_data[key] for key in FILTER_KEYS if key in custom_data}
    if not includes_internal_legs(document):
        found[INTERNAL_LEG] = False
    return found or NOTHING


def includes_internal_legs(document: Document) -> bool:
    """Return whether the webhook receives the events of internal call legs."""
    return _flag(document, "include_internal_legs", default=True)


def includes_subaccounts(document: Document) -> bool:
    """Return whether the webhook also receives the events of sub-accounts."""
    return _flag(document, "include_subaccounts", default=False)


def _flag(document: Document, key: str, *, default: bool) -> bool:
    value = document.get(key)
    return default if value is None else value in (True, "true")


def _retries(document: Document) -> int:
    value = document.get("retries")
    if value is None:
        return 2
    try:
        return max(0, min(MAX_RETRIES, int(value)))
    except (TypeError, ValueError, OverflowError):
        raise BadDocument(f"retries must be a number from 0 to 5, not {value!r}") from None


def secret_key(document: Document, name: str) -> bytes | None:
    """Return the HMAC key in a member, or None where it is absent. Raises BadDocument."""
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith(SECRET_PREFIX):
        raise BadDocument(f"{name} must be a string that begins with {SECRET_PREFIX}")
    try:
        key = b64decode(value.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise BadDocument(f"{name} must be base64 after {SECRET_PREFIX}") from None
    if not 24 <= len(key) <= 64:
        raise BadDocument(f"{name} must have 24 to 64 bytes, not {len(key)}")
    return key


def _dialect_secret(document: Document, source: str) -> bytes | None:
    """Return the key in the member that is named after the dialect: any text, as it stands.

    Raises BadDocument.
    """
    name = f"{source}_secret"
    value = document.get(name)
    if not isinstance(value, str | None):
        raise BadDocument(f"{name} must be a string, not {type(value).__name__}")
    return value.encode() if value else None


def earlier_secrets(document: Document) -> list[Document]:
    """Return the secrets before the last rotations, newest first, each `{secret, until}`.

    Earlier releases stored a single one in `previous_secret` and `previous_secret_until`.
    """
    listed = document.get("previous_secrets")
    found: list[Document] = []
    if isinstance(listed, list):
        found += [one for one in listed if isinstance(one, dict)]
    if document.get("previous_secret") is not None:
        until = document.get("previous_secret_until")
        found.append({"secret": document["previous_secret"], "until": until})
    return found


def _previous_secrets(document: Document) -> tuple[tuple[bytes, float], ...]:
    return tuple(
        (key, _unix_seconds(earlier.get("until")))
        for earlier in earlier_secrets(document)
        if (key := secret_key(earlier, "secret")) is not None
    )


def _unix_seconds(value: Any) -> float:
    return value.timestamp() if isinstance(value, datetime) else 0.0


def _headers(document: Document) -> Mapping[str, str]:
    headers = _object(document, "headers")
    problem = problem_with_headers(headers)
    if problem:
        raise BadDocument(f"headers: {problem}")
    auth = _object(document, "auth")
    if not auth or auth.get("type") == OAUTH:
        return headers
    try:
        kept = {name: headers[name] for name in headers if name.lower() != "authorization"}
        return {**kept, "Authorization": authorization(auth)}
    except ValueError as error:
        raise BadDocument(f"auth: {error}") from None


def _oauth(document: Document) -> OAuthClient | None:
    auth = _object(document, "auth")
    if auth.get("type") != OAUTH:
        return None
    try:
        return oauth_client(auth)
    except ValueError as error:
        raise BadDocument(f"auth: {error}") from None


def _timeout_s(document: Document) -> float | None:
    value = document.get("timeout_s")
    if value is None:
        return None
    try:
        return max(LEAST_TIMEOUT_S, min(MOST_TIMEOUT_S, float(value)))
    except (TypeError, ValueError, OverflowError):
        raise BadDocument(f"timeout_s must be a number from 1 to 30, not {value!r}") from None


def _coalesce_ms(document: Document) -> int | None:
    value = document.get("coalesce_ms")
    if value is None:
        return None
    try:
        return max(LEAST_COALESCE_MS, min(MOST_COALESCE_MS, int(value)))
    except (TypeError, ValueError, OverflowError):
        allowed = f"a number from {LEAST_COALESCE_MS} to {MOST_COALESCE_MS}"
        raise BadDocument(f"coalesce_ms must be {allowed}, not {value!r}") from None


def _order(document: Document) -> Order:
    value = document.get("ordering") or "none"
    try:
        return Order(str(value))
    except ValueError:
        raise BadDocument(f"ordering must be one of {', '.join(Order)}, not {value!r}") from None


def _order_wait_s(document: Document) -> float:
    value = document.get("ordering_wait_s")
    try:
        seconds = ORDER_WAIT_S if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        allowed = f"a number from {LEAST_ORDER_WAIT_S} to {MOST_ORDER_WAIT_S:g}"
        raise BadDocument(f"ordering_wait_s must be {allowed}, not {value!r}") from None
    return max(LEAST_ORDER_WAIT_S, min(MOST_ORDER_WAIT_S, seconds))


def _asking(document: Document) -> Asking | None:
    """Return the part of an actionable webhook; any of its members makes it one."""
    if not any(name in document for name in (ASK_KEY, "budget_s", "static_answer", "answer_form")):
        return None
    form = document.get("answer_form") or ""
    if form not in ("", *ANSWER_FORMS):
        raise BadDocument(f"answer_form must be one of {', '.join(ANSWER_FORMS)}, not {form!r}")
    static = document.get("static_answer")
    if static is not None and not isinstance(static, str):
        raise BadDocument(f"static_answer must be a text, not {type(static).__name__}")
    return Asking(str(document.get(ASK_KEY) or ""), _budget_s(document), static, form)


def _budget_s(document: Document) -> float:
    value = document.get("budget_s")
    try:
        seconds = BUDGET_S if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        allowed = f"a number from {LEAST_BUDGET_S} to {MOST_BUDGET_S:g}"
        raise BadDocument(f"budget_s must be {allowed}, not {value!r}") from None
    return max(LEAST_BUDGET_S, min(MOST_BUDGET_S, seconds))


def _schema_version(document: Document) -> int | None:
    value = document.get("schema_version")
    if value is None:
        return None
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError):
        raise BadDocument(f"schema_version must be a number from 1, not {value!r}") from None


def _profile(document: Document) -> str | None:
    value = document.get("profile")
    if value is not None and value not in PROFILES:
        raise BadDocument(f"profile must be one of {', '.join(PROFILES)}, not {value!r}")
    return value


def _max_age_s(document: Document) -> float | None:
    value = document.get("max_age_s")
    if value is None:
        return None
    try:
        return max(0.0, min(MOST_MAX_AGE_S, float(value)))
    except (TypeError, ValueError, OverflowError):
        allowed = f"a number from 0 to {MOST_MAX_AGE_S:.0f}"
        raise BadDocument(f"max_age_s must be {allowed}, not {value!r}") from None


def _clauses(document: Document) -> Filters | None:
    zone = document.get("timezone") or UTC
    if zone_of(zone) is None:
        raise BadDocument(f"timezone must be a name such as Europe/Berlin, not {zone!r}")
    filters = document.get("filters")
    if filters is None or filters == []:
        return None
    try:
        # BSON has number types that compare differently from JSON's.
        return filters_of(read_json(write_json(filters)), zone)
    except TypeError as error:
        raise BadDocument(f"filters must be JSON: {error}") from None
    except BadFilters as error:
        raise BadDocument(str(error)) from None


def _privacy(document: Document) -> Privacy | None:
    problem = next(privacy_problems(document), None)
    if problem is not None:
        raise BadDocument(f"{problem[0]}: {problem[2]['message']}")
    return privacy_of(document)


def _batching(document: Document) -> Batching | None:
    problem = next(batching_problems(document), None)
    if problem is not None:
        raise BadDocument(f"{problem[0]} {problem[2]['message']}")
    return batching_of(document)
