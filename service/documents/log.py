"""Conversion between domain values and the documents of the attempt log and the dead letters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from service.domain.call import CallPosition
from service.domain.delivery import Attempt, DeadLetter, Delivery
from service.domain.endpoint import endpoint_of
from service.domain.trace import new_traceparent
from service.text.json_text import read_json, write_json

MOST_BODY_BYTES = 16_384
MOST_PAYLOAD_BYTES = 262_144
SHOWN = frozenset({
    "Content-Type", "Deprecation", "Sunset", "User-Agent", "X-Account-ID", "X-Hook-ID",
    "X-Switchhook-Attempt", "X-Switchhook-Batch", "X-Switchhook-Conversation",
    "X-Switchhook-Fallback-Reason", "X-Switchhook-Late", "X-Switchhook-Occurred-At",
    "X-Switchhook-Out-Of-Order", "X-Switchhook-Received-At", "X-Switchhook-Replay",
    "X-Switchhook-Schema", "X-Switchhook-Sequence", "X-Switchhook-Supersedes",
    "X-Switchhook-Synthetic", "X-Switchhook-Test", "traceparent", "webhook-id",
    "webhook-timestamp",
})  # fmt: skip
"""Request headers shown as they are; all others are hidden, as the account's may be secret."""
HIDDEN = "(hidden)"


def attempt_document(attempt: Attempt, *, keep_payload: bool = True) -> dict[str, Any]:
    """Return the row of the attempt log.

    Only rows of failures and tests keep the bodies of request and response. Every row keeps the
    payload, for replays, up to `MOST_PAYLOAD_BYTES`; `keep_payload` switches that off.
    """
    delivery, response = attempt.delivery, attempt.response
    row: dict[str, Any] = {
        "_id": attempt.attempt_id,
        "delivery_id": delivery.delivery_id,
        "event_id": delivery.event_id,
        "webhook_id": delivery.webhook_id,
        "account_id": delivery.account_id,
        "source": delivery.source,
        "hook": delivery.hook,
        "event_name": delivery.event_name,
        "call_id": delivery.call_id,
        "attempt": attempt.attempt,
        "outcome": response.outcome.value,
        "status": response.status,
        "detail": response.detail,
        "duration_ms": round(attempt.duration_s * 1000, 3),
        "uri": attempt.uri.partition("?")[0],
        "retries": attempt.retries,
        "started_at": _date(attempt.started_at),
    }
    if not response.outcome.succeeded or attempt.test or attempt.answer is not None:
        row |= _exchange(attempt)
    if keep_payload and len(delivery.payload) <= MOST_PAYLOAD_BYTES:
        row["payload"] = delivery.payload
        row["received_at"] = _date(delivery.received_at)
    return row | _marks(attempt)


def _marks(attempt: Attempt) -> dict[str, Any]:
    """Return the members that most attempts lack; those without a value are left out."""
    delivery, expiry, batch = attempt.delivery, attempt.expiry, attempt.in_batch
    marks: dict[str, Any] = {
        "fallback_for": delivery.fallback_for,
        "replay_id": delivery.replay_id,
        "test": attempt.test or None,
        "trace_id": delivery.trace_id,
        "webhook": _text_of(delivery.webhook),
        "event_account_id": delivery.event_account_id,
        "answer": attempt.answer,
        "schema_version": delivery.schema_version if delivery.schema_version > 1 else None,
        "position": delivery.position and delivery.position.members,
        "occurred_at": _date_if_known(delivery.occurred_at),
        "hashed": list(delivery.hashed) or None,
    }
    if expiry is not None:
        marks |= {"age_s": round(expiry.age_s, 3), "max_age_s": expiry.max_age_s}
    if batch is not None:
        marks |= {"batch_id": batch.batch_id, "batch_size": batch.size}
    return {key: value for key, value in marks.items() if value is not None}


def _exchange(attempt: Attempt) -> dict[str, Any]:
    request, response = attempt.request, attempt.response
    said: dict[str, Any] = {
        "response_headers": dict(response.headers),
        "response_body": response.body.decode("utf-8", "replace"),
    }
    if request is not None:
        sent = {name: value if name in SHOWN else HIDDEN for name, value in request.headers.items()}
        body = request.body if request.body is not None else request.query.encode()
        said |= {
            "method": request.verb,
            "request_headers": sent,
            "request_body": body[:MOST_BODY_BYTES].decode("utf-8", "replace"),
        }
    return said


def dead_letter_document(letter: DeadLetter) -> dict[str, Any]:
    """Return the document of a dead letter. The payload is JSON text, as a replay needs it."""
    delivery = letter.delivery
    return {
        "_id": delivery.delivery_id,
        "event_id": delivery.event_id,
        "webhook_id": delivery.webhook_id,
        "account_id": delivery.account_id,
        "source": delivery.source,
        "hook": delivery.hook,
        "event_name": delivery.event_name,
        "call_id": delivery.call_id,
        "reason": letter.reason.value,
        "uri": letter.uri.partition("?")[0] if letter.uri else None,
        "endpoint": _endpoint(letter.uri),
        "payload": delivery.payload.decode(),
        "webhook": _text_of(delivery.webhook),
        "event_account_id": delivery.event_account_id,
        "schema_version": delivery.schema_version,
        "hashed": list(delivery.hashed),
        "trace_id": delivery.trace_id,
        "position": delivery.position and delivery.position.members,
        "attempts": [
            {
                "attempt": past.attempt,
                "started_at": _date(past.started_at),
                "duration_ms": round(past.duration_s * 1000, 3),
                "outcome": past.outcome.value,
                "status": past.status,
                "detail": past.detail,
            }
            for past in delivery.past
        ],
        "received_at": _date(delivery.received_at),
        "occurred_at": _date_if_known(delivery.occurred_at),
        "died_at": _date(letter.died_at),
    }


def delivery_of(document: Mapping[str, Any]) -> Delivery:
    """Return the delivery of a dead letter or an attempt, in its state before the first attempt.

    Raises KeyError where the payload was not kept.
    """
    payload, occurred_at = document["payload"], document.get("occurred_at")
    return Delivery(
        delivery_id=document.get("delivery_id") or document["_id"],
        event_id=document["event_id"],
        webhook_id=document["webhook_id"],
        account_id=document["account_id"],
        hook=document["hook"],
        event_name=document["event_name"],
        call_id=document["call_id"],
        received_at=document["received_at"].timestamp(),
        payload=payload.encode() if isinstance(payload, str) else bytes(payload),
        webhook=_object_in(document.get("webhook")),
        # A replay gets a new span id in the old trace, as the first span may have ended long ago.
        traceparent=new_traceparent(document.get("trace_id")),
        event_account_id=document.get("event_account_id"),
        source=document.get("source") or "",
        schema_version=document.get("schema_version") or 1,
        position=_position(document.get("position")),
        occurred_at=occurred_at.timestamp() if occurred_at else None,
        hashed=tuple(document.get("hashed") or ()),
    )


def _position(members: Mapping[str, Any] | None) -> CallPosition | None:
    return CallPosition(**members) if members else None


def _text_of(webhook: Mapping[str, Any] | None) -> str | None:
    """Return JSON text: BSON refuses a whole document with an integer beyond 63 bits."""
    return None if webhook is None else write_json(webhook).decode()


def _object_in(stored: Any) -> Any:
    """Return the webhook's document; earlier versions stored an object in place of JSON text."""
    return read_json(stored) if isinstance(stored, str) else stored


def _endpoint(uri: str | None) -> str | None:
    try:
        return str(endpoint_of(uri)) if uri else None
    except ValueError:
        return None


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _date_if_known(seconds: float | None) -> datetime | None:
    return None if seconds is None else _date(seconds)
