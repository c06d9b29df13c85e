"""Third arrow: from an event and a webhook to the signed request."""

from collections.abc import Mapping
from dataclasses import field, replace
from urllib.parse import quote

from service import __version__
from service.dialects.content import ContentWriter
from service.dialects.dialect import Dialect
from service.domain.call import CallPosition
from service.domain.delivery import Request
from service.domain.immutable import immutable
from service.domain.webhook import NOTHING, Webhook
from service.pipeline.request.destination import Owed
from service.pipeline.request.sign import signatures
from service.pipeline.request.versions import SCHEMA, Snapshot, Versions, versions_of
from service.profiles.known import written

USER_AGENT = f"switchhook/{__version__}"


@immutable
class EventContent:
    """The dialect of an event and the writer of its contents, shared by all its requests."""

    dialect: Dialect
    writer: ContentWriter
    versions: Versions | None = None
    """Also the `writer`, where webhooks can be pinned to several versions."""
    times: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    """Headers with the event's times; see `times_of`."""


def content_of(
    dialect: Dialect, hook_id: str, snapshot: Snapshot, times: Mapping[str, str] = NOTHING
) -> EventContent:
    """Return what an event's requests share; the snapshot's text may serve as a body."""
    versions = versions_of(dialect, hook_id, snapshot)
    if versions is not None:
        return EventContent(dialect, versions, versions, times)
    writer = dialect.requests.writer(snapshot.payload, snapshot.text)
    return EventContent(dialect, writer, times=times)


def request_for(
    owed: Owed,
    event_content: EventContent,
    attempt: int,
    now: float,
    traceparent: str | None = None,
) -> Request:
    """Return the signed request of one attempt; `now` is unix seconds."""
    webhook, dialect = owed.webhook, event_content.dialect
    told = with_extras(owed)
    profiled = None if webhook.profile is None else written(webhook.profile, owed.delivery, told)
    content = event_content.writer.content(told) if profiled is None else profiled.content
    headers = _headers(owed, event_content, attempt, now)
    if profiled is not None:
        headers[SCHEMA] = profiled.schema_id
    if traceparent is not None:
        headers["traceparent"] = traceparent
    body = content.content
    signed = signatures(webhook, headers["webhook-id"], headers["webhook-timestamp"], body, now)
    if signed is not None:
        headers["webhook-signature"] = signed
    headers |= dialect.requests.signatures(webhook, body)
    if content.in_query:
        query, sent = body.decode(), None
    else:
        query, sent = "", body
        headers["Content-Type"] = content.content_type
    return Request(
        webhook.verb.value,
        owed.destination.uri,
        query,
        headers,
        sent,
        webhook.timeout_s,
        account_id=webhook.account_id,
        https_only=webhook.https_only,
    )


def _headers(owed: Owed, event_content: EventContent, attempt: int, now: float) -> dict[str, str]:
    """Return the headers that do not depend on the body; ours come last and so prevail."""
    delivery, dialect = owed.delivery, event_content.dialect
    headers = {
        **_added_headers(owed),
        **dialect.requests.headers(owed.webhook),
        **event_content.times,
        "X-Switchhook-Attempt": str(attempt),
        "User-Agent": USER_AGENT,
        "webhook-id": delivery.delivery_id,
        "webhook-timestamp": str(int(now)),
    }
    if delivery.webhook is not None:
        return headers
    if event_content.versions is not None:
        return headers | event_content.versions.headers(owed.webhook)
    # The hook of a delivery that waited may have left the catalogue.
    schema_id = dialect.schema_ids.get(delivery.hook)
    if schema_id is not None:
        headers[SCHEMA] = schema_id
    return headers


def _added_headers(owed: Owed) -> Mapping[str, str]:
    """Return the account's headers, the place in the call, the marks of fallbacks and replays."""
    delivery = owed.delivery
    if delivery.position is None and delivery.fallback_for is None and delivery.replay_id is None:
        return owed.destination.headers
    headers = dict(owed.destination.headers)
    if delivery.position is not None:
        headers |= _position_headers(delivery.position)
    if delivery.fallback_for is not None:
        headers["X-Switchhook-Fallback-Reason"] = delivery.fallback_for
    if delivery.replay_id is not None:
        headers["X-Switchhook-Replay"] = delivery.replay_id
    return headers


def _position_headers(position: CallPosition) -> dict[str, str]:
    headers = {
        "X-Switchhook-Conversation": quote(position.conversation_id, safe="@:.-_~"),
        "X-Switchhook-Sequence": str(position.sequence),
    }
    for mark in position.marks:
        headers[f"X-Switchhook-{mark.replace('_', '-').title()}"] = "true"
    if position.supersedes is not None:
        headers["X-Switchhook-Supersedes"] = position.supersedes
    return headers


def with_extras(owed: Owed) -> Webhook:
    """Return the webhook; if it wants the place in the call, with its members as custom data."""
    webhook, position = owed.webhook, owed.delivery.position
    if position is None or not webhook.sequenced:
        return webhook
    return replace(webhook, custom_data={**webhook.custom_data, **position.members})
