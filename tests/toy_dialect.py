"""A dialect in a few lines: one fanout exchange, one hook, requests without a body's envelope."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from service.dialects.binding import Binding
from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.content import Content, ContentWriter
from service.dialects.dialect import Dialect
from service.dialects.hook import Hook
from service.dialects.schema_version import EarlierVersion, Payload
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message, event_id_of
from service.domain.webhook import Account, Webhook

DOORBELL = Binding("toy.doorbell", "fanout", ("",), durable=True)


def ring(occasion: Occasion) -> BusMessage:
    body = {"door": occasion.account_id, "visitor": occasion.call_id}
    return BusMessage(DOORBELL.exchange, "fanout", "", body, {}, durable=True)


class Doorbell:
    """Decodes, and writes requests."""

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:  # noqa: ARG002
        try:
            body = orjson.loads(message.body)
            door, visitor = body["door"], body["visitor"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise RejectedMessage(RejectReason.NOT_JSON, str(error)) from None
        event_id = event_id_of("toy", message.body)
        return (Event(event_id, "toy", "doorbell", "ring", door, body, call_id=visitor),)

    def payload(self, event: Event, account: Account) -> dict[str, Any]:  # noqa: ARG002
        return {"rang": event.fields["visitor"]}

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> ContentWriter:
        return Written(Content("text/x-toy", snapshot or orjson.dumps(payload)))

    def headers(self, webhook: Webhook) -> Mapping[str, str]:
        return {"X-Toy": webhook.webhook_id}

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:  # noqa: ARG002
        return {"X-Toy-Length": str(len(content))}


@dataclass
class Written:
    one: Content

    def content(self, webhook: Webhook) -> Content:  # noqa: ARG002
        return self.one


HOOK = Hook("doorbell", "Doorbell", "Somebody rings.", "toy", (DOORBELL,), {}, (), ring)
TOY = Dialect(name="toy", hooks=(HOOK,), decoder=Doorbell(), requests=Doorbell())


def as_before(payload: Payload) -> dict[str, Any]:
    return {"rang": payload["visitor"]["name"]}


FIRST = EarlierVersion(
    1,
    {"rang": {"type": "string", "description": "Who rings."}},
    ("rang",),
    as_before,
    deprecated_at=datetime(2026, 3, 1, tzinfo=UTC),
    sunset_at=datetime(2027, 3, 1, 12, tzinfo=UTC),
)
GROWN_HOOK = replace(
    HOOK,
    hook_id="front/doorbell",
    members={"visitor": {"type": "object", "description": "Who rings, by name."}},
    required=("visitor",),
    version=2,
    earlier=(FIRST,),
    changes={1: "First version.", 2: "`rang` became `visitor.name`."},
)


class GrownDoorbell(Doorbell):
    """Its payload has changed, and so has the version of its schema."""

    def decode(self, message: Message, account_id: str | None = None) -> tuple[Event, ...]:
        return tuple(
            replace(event, hook=GROWN_HOOK.hook_id) for event in super().decode(message, account_id)
        )

    def payload(self, event: Event, account: Account) -> dict[str, Any]:  # noqa: ARG002
        return {"visitor": {"name": event.fields["visitor"]}}


GROWN = Dialect("toy", (GROWN_HOOK,), GrownDoorbell(), GrownDoorbell())
