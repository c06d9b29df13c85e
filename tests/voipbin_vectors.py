"""Messages, and the bodies and signatures that VoIPBIN's own code made of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.dialects.voipbin.exchanges import TOPIC
from service.domain.event import Message

Vector = Mapping[str, Any]

FILE = Path(__file__).parent / "vectors" / "voipbin.json"


def read() -> list[Vector]:
    """Return all vectors as they stand in the file."""
    every: list[Vector] = json.loads(FILE.read_text("utf-8"))
    return every


def on_fanout(vector: Vector) -> Message:
    """Return the message of the service that the event is of."""
    body = json.dumps(vector["fanout_body"]).encode()
    return Message("voipbin", vector["exchange"], "", body)


def on_topic(vector: Vector, number: int = 0) -> Message:
    """Return webhook-manager's message, with one of its routing keys."""
    prefix = f'{{"type":"{vector["event_type"]}","publisher":"webhook-manager","data":'
    data = vector["webhook_body"].partition(',"data":')[2]
    key = vector["topic_routing_keys"][number]
    return Message("voipbin", TOPIC, key, f"{prefix}{data}".encode())


def document(vector: Vector, **members: Any) -> dict[str, Any]:
    """Return a webhook of the vector's customer, as another tool would write it."""
    return {
        "_id": "5f0c2a9be1d44c7f9a3be0d1c2b3a495",
        "account_id": vector["customer_id"],
        "source": "voipbin",
        "event_types": ["*"],
        "uri": "https://hooks.example.net/voipbin",
        "http_verb": "post",
        "voipbin_secret": vector["secret"],
        **members,
    }
