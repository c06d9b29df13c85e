"""Between our values and the documents of the attempt log and the dead letters."""

from datetime import UTC, datetime
from typing import Any

from service.domain.delivery import Attempt, DeadLetter
from service.domain.endpoint import endpoint_of

MOST_BODY_BYTES = 16_384


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """Return the row of the attempt log; bodies are kept of failures only."""
    delivery, response = attempt.delivery, attempt.response
    row = {
        "delivery_id": delivery.delivery_id,
        "event_id": delivery.event_id,
        "webhook_id": delivery.webhook_id,
        "account_id": delivery.account_id,
        "hook": delivery.hook,
        "event_name": delivery.event_name,
        "call_id": delivery.call_id,
        "attempt": attempt.attempt,
        "outcome": response.outcome.value,
        "status": response.status,
        "detail": response.detail,
        "duration_ms": round(attempt.duration_s * 1000, 3),
        "uri": attempt.uri.partition("?")[0],
        "started_at": _date(attempt.started_at),
    }
    if not response.outcome.succeeded:
        row |= _exchange(attempt)
    return row


def _exchange(attempt: Attempt) -> dict[str, Any]:
    request, response = attempt.request, attempt.response
    said: dict[str, Any] = {
        "response_headers": dict(response.headers),
        "response_body": response.body.decode("utf-8", "replace"),
    }
    if request is not None:
        sent = {key: value for key, value in request.headers.items() if key != "webhook-signature"}
        body = request.body if request.body is not None else request.query.encode()
        said |= {
            "method": request.verb,
            "request_headers": sent,
            "request_body": body[:MOST_BODY_BYTES].decode("utf-8", "replace"),
        }
    return said


def dead_letter_document(letter: DeadLetter) -> dict[str, Any]:
    """Return the document of a dead letter. The payload is JSON text, ready to be sent again."""
    delivery = letter.delivery
    return {
        "_id": delivery.delivery_id,
        "event_id": delivery.event_id,
        "webhook_id": delivery.webhook_id,
        "account_id": delivery.account_id,
        "hook": delivery.hook,
        "event_name": delivery.event_name,
        "call_id": delivery.call_id,
        "reason": letter.reason.value,
        "uri": letter.uri.partition("?")[0] if letter.uri else None,
        "endpoint": _endpoint(letter.uri),
        "payload": delivery.payload.decode(),
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
        "died_at": _date(letter.died_at),
    }


def _endpoint(uri: str | None) -> str | None:
    try:
        return str(endpoint_of(uri)) if uri else None
    except ValueError:
        return None


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)
