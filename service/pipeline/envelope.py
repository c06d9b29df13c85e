"""How deliveries travel through our own queues: versioned JSON.

Version 1 is one delivery. Version 3 is several of one event: what they have in common stands once.
Version 2 was the same with only the payload in common; it is still read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import orjson

from service.domain.call import CallPosition
from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery, Outcome, PastAttempt
from service.domain.errors import RejectedMessage, RejectReason
from service.text.json_text import has_float, read_json, write_json

ONE, SEVERAL_WHOLE, SEVERAL = 1, 2, 3


def seal(deliveries: Sequence[Delivery]) -> bytes:
    """Return the bytes of deliveries of one event."""
    return _sealed(deliveries, [{} for _ in deliveries])


def seal_letters(letters: Sequence[DeadLetter]) -> bytes:
    """Return the bytes of dead letters of one event."""
    ends = [
        {"reason": letter.reason, "uri": letter.uri, "died_at": letter.died_at}
        for letter in letters
    ]
    return _sealed([letter.delivery for letter in letters], ends)


def holds_several(body: bytes) -> bool:
    """Return whether several deliveries were sealed: a cheap guess, wrong for foreign bytes."""
    return body.startswith((b'{"version":3,', b'{"version":2,'))


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
COMMON = (
    "event_id", "account_id", "hook", "event_name", "call_id", "received_at", "traceparent",
    "event_account_id", "source", "schema_version", "position", "occurred_at",
)  # fmt: skip
"""Members that the deliveries of one event usually have in common."""
OWN = tuple(
    (field.name, field.default)
    for field in fields(Delivery)
    if field.name not in (*COMMON, "payload", "past")
)
"""The other members, each with the value that is not written."""
USUAL = {"past": (), "deferrals": 0}
"""Values for members that readers of version 1 demand."""

_common_values = attrgetter(*COMMON)


def _sealed(deliveries: Sequence[Delivery], additions: Sequence[dict[str, Any]]) -> bytes:
    """Return the bytes of deliveries, each with members in addition to its own."""
    first = deliveries[0]
    payload = orjson.Fragment(first.payload)
    if len(deliveries) == 1:
        members = _plain(MEMBERS, first) | {"past": _past(first)}
        return write_json({"version": ONE, **members, **additions[0], "payload": payload})
    common = _plain(COMMON, first)
    several = [
        _own(delivery, first) | added for delivery, added in zip(deliveries, additions, strict=True)
    ]
    return write_json(
        {"version": SEVERAL, "common": common, "deliveries": several, "payload": payload}
    )


def _own(delivery: Delivery, first: Delivery) -> dict[str, Any]:
    """Return the members that have no common and no usual value."""
    own = {name: value for name, usual in OWN if (value := getattr(delivery, name)) != usual}
    if delivery.past:
        own["past"] = _past(delivery)
    if _common_values(delivery) != _common_values(first):
        differing = (name for name in COMMON if getattr(delivery, name) != getattr(first, name))
        own |= _plain(differing, delivery)
    return own


def _plain(names: Iterable[str], delivery: Delivery) -> dict[str, Any]:
    members = {name: getattr(delivery, name) for name in names}
    if members.get("position") is not None:
        members["position"] = {name: getattr(delivery.position, name) for name in POSITION_MEMBERS}
    return members


def _past(delivery: Delivery) -> list[dict[str, Any]]:
    return [{name: getattr(past, name) for name in PAST_MEMBERS} for past in delivery.past]


def _opened(body: bytes) -> list[dict[str, Any]]:
    """Return the members of each delivery, its payload among them as JSON text."""
    try:
        members = _read(body)
    except orjson.JSONDecodeError as error:
        raise RejectedMessage(RejectReason.NOT_JSON, error.msg) from error
    version = members.get("version") if isinstance(members, dict) else None
    if version not in (ONE, SEVERAL_WHOLE, SEVERAL):
        raise RejectedMessage(RejectReason.UNKNOWN_EVENT, "not a delivery of version 1, 2 or 3")
    try:
        several = [members] if version == ONE else members["deliveries"]
        common = {**USUAL, **members["common"]} if version == SEVERAL else {}
        payload = write_json(members["payload"])
        opened = [{**common, **one, "payload": payload} for one in several]
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
            occurred_at=_seconds(members, "occurred_at"),
            replayed_at=_seconds(members, "replayed_at"),
            max_age_s=_seconds(members, "max_age_s"),
            hashed=tuple(members.get("hashed", ())),
            wait_left_s=float(members.get("wait_left_s", 0.0)),
            turn_at=float(members.get("turn_at", 0.0)),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _not_ours(error) from error


def _position(members: dict[str, Any] | None) -> CallPosition | None:
    return None if members is None else CallPosition(**members)


def _seconds(members: dict[str, Any], name: str) -> float | None:
    """Return a member that earlier versions did not write."""
    value = members.get(name)
    return None if value is None else float(value)


def _not_ours(error: Exception) -> RejectedMessage:
    return RejectedMessage(RejectReason.WRONG_TYPE, f"not a delivery: {error!r}")
