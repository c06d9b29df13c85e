"""Names of VoIPBIN's form, for its parser and its writer."""

from typing import Any, Final

from service.answers import document as d
from service.answers.values import RejectReason

NAME: Final = "voipbin"

TYPES = frozenset({
    "ai_summary", "ai_talk", "ai_task", "amd", "answer", "beep", "block", "branch", "call",
    "case_create", "condition_call_digits", "condition_call_status", "condition_datetime",
    "condition_variable", "confbridge_join", "conference_join", "connect", "conversation_send",
    "digits_receive", "digits_send", "echo", "email_send", "empty", "external_media_start",
    "external_media_stop", "fetch", "fetch_flow", "goto", "hangup", "message_send", "mute", "play",
    "queue_join", "recording_start", "recording_stop", "sleep", "stop", "stream_echo", "talk",
    "transcribe_recording", "transcribe_start", "transcribe_stop", "variable_set", "webhook_send",
})  # fmt: skip
JUMPS = frozenset({
    "branch", "condition_call_digits", "condition_call_status", "condition_datetime",
    "condition_variable", "goto",
})  # fmt: skip
"""Types whose options name the id of another action."""
NO_ID = "00000000-0000-0000-0000-000000000000"
TEL = "tel"

DIGITS = "voipbin.call.digits"
"""Variable with the digits that were pressed. Nothing but `variable_set` empties it."""
RESET_STEP = d.Set(DIGITS, "")
NEXT_ON_DIGIT = d.Extra(NAME, "digits_handle", '"next"')
"""Marks a text that ends when a key is pressed."""
DIGITS_KEPT = d.Extra(NAME, "digits_kept", "true")
"""Marks an input that also counts the digits pressed before it; it is no option of VoIPBIN."""
DIGITS_QUERY = f"Digits=${{{DIGITS}}}"
"""Query that brings the digits to the `action` of an input: `fetch` itself sends no variables.
The key that ended the input comes with them, but for `#`, which begins a fragment."""
BEEP = "beep"

REASONS = {RejectReason.BUSY: "busy", RejectReason.REJECTED: "failed"}
"""Reasons of a hangup that refuse a call."""


def recording_option(step: d.Record) -> dict[str, Any]:
    """Return the option of the action that starts a recording.

    The flow goes on at once; the input after it waits for the end of the recording.
    """
    return {"format": "wav", "end_of_silence": step.timeout_s, "duration": step.max_length_s}


def jumps(action: dict[str, Any]) -> bool:
    """Return whether an action goes on with another than the next."""
    return action.get("type") in JUMPS or action.get("next_id") not in (None, "", NO_ID)
