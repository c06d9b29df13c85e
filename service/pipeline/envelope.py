"""How deliveries travel through our own queues: versioned JSON.

Version 1 is one delivery. Version 2 is several of one event, which share its payload.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import orjson

from service.domain.call import CallPosition
from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery, Outcome, PastAttempt
from service.domain.errors import RejectedMessage, RejectReason
from service.text.json_text import has_float, read_json, write_json

ONE, SEVERAL = 1, 2


def seal(deliveries: Sequence[Delivery]) -> bytes:
    """Return the bytes of deliveries of one event."""
    return _sealed(deliveries[0].payload, [_plain(delivery) for delivery in deliveries])


def seal_letters(letters: Sequence[DeadLetter]) -> bytes:
    """Return the bytes of dead letters of one event."""
    given_up = [
        _plain(letter.delivery)
        | {"reason": letter.reason, "uri": letter.uri, "died_at": letter.died_at}
        for letter in letters
    ]
    return _sealed(letters[0].delivery.payload, given_up)


def holds_several(body: bytes) -> bool:
    """Return whether several deliveries were sealed: a cheap guess, wrong for foreign bytes."""
    return body.startswith(b'{"version":2,')


def unseal(body: bytes) -> list[Delivery]:
    """Return the deliveries that were sealed. Raises RejectedMessage for anything else."""
    return [_delivery(members) for members in _opened(body)]


def unseal_letters(body: bytes) -> list[DeadLetter]:
    """Return the dead letters that were sealed. Raises RejectedMessage for anything else."""
    return [_letter(members) for members in _opened(body)]


def _letter(members: dict[str, Any]) -> DeadLetter:
    try:
        return DeadLetter(
            _delivery(members),
            DeadLetterReason(members["reason"]),
            members["uri"],
            float(members["died_at"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _not_ours(error) from error


MEMBERS = tuple(field.name for field in fields(Delivery) if field.name not in ("payload", "past"))
POSITION_MEMBERS = tuple(field.name for field in fields(CallPosition))
PAST_MEMBERS = tuple(field.name for field in fields(PastAttempt))


def _plain(delivery: Delivery) -> dict[str, Any]:
    members = {name: getattr(delivery, name) for name in MEMBERS}
    if delivery.position is not None:
        members["position"] = {name: getattr(delivery.position, name) for name in POSITION_MEMBERS}
    members["past"] = [
        {name: getattr(past, name) for name in PAST_MEMBERS} for past in delivery.past
    ]
    return members


def _sealed(payload: bytes, several: Sequence[dict[str, Any]]) -> bytes:
    shared = orjson.Fragment(payload)
    if len(several) == 1:
        return write_json({"version": ONE, **several[0], "payload": shared})
    return write_json({"version": SEVERAL, "deliveries": several, "payload": shared})


def _opened(body: bytes) -> list[dict[str, Any]]:
    """Return the members of each delivery, its payload among them as JSON text."""
    try:
        members = _read(body)
    except orjson.JSONDecodeError as error:
        raise RejectedMessage(RejectReason.NOT_JSON, error.msg) from error
    version = members.get("version") if isinstance(members, dict) else None
    if version not in (ONE, SEVERAL):
        raise RejectedMessage(RejectReason.UNKNOWN_EVENT, "not a delivery of version 1 or 2")
    try:
        several = [members] if version == ONE else members["deliveries"]
        payload = write_json(members["payload"])
        opened = [{**one, "payload": payload} for one in several]
    except (KeyError, TypeError) as error:
        raise _not_ours(error) from error
    if not opened:
        raise RejectedMessage(RejectReason.MISSING_FIELD, "no deliveries in it")
    return opened


def _read(body: bytes) -> Any:
    """Keep the switch's numbers as written; our own members have floats that need no such care."""
    members = orjson.loads(body)
    if not isinstance(members, dict):
        return members
    return read_json(body) if _has_odd_numbers(members) else members


def _has_odd_numbers(members: dict[str, Any]) -> bool:
    deliveries = members.get("deliveries")
    several = deliveries if isinstance(deliveries, list) else [members]
    webhooks = [one.get("webhook") for one in several if isinstance(one, dict)]
    try:
        return has_float([members.get("payload"), *webhooks])
    except RecursionError:
        return False


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
            payload=members["payload"],
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
            source=members.get("source", ""),
            schema_version=int(members.get("schema_version", 1)),
            position=_position(members.get("position")),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _not_ours(error) from error


def _position(members: dict[str, Any] | None) -> CallPosition | None:
    return None if members is None else CallPosition(**members)


def _not_ours(error: Exception) -> RejectedMessage:
    return RejectedMessage(RejectReason.WRONG_TYPE, f"not a delivery: {error!r}")
