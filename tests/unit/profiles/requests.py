"""A profile's requests for a message of a switch, as the pipeline makes them."""

from collections.abc import Mapping
from typing import Any

import orjson

from service.dialects.dialect import Dialect
from service.dialects.voipbin.dialect import voipbin
from service.dialects.voipbin.policy import VoipbinPolicy
from service.domain.delivery import Request
from service.domain.event import Message
from service.domain.webhook import account_of
from service.pipeline.events import Arrival, delivery_for
from service.pipeline.request.build import content_of, request_for
from service.pipeline.request.destination import owed_of
from service.pipeline.request.versions import Snapshot
from service.profiles.known import PROFILES, parts_of
from service.text.json_text import write_json
from tests import kazoo_vectors, voipbin_vectors
from tests.builders import NOW, make_webhook
from tests.dialects import KAZOO, MOST_BYTES

VOIPBIN = voipbin(VoipbinPolicy(), MOST_BYTES)
KAZOOS = {vector["id"]: vector for vector in kazoo_vectors.read()}
VOIPBINS = {vector["id"]: vector for vector in voipbin_vectors.read()}


def of_kazoo(
    vector_id: str, changes: Mapping[str, Any] | None = None, **webhook: Any
) -> list[Request]:
    """Return the requests for the message of a vector, some of its members changed."""
    vector = KAZOOS[vector_id]
    amqp = vector["amqp"]
    body = {**amqp["body"], **(changes or {})}
    encoded = kazoo_vectors.body({**vector, "amqp": {**amqp, "body": body}})
    encoding = amqp["properties"].get("content_encoding")
    message = Message("kazoo", amqp["exchange"], amqp["routing_key"], encoded, encoding)
    return of(KAZOO, message, **webhook)


def of_voipbin(
    vector_id: str, changes: Mapping[str, Any] | None = None, **webhook: Any
) -> list[Request]:
    """Return the requests for the message of a vector, some members of its resource changed."""
    message = voipbin_vectors.on_fanout(VOIPBINS[vector_id])
    body = orjson.loads(message.body)
    body["data"] |= changes or {}
    return of(VOIPBIN, Message("voipbin", message.exchange, "", orjson.dumps(body)), **webhook)


def of(dialect: Dialect, message: Message, **webhook: Any) -> list[Request]:
    return [
        _request(dialect, part, **webhook)
        # VoIPBIN's decoder remembers what was no trial.
        for event in dialect.decoder.decode(message, "trial" if dialect is VOIPBIN else None)
        if (event.source, event.hook) in PROFILES["voxtelesys"].by_hook
        for part in parts_of("voxtelesys", event)
    ]


def _request(dialect: Dialect, event: Any, **webhook: Any) -> Request:
    payload = dialect.requests.payload(event, account_of(event.account_id or ""))
    snapshot = Snapshot(payload, write_json(payload), dialect.schema_version(event.hook))
    values = {"source": dialect.name, "hook": event.hook, "profile": "voxtelesys", **webhook}
    owner = make_webhook(**values)
    delivery = delivery_for(event, owner, Arrival(NOW, "00-0-0-00"), snapshot)
    content = content_of(dialect, event.hook, snapshot)
    return request_for(owed_of(delivery, owner), content, 1, NOW)
