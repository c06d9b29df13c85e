"""Writer of requests in Kazoo's form: payload, body or query, and two headers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from service.dialects.content import Content
from service.domain.event import Event
from service.domain.webhook import NOTHING, Account, Format, Verb, Webhook
from service.text.json_text import write_json

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class KazooRequests:
    """The `RequestWriter` of Kazoo."""

    cluster_id: str | None = None

    def payload(self, event: Event, account: Account) -> dict[str, Any]:
        """Return the event's members in Kazoo's order, without those that have no value."""
        fields = dict(event.fields)
        known = (("account_id", account.account_id), ("reseller_id", account.reseller_id))
        for key, value in known:
            if key in fields and fields[key] is None:
                fields[key] = value
        return {key: value for key, value in fields.items() if value is not None}

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> "KazooContents":
        """See `RequestWriter`."""
        return KazooContents(payload, self.cluster_id, snapshot)

    def headers(self, webhook: Webhook) -> Mapping[str, str]:
        """Return the ids of webhook and account, as Kazoo's own app sends them."""
        return {"X-Hook-ID": webhook.webhook_id, "X-Account-ID": webhook.account_id}

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: Kazoo does not sign."""
        return NOTHING


class KazooContents:
    """Writes the contents of one event's requests, each distinct one only once.

    `snapshot` is the payload as JSON, if known; it serves as the body of most JSON requests.
    """

    def __init__(
        self, payload: Mapping[str, Any], cluster_id: str | None, snapshot: bytes | None = None
    ) -> None:
        self._payload = payload
        self._cluster_id = cluster_id
        self._plain: dict[tuple[str, bool], Content] = {}
        if snapshot is not None and cluster_id is None:
            self._plain[JSON, False] = Content(JSON, snapshot)

    def content(self, webhook: Webhook) -> Content:
        """Return the body, or the query for GET."""
        in_query = webhook.verb is Verb.GET
        content_type = JSON if webhook.format is Format.JSON and not in_query else FORM
        if webhook.custom_data:
            merged = self._merged(webhook.custom_data)
            return Content(content_type, _encode(content_type, merged), in_query)
        content = self._plain.get((content_type, in_query))
        if content is None:
            content = Content(content_type, _encode(content_type, self._merged({})), in_query)
            self._plain[content_type, in_query] = content
        return content

    def _merged(self, custom_data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload, overwritten by custom data (null deletes) and the cluster id."""
        merged = {**self._payload, **custom_data}
        for key, value in custom_data.items():
            if value is None:
                del merged[key]
        if self._cluster_id is not None:
            merged["cluster_id"] = self._cluster_id
        return merged


def _encode(content_type: str, payload: Mapping[str, Any]) -> bytes:
    return write_json(payload) if content_type == JSON else form(payload).encode()


def form(payload: Mapping[str, Any]) -> str:
    """Return the payload as `a=1&b[c]=2&d[]=3`, percent-encoded, without nulls and empty segments.

    Objects inside lists become JSON text. The text decodes to the same values as Kazoo's own bytes.
    """
    return "&".join(
        segment for key, value in payload.items() for segment in _segments(quote_plus(key), value)
    )


def _segments(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _segments(f"{name}%5B{quote_plus(key)}%5D", child)
    elif isinstance(value, list):
        for item in value:
            if item is not None:
                yield f"{name}%5B%5D={quote_plus(_plain_text(item))}"
    elif value is not None:
        yield f"{name}={quote_plus(_plain_text(value))}"


def _plain_text(value: Any) -> str:
    return value if isinstance(value, str) else write_json(value).decode()
