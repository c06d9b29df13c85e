"""Example answers for the description; a test checks each against its model."""

from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from service.api.shapes.answers import (
    AttemptAnswer,
    AttemptInFull,
    Counted,
    Discarded,
    GlanceAnswer,
    HookAnswer,
    LetterAnswer,
    LetterInFull,
    MatchAnswer,
    PortalAnswer,
    ReplayAnswer,
    Revived,
    SchemasAnswer,
    StatsAnswer,
    TokenAnswer,
    WebhookSummary,
)
from service.api.shapes.calls import CallAnswer
from service.api.shapes.event_matches import EventMatches
from service.api.shapes.operator_answers import (
    AuditAnswer,
    BroughtBack,
    CertificateAnswer,
    PauseAnswer,
    RejectedAnswer,
    RejectedInFull,
    Taken,
    WorkerAnswer,
)
from service.api.shapes.streams import StreamedAttempt, StreamedRequest
from service.api.shapes.webhook import WebhookAnswer

ACCOUNT_ID = "4fe69c5b61015084f1fe5684abc6e502"
WEBHOOK_ID = "5f0c2a9be1d44c7f9a3be0d1c2b3a495"
ATTEMPT_ID = "019a9d3c1f40a3be0d1c2b3a4955f0c2"
DELIVERY_ID = "c2b3a4955f0c2a9be1d44c7f9a3be0d1"
EVENT_ID = "e1d44c7f9a3be0d1c2b3a4955f0c2a9b"
REPLAY_ID = "9a3be0d1c2b3a4955f0c2a9be1d44c7f"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALL_ID = "NDlkNGI3.OTZlMDgz@10.26.0.58"
AT = "2026-01-02T03:04:05.678+00:00"
URI = "https://hooks.example.com/calls"
BY = "token:0a1b2c3d4e5f"
COMMON = {
    "request_id": "b3a4955f0c2a9be1d44c7f9a3be0d1c2",
    "timestamp": "2026-01-02T03:04:05Z",
    "node": "switchhook",
}
PAYLOAD = {"account_id": ACCOUNT_ID, "call_id": CALL_ID, "hook_event": "channel_destroy"}

SUMMARY = {
    "id": WEBHOOK_ID,
    "hook": "channel_destroy",
    "name": "CRM",
    "uri": URI,
    "enabled": True,
}
WEBHOOK = {
    **SUMMARY,
    "http_verb": "post",
    "format": "json",
    "retries": 4,
    "include_subaccounts": False,
    "include_internal_legs": True,
    "custom_data": {"crm": "7"},
    "modifiers": {"call_direction": ["inbound"]},
    "filters": [{"callee": "+49*"}, {"member": "hangup_cause", "op": "eq", "value": "USER_BUSY"}],
    "mask": ["caller_id_name", {"member": "caller_id_number", "keep": 4}],
    "omit": ["custom_channel_vars"],
    "secret": "(hidden)",
    "_read_only": {
        "created_at": AT,
        "created_by": BY,
        "modified_at": AT,
        "modified_by": BY,
        "history": [
            {
                "at": AT,
                "by": BY,
                "action": "changed",
                "members": ["retries"],
                "changes": {"retries": {"old": 2, "new": 4}},
            }
        ],
        "health": {"recent_failures": 0, "disabled_at_failures": 6, "window_s": 60.0},
    },
}
ATTEMPT = {
    "id": ATTEMPT_ID,
    "timestamp": 63934542245,
    "started_at": AT,
    "duration_ms": 41.7,
    "hook_id": WEBHOOK_ID,
    "hook_event": "CHANNEL_DESTROY",
    "hook": "channel_destroy",
    "source": "my-switch",
    "event_name": "CHANNEL_DESTROY",
    "event_id": EVENT_ID,
    "delivery_id": DELIVERY_ID,
    "call_id": CALL_ID,
    "attempt": 1,
    "uri": URI,
    "result": "failure",
    "outcome": "bad_status",
    "reason": "bad response code",
    "resp_status_code": "500",
    "resp_body": "oops",
    "try": 5,
    "retries_left": 4,
    "trace_id": TRACE_ID,
}
LETTER = {
    "id": DELIVERY_ID,
    "account_id": ACCOUNT_ID,
    "hook_id": WEBHOOK_ID,
    "hook": "channel_destroy",
    "source": "my-switch",
    "event_name": "CHANNEL_DESTROY",
    "event_id": EVENT_ID,
    "call_id": CALL_ID,
    "reason": "exhausted",
    "uri": URI,
    "endpoint": "https://hooks.example.com:443",
    "occurred_at": AT,
    "received_at": AT,
    "died_at": AT,
    "attempts": [
        {
            "attempt": 1,
            "started_at": AT,
            "duration_ms": 41.7,
            "outcome": "bad_status",
            "status": 500,
            "detail": None,
        }
    ],
    "trace_id": TRACE_ID,
}
REPLAY = {
    "id": REPLAY_ID,
    "state": "running",
    "matched": 120,
    "replayed": 50,
    "limit": 100_000,
    "rate_per_s": 50.0,
    "max_age_s": None,
    "created_at": AT,
    "created_by": BY,
    "ended_at": None,
}
WINDOW = {
    "attempts": 120,
    "outcomes": {"succeeded": 119, "timed_out": 1},
    "measured": 120,
    "duration_ms": {"p50": 41.7, "p90": 80.2, "p95": 95.0, "p99": 210.4},
}
VERDICT = {
    "id": WEBHOOK_ID,
    "name": "CRM",
    "hook": "channel_destroy",
    "matches": False,
    "reasons": [
        "filters.0 (duration at least 30 s) did not hold: the event's duration is 10",
    ],
    "clauses": [
        {
            "clause": "filters.0",
            "wanted": "duration at least 30 s",
            "held": False,
            "found": "the event's duration is 10",
        }
    ],
}
MATCH = {"hook": "channel_destroy", "payload": PAYLOAD, "webhooks": [VERDICT]}
LIVE_REQUEST = {
    "id": DELIVERY_ID,
    "account_id": ACCOUNT_ID,
    "hook": "channel_destroy",
    "event_name": "CHANNEL_DESTROY",
    "call_id": CALL_ID,
    "method": "POST",
    "query": "",
    "headers": {
        "webhook-id": DELIVERY_ID,
        "webhook-timestamp": "1767323045",
        "webhook-signature": "v1,Ca8tD0TlzvJtDcyBVqQ2Zxg+LWcLQsLYvRrUdMvJ2rE=",
        "Content-Type": "application/json",
    },
    "body": '{"call_id":"NDlkNGI3.OTZlMDgz@10.26.0.58"}',
}
REJECTED = {
    "id": REPLAY_ID,
    "reason": "unknown_event",
    "detail": "call_event, CHANNEL_DREAM",
    "exchange": "callevt",
    "routing_key": "call.CHANNEL_DREAM.x",
    "content_encoding": None,
    "size": 26,
    "taken_at": AT,
    "can_return": True,
}
OF_MODELS: Mapping[type[BaseModel], dict[str, Any]] = {
    WebhookSummary: SUMMARY,
    WebhookAnswer: WEBHOOK,
    HookAnswer: {
        "id": "channel_destroy",
        "name": "Channel Destroy",
        "description": "A call leg ends; the payload has the cause and the duration.",
        "mode": "informational",
        "version": 1,
        "freshness": "record",
        "max_age_s": 0.0,
    },
    SchemasAnswer: {
        "hook": "channel_destroy",
        "name": "Channel Destroy",
        "source": "kazoo",
        "mode": "informational",
        "current": 1,
        "versions": [
            {
                "version": 1,
                "changes": "First version.",
                "path": "/v2/schemas/channel_destroy/1",
                "deprecated_at": None,
                "sunset_at": None,
            }
        ],
    },
    AttemptAnswer: ATTEMPT,
    AttemptInFull: {**ATTEMPT, "payload": PAYLOAD},
    LetterAnswer: LETTER,
    LetterInFull: {**LETTER, "payload": PAYLOAD},
    ReplayAnswer: REPLAY,
    Counted: {"matched": 120, "dry_run": True},
    Revived: {"replay_id": REPLAY_ID, "delivery_id": DELIVERY_ID},
    TokenAnswer: {
        "account_id": ACCOUNT_ID,
        "superuser": False,
        "descendants": False,
        "read_only": True,
    },
    StreamedAttempt: {"attempt": ATTEMPT},
    StreamedRequest: {"request": LIVE_REQUEST},
    CallAnswer: {
        "conversation_id": "63877497874-af5b9a0e",
        "source": "kazoo",
        "over": False,
        "revision": 0,
        "summary": None,
        "legs": [{"call_id": "NDlkNGI3.OTZlMDgz@10.26.0.58", "direction": "inbound"}],
        "events": [{"event_id": EVENT_ID, "sequence": 1, "open_for": []}],
        "waiting": [],
    },
    StatsAnswer: {"last_hour": WINDOW, "last_day": WINDOW},
    MatchAnswer: MATCH,
    EventMatches: {
        "matching": 0,
        "events": [
            {
                "event_id": EVENT_ID,
                "hook": "channel_destroy",
                "event_name": "CHANNEL_DESTROY",
                "call_id": CALL_ID,
                "account_id": ACCOUNT_ID,
                "at": AT,
                "hook_id": WEBHOOK_ID,
                "attempt_id": ATTEMPT["id"],
                "masked": False,
                "matches": False,
                "reasons": VERDICT["reasons"],
                "clauses": VERDICT["clauses"],
            }
        ],
        "without_payload": 0,
    },
    GlanceAnswer: {
        "id": WEBHOOK_ID,
        "attempts": 120,
        "succeeded": 119,
        "p95_ms": 107.6,
        "hours": [{"at": AT, "succeeded": 119, "failed": 1}],
    },
    Discarded: {"discarded": 120},
    AuditAnswer: {
        "id": REPLAY_ID,
        "at": AT,
        "action": "webhook_disabled",
        "by": BY,
        "by_label": "CRM team",
        "session_id": None,
        "account_id": ACCOUNT_ID,
        "subject_id": WEBHOOK_ID,
        "details": {"changes": {"enabled": {"old": True, "new": False}}},
    },
    WorkerAnswer: {
        "id": "switch1:4711",
        "host": "switch1",
        "pid": 4711,
        "number": 1,
        "version": "1.0.0",
        "state": "failing",
        "failing": {"store": "does not answer"},
        "in_flight": 12,
        "unsettled": 15,
        "started_at": AT,
        "seen_at": AT,
        "last_event_at": AT,
    },
    Taken: {"taken": 3},
    BroughtBack: {"retried": 1},
    RejectedAnswer: REJECTED,
    RejectedInFull: {**REJECTED, "body": '{"Event-Name": "CHANNEL_DREAM"}'},
    CertificateAnswer: {"host": "hooks.example.com", "expires_at": AT},
    PauseAnswer: {
        "id": DELIVERY_ID,
        "account_id": None,
        "endpoint": "https://hooks.example.com:443",
        "by": "operator",
        "at": AT,
    },
    PortalAnswer: {
        "url": "https://hooks.example.net/console/portal/swh_0a1b2c3d4e5f_secret",
        "account_id": ACCOUNT_ID,
        "read_only": True,
        "expires_at": AT,
    },
}


def of(data: Any) -> Any:
    """Return an example of an operation's data: a model, a list of it, or the first of a union."""
    if data is str:
        return "hooks updated"
    if data == list[str]:
        return ["webhooks_channel_create", "webhooks_channel_destroy"]
    if data == list[dict[str, Any]]:
        return [PAYLOAD]
    if get_origin(data) is list:
        return [of(get_args(data)[0])]
    model = data if isinstance(data, type) else get_args(data)[0]
    return OF_MODELS[model]
