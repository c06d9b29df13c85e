"""Sample members of the service's own events: an answered call, a missed one, a lost end."""

from typing import Any

from service.dialects.bus_message import Occasion
from service.text.times import rfc3339

CALLER, CALLED = "+15556783945", "+15552345678"


def summary(occasion: Occasion) -> dict[str, Any]:
    """Return the summary of a call from outside that rang for 4 s and was answered for 26 s."""
    at = occasion.at
    began, answered, ended = rfc3339(at - 30), rfc3339(at - 26), rfc3339(at)
    return {
        "conversation_id": occasion.call_id,
        "revision": 1,
        "complete": True,
        "synthetic": False,
        "source": "kazoo",
        "started_at": began,
        "answered_at": answered,
        "ended_at": ended,
        "duration_s": 30.0,
        "ring_s": 4.0,
        "talk_s": 26.0,
        "direction": "inbound",
        "from": CALLER,
        "to": CALLED,
        "outcome": "answered",
        "hangup_cause": "NORMAL_CLEARING",
        "sip_code": "sip:200",
        "legs": [
            {
                "call_id": occasion.call_id,
                "direction": "inbound",
                "number": CALLER,
                "created_at": began,
                "answered_at": answered,
                "destroyed_at": ended,
                "duration_s": 30.0,
                "billing_s": 26,
                "hangup_cause": "NORMAL_CLEARING",
                "bridged_to": [f"{occasion.call_id}-b"],
            },
            {
                "call_id": f"{occasion.call_id}-b",
                "direction": "outbound",
                "number": CALLED,
                "user_id": "d860229e722bf8f738737365b0b1e333",
                "created_at": began,
                "answered_at": answered,
                "destroyed_at": ended,
                "duration_s": 30.0,
                "billing_s": 26,
                "hangup_cause": "NORMAL_CLEARING",
                "bridged_to": [occasion.call_id],
            },
        ],
        "transfers": [],
        "recordings": [],
    }


def missed_call(occasion: Occasion) -> dict[str, Any]:
    """Return a call from outside that rang for 20 s."""
    return {
        "conversation_id": occasion.call_id,
        "call_id": occasion.call_id,
        "started_at": rfc3339(occasion.at - 20),
        "ended_at": rfc3339(occasion.at),
        "ring_s": 20.0,
        "direction": "inbound",
        "from": CALLER,
        "to": CALLED,
        "outcome": "missed",
        "hangup_cause": "ORIGINATOR_CANCEL",
    }


def suspect(occasion: Occasion) -> dict[str, Any]:
    """Return a leg of which nothing was told for two hours."""
    return {
        "conversation_id": occasion.call_id,
        "call_id": occasion.call_id,
        "last_seen_at": rfc3339(occasion.at - 7200),
        "detected_at": rfc3339(occasion.at),
    }
