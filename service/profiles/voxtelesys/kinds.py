"""The requests of the profile: names and types as Voxtelesys publishes them.

What it does not publish is ours, and its name begins with `Switchhook` or `switchhook_`.
"""

from collections.abc import Mapping
from typing import Any

from service.profiles.profile import RequestKind
from service.profiles.voxtelesys.statuses import (
    CALL_STATUSES,
    FAX_STATUSES,
    RECEIPT_STATUSES,
    RECORDING_STATUSES,
)

NAME = "voxtelesys"
API_VERSION = "1"
UNKNOWN_ERROR = "5100"
"""The vendor's code for an unknown error of a fax."""

Schemas = Mapping[str, Mapping[str, Any]]


def _text(meaning: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": meaning, **more}


def _error(codes: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Why it failed.",
        "properties": {"code": _text(codes), "description": _text("The reason in words.")},
        "required": ["code", "description"],
    }


CALL: Schemas = {
    "CallSid": _text("The call; of Kazoo the leg."),
    "AccountID": _text("The account of the call."),
    "From": _text("The calling number."),
    "To": _text("The called number."),
    "ApiVersion": _text("The version of this profile.", const=API_VERSION),
}
EXAMPLE_OF_CALL = {
    "CallSid": "c2a1f0e4@10.26.0.58",
    "AccountID": "00000000000000000000000000000c03",
    "From": "+15550001111",
    "To": "+15550002222",
}
MESSAGE: Schemas = {
    "to": _text("The number that the message was sent to."),
    "from": _text("The number that sent it."),
}

INCOMING_CALL = RequestKind(
    kind_id=f"{NAME}-call",
    name="Incoming call",
    description="A call that asks what to do next. The answer is a document that steers it.",
    mode="actionable",
    in_json=False,
    members={
        **CALL,
        "CallStatus": _text("The state of the call.", enum=list(CALL_STATUSES)),
        "Vars": _text("JSON text of an object: the variables that the switch has for the call."),
        "SwitchhookDigits": _text("The digits of the last input."),
        "SwitchhookRecordingID": _text("The last recording."),
        "SwitchhookRecordingURL": _text("The address of the last recording."),
        "SwitchhookRecordingDuration": _text("The seconds of the last recording."),
    },
    required=("CallSid", "AccountID", "CallStatus", "ApiVersion", "Vars"),
    example={
        **EXAMPLE_OF_CALL, "CallStatus": "ringing", "ApiVersion": API_VERSION,
        "Vars": '{"crm_case":"42"}',
    },
)  # fmt: skip
STATUS = RequestKind(
    kind_id=f"{NAME}-status",
    name="Status callback",
    description="A call rings, is answered, or has ended.",
    mode="informational",
    in_json=False,
    members={
        **CALL,
        "CallStatus": _text("The state of the call.", enum=list(CALL_STATUSES)),
        "SwitchhookDirection": _text("The direction.", enum=["inbound", "outbound"]),
        "SwitchhookDuration": _text("Seconds from the answer to the end of a completed call."),
        "SwitchhookCause": _text("Why the call ended, in the switch's own word."),
    },
    required=("CallSid", "AccountID", "CallStatus", "ApiVersion"),
    example={
        **EXAMPLE_OF_CALL, "CallStatus": "completed", "ApiVersion": API_VERSION,
        "SwitchhookDirection": "inbound", "SwitchhookDuration": "7",
        "SwitchhookCause": "NORMAL_CLEARING",
    },
)  # fmt: skip
RECORDING = RequestKind(
    kind_id=f"{NAME}-recording",
    name="Recording callback",
    description="A recording begins, or is complete.",
    mode="informational",
    in_json=False,
    members={
        "CallSid": _text("The recorded call; VoIPBIN's alone, and not of a conference."),
        "AccountID": CALL["AccountID"],
        "ApiVersion": CALL["ApiVersion"],
        "SwitchhookRecordingID": _text("The recording, as the switch's API knows it."),
        "SwitchhookRecordingStatus": _text("Its state.", enum=list(RECORDING_STATUSES)),
        "SwitchhookRecordingFormat": _text("The format of the file."),
        "SwitchhookRecordingDuration": _text("The seconds of a complete recording."),
    },
    required=("AccountID", "ApiVersion", "SwitchhookRecordingID", "SwitchhookRecordingStatus"),
    example={
        "CallSid": "18323d12-9872-4847-8bd5-fa101f56db51",
        "AccountID": "a1b2c3d4-0001-4a00-8000-00000000c0de", "ApiVersion": API_VERSION,
        "SwitchhookRecordingID": "fe8b8e4e-78e5-4c58-be94-232c2a25cdc9",
        "SwitchhookRecordingStatus": "completed", "SwitchhookRecordingFormat": "wav",
        "SwitchhookRecordingDuration": "5",
    },
)  # fmt: skip
MO = RequestKind(
    kind_id=f"{NAME}-mo",
    name="Inbound message",
    description="A message arrives for a number of the account.",
    mode="informational",
    in_json=True,
    members={
        "type": _text("The type.", const="mo"),
        **MESSAGE,
        "body": _text("The text."),
        "received_at": _text("When it arrived.", format="date-time"),
        "switchhook_message_id": _text("The message, as the switch knows it."),
    },
    required=("type", "to", "from", "body", "received_at", "switchhook_message_id"),
    example={
        "type": "mo", "to": "+15550002222", "from": "+15550003333", "body": "STOP",
        "received_at": "2026-08-22T11:00:00.5Z",
        "switchhook_message_id": "0c7d3b4e-3b53-4b0a-9a51-0a1f7e8f1b02",
    },
)  # fmt: skip
DLR = RequestKind(
    kind_id=f"{NAME}-dlr",
    name="Delivery receipt",
    description="A message that was sent has another status for one of its recipients.",
    mode="informational",
    in_json=True,
    members={
        "type": _text("The type.", const="per_recipient"),
        "batch_id": _text("The sent message, equal for all recipients."),
        "message_id": _text("The sent message; with `to` it names one recipient's part."),
        "tag": _text("Always empty: no switch keeps a tag."),
        "to": {
            "type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1,
            "description": "The recipient's number, alone.",
        },
        "status": _text("The status.", enum=list(RECEIPT_STATUSES)),
        "time": _text("When the message was sent.", format="date-time"),
        "error": _error("The switch's own status."),
    },
    required=("type", "batch_id", "message_id", "tag", "to", "status", "time"),
    example={
        "type": "per_recipient", "batch_id": "9e7c8e10-2a05-4f64-8f0b-22d2c2a70c03",
        "message_id": "9e7c8e10-2a05-4f64-8f0b-22d2c2a70c03", "tag": "", "to": ["+15550003333"],
        "status": "delivered", "time": "2026-08-22T11:01:00Z",
    },
)  # fmt: skip
FAX = RequestKind(
    kind_id=f"{NAME}-fax",
    name="Fax",
    description="A fax was received, or the sending of one is over.",
    mode="informational",
    in_json=True,
    members={
        "type": _text("The type.", const="fax"),
        "id": _text("The fax; empty where one that failed has none."),
        "direction": _text("The direction.", enum=["inbound", "outbound"]),
        "to": _text("The called number."),
        "from": _text("The calling number."),
        "status": _text("The state.", enum=list(FAX_STATUSES)),
        "time": _text("When it ended.", format="date-time"),
        "pages": _text("The number of pages."),
        "duration": _text("Seconds; `0`, as Kazoo does not tell it."),
        "error": _error(f"`{UNKNOWN_ERROR}`: the switch tells the reason in words only."),
    },
    required=("type", "id", "direction", "to", "from", "status", "time", "pages", "duration"),
    example={
        "type": "fax", "id": "202403-3513f829b23ce4ec8e4bc372701a0cae", "direction": "inbound",
        "to": "+15565671234", "from": "+15554566778", "status": "received",
        "time": "2024-03-12T21:24:34Z", "pages": "2", "duration": "0",
    },
)  # fmt: skip
KINDS = (INCOMING_CALL, STATUS, RECORDING, MO, DLR, FAX)
