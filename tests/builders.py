"""Values for tests: every builder gives something that works, and takes what a test is about."""

from collections.abc import Callable
from typing import Any

import orjson
from prometheus_client import CollectorRegistry

from service.dialects.bus_message import Occasion
from service.dialects.kazoo import samples
from service.domain.breaker import BreakerPolicy
from service.domain.delivery import (
    Attempt,
    DeadLetter,
    DeadLetterReason,
    Delivery,
    Outcome,
    PastAttempt,
    Request,
    Response,
    attempt_id_of,
    delivery_id_of,
)
from service.domain.event import Event, Message
from service.domain.webhook import Account, Webhook, account_of
from service.observability.metrics import Metrics
from service.pipeline.limits.endpoints import Endpoints
from service.pipeline.limits.free_places import FreePlaces
from service.pipeline.limits.places import Places
from tests import virtual_time

ACCOUNT = "00000000000000000000000000000c03"
RESELLER = "00000000000000000000000000000b02"
MASTER = "00000000000000000000000000000a01"
CALL_ID = "NDlkNGI3.OTZlMDgz@10.26.0.58"
NOW = 1_700_000_000.0
SECRET = bytes(range(24))
WEBHOOK_DEFAULTS = {
    "http_verb": "post",
    "format": "form-data",
    "retries": 2,
    "enabled": True,
    "include_subaccounts": False,
    "include_internal_legs": True,
    "custom_data": {},
    "modifiers": {},
}
"""What a webhook's document has where nothing else was said: Kazoo's."""


def make_webhook(
    webhook_id: str = "hook-1",
    *,
    hook: str = "channel_create",
    include_internal_legs: bool = True,
    **changes: Any,
) -> Webhook:
    values = {
        "account_id": ACCOUNT,
        "source": "kazoo",
        "hooks": frozenset((hook,)),
        "uri": "https://hooks.example.net/kazoo",
        **changes,
    }
    if not include_internal_legs:
        values["filters"] = {**values.get("filters", {}), "internal_leg": False}
    return Webhook(webhook_id, **values)


def make_account(
    *webhooks: Webhook, account_id: str = ACCOUNT, tree: tuple[str, ...] = ()
) -> Account:
    return account_of(account_id, tree, RESELLER, webhooks)


def make_event(*, internal_leg: bool = False, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "event_id": "e" * 32,
        "source": "kazoo",
        "hook": "channel_create",
        "name": "CHANNEL_CREATE",
        "account_id": ACCOUNT,
        "fields": {"account_id": None, "call_id": CALL_ID, "reseller_id": None},
        "call_id": CALL_ID,
        **changes,
    }
    if internal_leg:
        values["facts"] = {**values.get("facts", {}), "internal_leg": True}
    return Event(**values)


def make_delivery(**changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "delivery_id": delivery_id_of("e" * 32, "hook-1"),
        "event_id": "e" * 32,
        "webhook_id": "hook-1",
        "account_id": ACCOUNT,
        "hook": "channel_create",
        "event_name": "CHANNEL_CREATE",
        "call_id": CALL_ID,
        "received_at": NOW,
        "payload": b'{"call_id":"NDlkNGI3.OTZlMDgz@10.26.0.58"}',
        "source": "kazoo",
    }
    return Delivery(**(values | changes))


def make_past(
    attempt: int = 1, outcome: Outcome = Outcome.TIMED_OUT, **changes: Any
) -> PastAttempt:
    values: dict[str, Any] = {
        "started_at": NOW,
        "duration_s": 5.0,
        "status": None,
        "detail": None,
    }
    return PastAttempt(attempt=attempt, outcome=outcome, **(values | changes))


def make_request(**changes: Any) -> Request:
    values: dict[str, Any] = {
        "verb": "POST",
        "uri": "https://hooks.example.net/kazoo?token=hush",
        "query": "",
        "headers": {"X-Hook-ID": "hook-1", "webhook-signature": "v1,c2lnbmF0dXJl"},
        "body": b'{"call_id":"1"}',
    }
    return Request(**(values | changes))


def make_attempt(response: Response | None = None, **changes: Any) -> Attempt:
    request = make_request()
    values: dict[str, Any] = {
        "delivery": make_delivery(),
        "attempt": 1,
        "uri": request.uri,
        "request": request,
        "response": response or Response(Outcome.BAD_STATUS, 500, body=b"oops"),
        "started_at": NOW,
        "duration_s": 0.25,
        "attempt_id": attempt_id_of(NOW),
    }
    return Attempt(**(values | changes))


def make_letter(**changes: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "delivery": make_delivery(past=(make_past(),)),
        "reason": DeadLetterReason.EXHAUSTED,
        "uri": "https://hooks.example.net/kazoo?token=hush",
        "died_at": NOW + 60.5,
    }
    return DeadLetter(**(values | changes))


def channel_body(event: str = "CHANNEL_CREATE", /, **changes: Any) -> dict[str, Any]:
    """Return a channel event; a member that is None is left out."""
    sample = samples.channel(event, Occasion.now(ACCOUNT, CALL_ID))
    body = dict(sample.body) | changes
    return {key: value for key, value in body.items() if value is not None}


def make_message(body: Any, *, content_encoding: str | None = None) -> Message:
    """Return a message with these bytes, or with this value as JSON."""
    plain = body if isinstance(body, bytes) else orjson.dumps(body)
    return Message("kazoo", "callevt", "call.CHANNEL_CREATE.x", plain, content_encoding)


def make_endpoints(
    limit: int = 10,
    policy: BreakerPolicy | None = None,
    now: Callable[[], float] = virtual_time.now,
) -> Endpoints:
    """Return endpoints whose breakers open after 1000 failures unless told otherwise."""
    policy = policy or BreakerPolicy(failure_count=1000)
    return Endpoints(limit, policy, Metrics(CollectorRegistry(), []), now)


def make_places(
    count: int = 100,
    longest_wait_s: float = 0.0,
    endpoints: Endpoints | None = None,
    metrics: Metrics | None = None,
    lane: str = "events",
    deferred_to: Places | None = None,
    free: FreePlaces | None = None,
) -> Places:
    """Return a lane's places, `free` or `count`; nothing waits unless told how long it may."""
    endpoints = endpoints or make_endpoints()
    metrics = metrics or Metrics(CollectorRegistry(), [])
    return Places(lane, free or FreePlaces(count), longest_wait_s, endpoints, metrics, deferred_to)
