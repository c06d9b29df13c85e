"""From a message of VoIPBIN to its event, which VoIPBIN gives neither an id nor a time."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from service.bounded import BoundedDict
from service.dialects.body import read_object
from service.dialects.voipbin.catalogue import NAME
from service.dialects.voipbin.destinations import provision_in, scope_in
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.freshness import occurred_at
from service.dialects.voipbin.kinds import BY_KEY, CONVERTED, INSIDE, Kind
from service.dialects.voipbin.names import MESSAGE_CREATED, MESSAGE_DIRECTION
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.required import text
from service.dialects.voipbin.resource import RESOURCES, ZERO_UUID, without_secrets
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message, event_id_of
from service.domain.provision import Provision
from service.domain.webhook import NOTHING
from service.text.json_text import write_json

SYSTEM_CUSTOMER = "00000000-0000-0000-0000-000000000002"
NOBODY = frozenset({ZERO_UUID, SYSTEM_CUSTOMER})
"""Customers that VoIPBIN itself sends nothing to."""
SPEECH_INTERIM, SPEECH_ENDED = "transcribe_speech_interim", "transcribe_speech_ended"
REMEMBERED_EVENTS = 10_000
"""Some seconds of the busiest platform, within which the copies of an event arrive."""


class VoipbinDecoder:
    """The `Decoder` of VoIPBIN.

    An event can arrive in two messages: with a customer's and an agent's routing key, or through
    two taps. The first one brings it, and its redeliveries do again; the other is ignored.
    """

    def __init__(self, policy: VoipbinPolicy, max_bytes: int) -> None:
        self._with_secrets = policy.forward_secrets
        self._max_bytes = max_bytes
        self._brought_by: BoundedDict[str, tuple[str, str]] = BoundedDict(REMEMBERED_EVENTS)

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        """Return the event of a message; none where it concerns no hook or no customer.

        With an `account_id` the message is a trial: no later one counts as its copy. Raises
        RejectedMessage.
        """
        body = read_object(message, self._max_bytes)
        kind = _kind(message.exchange, body)
        if kind is None:
            return ()
        internal = self._data(body)
        account = text(internal, kind.account_member)
        if account in NOBODY or _is_deleted_transcript(kind, internal):
            return ()
        seen = self._seen(message.exchange, kind, internal)
        event = self._event(kind, account, seen, provision_in(kind, internal))
        if account_id is None and self._is_copy(event, message):
            return ()
        return (event,)

    def _is_copy(self, event: Event, message: Message) -> bool:
        """Return whether another message has brought the event; remember it otherwise."""
        where = message.exchange, message.routing_key
        if self._brought_by.get(event.event_id, where) != where:
            return True
        self._brought_by[event.event_id] = where
        return False

    def _data(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the resource; contact-manager encodes it a second time, as base64 text."""
        data = body.get("data")
        if data is None:
            raise RejectedMessage(RejectReason.MISSING_FIELD, "data is missing")
        if type(data) is str:
            data = read_object(Message(NAME, "", "", _decoded(data)), self._max_bytes)
        if type(data) is not dict:
            raise RejectedMessage(RejectReason.WRONG_TYPE, "data must be an object")
        return data

    def _seen(self, exchange: str, kind: Kind, data: dict[str, Any]) -> dict[str, Any]:
        """Return what the customer sees of a resource."""
        if exchange != TOPIC:
            resource = RESOURCES[kind.resource]
            return resource.for_customers(data, with_secrets=self._with_secrets)
        return data if self._with_secrets else without_secrets(data)

    def _event(
        self, kind: Kind, account: str, seen: dict[str, Any], provision: Provision | None
    ) -> Event:
        fields = {"type": kind.type, "data": seen}
        return Event(
            event_id=event_id_of(f"{NAME}/{kind.hook_id}", write_json(fields)),
            source=NAME,
            hook=kind.hook_id,
            name=kind.type,
            account_id=account,
            fields=fields,
            call_id=_call_id(kind, seen),
            facts=_facts(kind, seen),
            reaches_all=kind.reaches_all,
            provision=provision,
            burst_id=_burst_id(kind, seen),
            ends_burst=kind.type == SPEECH_ENDED,
            scope_id=scope_in(kind, seen),
            occurred_at=occurred_at(kind, seen),
        )


def _kind(exchange: str, body: Mapping[str, Any]) -> Kind | None:
    """Return the kind of event; None for one that stays inside. Raises RejectedMessage."""
    name = text(body, "type")
    if exchange == TOPIC:
        publisher, kind = "webhook-manager", CONVERTED.get(name)
    else:
        publisher = text(body, "publisher")
        kind = BY_KEY.get((publisher, name))
        if (publisher, name) in INSIDE or (kind is not None and "fanout" not in kind.taps):
            return None
    if kind is None:
        detail = f"no hook for {publisher[:60]!r}, {name[:60]!r}"
        raise RejectedMessage(RejectReason.UNKNOWN_EVENT, detail)
    return kind


def _is_deleted_transcript(kind: Kind, internal: Mapping[str, Any]) -> bool:
    """Return whether a transcript was deleted, which VoIPBIN announces as its creation."""
    return kind.type == "transcript_created" and bool(internal.get("tm_delete"))


def _call_id(kind: Kind, seen: Mapping[str, Any]) -> str | None:
    if kind.resource == "call":
        found = seen.get("id")
    else:
        found = seen.get("reference_id") if seen.get("reference_type") == "call" else None
    return found if type(found) is str else None


def _burst_id(kind: Kind, seen: Mapping[str, Any]) -> str | None:
    """Return what the interim events of one speech have in common; their ids are always new."""
    found = seen.get("streaming_id") if kind.type in (SPEECH_INTERIM, SPEECH_ENDED) else None
    return found if type(found) is str else None


def _facts(kind: Kind, seen: Mapping[str, Any]) -> Mapping[str, str | bool]:
    if kind.type != MESSAGE_CREATED:
        return NOTHING
    direction = seen.get("direction")
    return {MESSAGE_DIRECTION: direction} if type(direction) is str else NOTHING


def _decoded(encoded: str) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise RejectedMessage(RejectReason.WRONG_TYPE, "data is a string, not base64") from None
