"""Stand-in for VoIPBIN's webhook-manager: answers the requests that its services send it.

An event is published on the topic exchange, as webhook-manager does, and reaches our own queue from
there. So the platform's other consumers go on, and both taps decode the same messages.
"""

from collections.abc import Mapping
from typing import Any

from service.dialects.body import read_object
from service.dialects.rpc import RpcResult
from service.dialects.voipbin.catalogue import NAME
from service.dialects.voipbin.decode import NOBODY
from service.dialects.voipbin.exchanges import TOPIC, envelope, routing_keys
from service.dialects.voipbin.go_json import go_json
from service.dialects.voipbin.required import an_object, text
from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message, event_id_of
from service.domain.publication import Publication
from service.domain.webhook import Verb

REQUESTS = "bin-manager.webhook-manager.request"
REPLY_WITHIN_S = 2.0
"""Callers wait for 3 s, and after five time-outs in a row ask nothing for 30 s."""
ONE_OFF = "webhook_send"
"""The name of deliveries that a flow's action asks for; no hook has it."""
JSON = "application/json"
VERBS = tuple(verb.value for verb in Verb)


class WebhookManager:
    """See `RpcServer`."""

    queue = REQUESTS
    publishes_on = (TOPIC,)
    reply_within_s = REPLY_WITHIN_S

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def result(self, body: bytes) -> RpcResult:
        """See `RpcServer`."""
        try:
            request = read_object(Message(NAME, "", REQUESTS, body), self._max_bytes)
            return _result(request, body)
        except RejectedMessage as error:
            reason = "INVALID_ARGUMENT"
            if error.reason in (RejectReason.NOT_JSON, RejectReason.NOT_UTF8):
                reason = "INVALID_JSON_BODY"
            return RpcResult(_failed(400, "INVALID_ARGUMENT", reason, str(error)))


def _result(request: Mapping[str, Any], body: bytes) -> RpcResult:
    uri, method = request.get("uri"), request.get("method")
    if method == "POST" and uri == "/v1/webhooks":
        return _event(an_object(request, "data"))
    if method == "POST" and uri == "/v1/webhook_destinations":
        return _one_off(an_object(request, "data"), body)
    return RpcResult(_failed(404, "NOT_FOUND", "NOT_FOUND", f"no {method!r} of {uri!r}"))


def _event(asked: Mapping[str, Any]) -> RpcResult:
    customer_id = text(asked, "customer_id")
    event = an_object(asked, "data")
    name = text(event, "type")
    data = an_object(event, "data")
    if customer_id in NOBODY:
        return RpcResult(_done())
    keys = routing_keys(name, customer_id, data)
    body = go_json(envelope(name, "webhook-manager", data))
    copies = tuple(Publication(TOPIC, key, body, wanted=key == keys[0]) for key in keys)
    return RpcResult(_done(), _failed(500, "INTERNAL", "INTERNAL", "not stored yet"), copies)


def _one_off(asked: Mapping[str, Any], body: bytes) -> RpcResult:
    customer_id, uri = text(asked, "customer_id"), text(asked, "uri")
    if customer_id in NOBODY:
        return RpcResult(_done())
    if asked.get("data") is None:
        raise RejectedMessage(RejectReason.MISSING_FIELD, "data is missing")
    event_id = event_id_of(f"{NAME}/{ONE_OFF}", body)
    webhook = {
        "_id": event_id,
        "account_id": customer_id,
        "source": NAME,
        "hook": ONE_OFF,
        "uri": uri,
        "http_verb": _verb(asked),
    }
    event = Event(
        event_id=event_id,
        source=NAME,
        hook=ONE_OFF,
        name=ONE_OFF,
        account_id=customer_id,
        fields={"data_type": asked.get("data_type") or JSON, "data": asked["data"]},
        webhook=webhook,
    )
    return RpcResult(_done(), _failed(500, "INTERNAL", "INTERNAL", "not stored yet"), event=event)


def _verb(asked: Mapping[str, Any]) -> str:
    """Return the method in lower case; Go sends a request without one as GET."""
    method = asked.get("method") or "GET"
    if method not in VERBS:
        detail = f"method must be one of {', '.join(VERBS)}, not {method!r}"
        raise RejectedMessage(RejectReason.WRONG_TYPE, detail)
    return str(method).lower()


def _done() -> bytes:
    return go_json({"status_code": 200, "data_type": JSON})


def _failed(code: int, status: str, reason: str, message: str) -> bytes:
    data = {"status": status, "reason": reason, "domain": "webhook-manager", "message": message}
    return go_json({"status_code": code, "data_type": JSON, "data": data})
