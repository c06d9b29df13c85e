"""How a delivery travels through our own queues: versioned JSON."""

from dataclasses import asdict
from typing import Any

import orjson

from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery, Outcome, PastAttempt
from service.domain.errors import RejectedMessage, RejectReason

VERSION = 1


def seal(delivery: Delivery) -> bytes:
    """Return the bytes of a delivery."""
    return orjson.dumps(_plain(delivery))


def seal_letter(letter: DeadLetter) -> bytes:
    """Return the bytes of a dead letter."""
    return orjson.dumps(
        _plain(letter.delivery)
        | {"reason": letter.reason, "uri": letter.uri, "died_at": letter.died_at},
    )


def unseal(body: bytes) -> Delivery:
    """Return the delivery that was sealed. Raises RejectedMessage for anything else."""
    return _delivery(_members(body))


def unseal_letter(body: bytes) -> DeadLetter:
    """Return the dead letter that was sealed. Raises RejectedMessage for anything else."""
    members = _members(body)
    try:
        return DeadLetter(
            _delivery(members),
            DeadLetterReason(members["reason"]),
            members["uri"],
            float(members["died_at"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _not_ours(error) from error


def _plain(delivery: Delivery) -> dict[str, Any]:
    members = asdict(delivery)
    members["payload"] = orjson.Fragment(delivery.payload)
    return {"version": VERSION, **members}


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RejectedMessage(RejectReason.NOT_JSON, error.msg) from error
    if not isinstance(members, dict) or members.get("version") != VERSION:
        raise RejectedMessage(RejectReason.UNKNOWN_EVENT, f"not a delivery of version {VERSION}")
    return members


def _delivery(members: dict[str, Any]) -> Delivery:
    try:
        return Delivery(
            delivery_id=members["delivery_id"],
            event_id=members["event_id"],
            webhook_id=members["webhook_id"],
            account_id=members["account_id"],
            hook=members["hook"],
            event_name=members["event_name"],
            call_id=members["call_id"],
            received_at=float(members["received_at"]),
            payload=orjson.dumps(members["payload"]),
            past=tuple(
                PastAttempt(**{**past, "outcome": Outcome(past["outcome"])})
                for past in members["past"]
            ),
            deferrals=int(members["deferrals"]),
            webhook=members.get("webhook"),
            fallback_for=members.get("fallback_for"),
            replay_id=members.get("replay_id"),
            traceparent=members.get("traceparent"),
            event_account_id=members.get("event_account_id"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _not_ours(error) from error


def _not_ours(error: Exception) -> RejectedMessage:
    return RejectedMessage(RejectReason.WRONG_TYPE, f"not a delivery: {error!r}")
