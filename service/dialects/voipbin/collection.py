"""`/v1.0/webhooks`: the collection that VoIPBIN's documentation promised and its API never had."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from service.dialects.voipbin.catalogue import NAME
from service.dialects.voipbin.names import HookNames
from service.domain.errors import Invalid
from service.domain.webhook import Verb

Document = Mapping[str, Any]

METHODS = tuple(verb.value for verb in Verb)
LONGEST_TEXT = 255
STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "FAILED_PRECONDITION", 413: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}  # fmt: skip
REASONS = {
    401: "INVALID_CREDENTIALS", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    409: "FAILED_PRECONDITION", 429: "RATE_LIMIT_EXCEEDED", 503: "UNAVAILABLE",
}  # fmt: skip
REASONS_OF_FIELDS = {
    "json": "INVALID_JSON_BODY", "body": "INVALID_JSON_BODY", "uri": "INVALID_WEBHOOK_URI",
    "method": "INVALID_WEBHOOK_METHOD", "http_verb": "INVALID_WEBHOOK_METHOD",
}  # fmt: skip


class VoipbinWebhooks:
    """See `WebhookCollection`."""

    path = "/v1.0/webhooks"
    source = NAME
    token_names = ("accesskey", "token")
    account_parameter = "customer_id"

    def __init__(self, names: HookNames, *, require_https: bool) -> None:
        self._names = names
        self._require_https = require_https

    def members(self, body: Document) -> dict[str, Any]:
        """See `WebhookCollection`; `url` is another name of `uri`."""
        problems: dict[str, str] = {}
        members = {
            "source": NAME,
            "name": _text(body, "name", problems),
            "detail": _text(body, "detail", problems),
            "uri": self._uri(body, problems),
            "http_verb": _verb(body, problems),
            "event_types": self._event_types(body, problems),
        }
        if problems:
            raise Invalid({name: {"invalid": {"message": text}} for name, text in problems.items()})
        return members

    def shown(self, document: Document, *, deleted: bool = False) -> dict[str, Any]:
        """See `WebhookCollection`."""
        created, changed = document.get("created_at"), document.get("modified_at")
        return {
            "id": str(document["_id"]),
            "customer_id": document["account_id"],
            "name": document.get("name") or "",
            "detail": document.get("detail") or "",
            "uri": document["uri"],
            "method": str(document.get("http_verb") or "post").upper(),
            "event_types": document.get("event_types") or [document.get("hook")],
            "status": "active" if document.get("enabled", True) else "disabled",
            "tm_create": _time(created),
            "tm_update": None if changed == created else _time(changed),
            "tm_delete": _time(datetime.now(UTC)) if deleted else None,
        }

    def listed(self, documents: Sequence[Document]) -> dict[str, Any]:
        """See `WebhookCollection`."""
        return {"result": [self.shown(document) for document in documents]}

    def failed(
        self, status: int, message: str, problems: Document, request_id: str
    ) -> dict[str, Any]:
        """See `WebhookCollection`."""
        told = {
            name: detail["message"]
            for name, codes in problems.items()
            if isinstance(codes, dict)
            for detail in codes.values()
        }
        reason = REASONS.get(status, "INTERNAL")
        if status == 400:
            reason = next(
                (REASONS_OF_FIELDS[name] for name in told if name in REASONS_OF_FIELDS),
                "INVALID_ARGUMENT",
            )
        text = "; ".join(f"{name}: {said}" for name, said in told.items()) or message
        error = {
            "status": STATUSES.get(status, "INTERNAL"),
            "reason": reason,
            "message": text,
            "request_id": request_id,
        }
        return {"error": error | ({"details": told} if told else {})}

    def _uri(self, body: Document, problems: dict[str, str]) -> str:
        uri = body.get("uri", body.get("url"))
        if type(uri) is not str or not uri:
            problems["uri"] = "must be a URL, for example https://example.com/webhooks"
            return ""
        if self._require_https and not uri.lower().startswith("https://"):
            problems["uri"] = "must begin with https://"
        return uri

    def _event_types(self, body: Document, problems: dict[str, str]) -> list[str]:
        named = body.get("event_types")
        if type(named) is not list or not named or not all(type(one) is str for one in named):
            problems["event_types"] = 'must be a list of names that is not empty; ["*"] means all'
            return []
        unknown = [one for one in named if not self._names.knows(one)]
        if unknown:
            text = f"no event {unknown[0]!r}; GET /v2/webhooks lists them, patterns end in *"
            problems["event_types"] = text
        return named


def _text(body: Document, key: str, problems: dict[str, str]) -> str:
    value = body.get(key) or ""
    if type(value) is not str or len(value) > LONGEST_TEXT:
        problems[key] = f"must be a text of at most {LONGEST_TEXT} characters"
        return ""
    return value or ("webhook" if key == "name" else "")


def _verb(body: Document, problems: dict[str, str]) -> str:
    method = body.get("method") or "POST"
    if type(method) is not str or method.upper() not in METHODS:
        problems["method"] = f"must be one of {', '.join(METHODS)}, not {str(method)[:40]!r}"
        return "post"
    return method.lower()


def _time(at: Any) -> str | None:
    if not isinstance(at, datetime):
        return None
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
