"""Tables of statuses: those of the switches on the left, those of the profile on the right.

`VOXTELESYS.md` shows them in the other direction; a test keeps both equal.
"""

from collections.abc import Mapping

RINGING, ANSWERED, COMPLETED = "ringing", "answered", "completed"
FAILED, BUSY, NO_ANSWER = "failed", "busy", "no-answer"
CALL_STATUSES = (RINGING, ANSWERED, COMPLETED, FAILED, BUSY, NO_ANSWER)
"""The vendor publishes the last four; the first two are ours."""

KAZOO_CAUSES: Mapping[str, str] = {
    "NORMAL_CLEARING": COMPLETED,
    "NORMAL_UNSPECIFIED": COMPLETED,
    "USER_BUSY": BUSY,
    "CALL_REJECTED": BUSY,
    "NO_ANSWER": NO_ANSWER,
    "NO_USER_RESPONSE": NO_ANSWER,
    "ORIGINATOR_CANCEL": NO_ANSWER,
    "ALLOTTED_TIMEOUT": NO_ANSWER,
    "PROGRESS_TIMEOUT": NO_ANSWER,
    "LOSE_RACE": NO_ANSWER,
    "PICKED_OFF": NO_ANSWER,
}
"""By `hangup_cause` of a call that was not answered; any other cause is `failed`."""
VOIPBIN_REASONS: Mapping[str, str] = {
    "normal": COMPLETED,
    "amd": COMPLETED,
    "busy": BUSY,
    "noanswer": NO_ANSWER,
    "cancel": NO_ANSWER,
    "timeout": NO_ANSWER,
    "failed": FAILED,
    "dialout": FAILED,
}
"""By `hangup_reason` of a call that was not answered; any other reason is `failed`."""
CALLS_THAT_ASK: Mapping[str, str] = {
    "answered": ANSWERED,
    "in-progress": ANSWERED,
}
"""By `Call-Status` of Kazoo's pivot, in both of its formats; any other is `ringing`."""

RECORDING_STATUSES = ("in-progress", "completed", "failed")
VOIPBIN_RECORDINGS: Mapping[str, str] = {
    "recording_started": "in-progress",
    "recording_finished": "completed",
}
"""By type of event; no event of VoIPBIN tells of a recording that failed."""
KAZOO_RECORDINGS: Mapping[str, str] = {"doc_created": "completed"}
"""By action on an object of type `call_recording`. What else is done to it is no state of it."""

RECEIPT_STATUSES = ("queued", "delivering", "delivered", "failed", "unknown", "expired")
VOIPBIN_RECEIPTS: Mapping[str, str] = {
    "queued": "queued",
    "sent": "delivering",
    "delivered": "delivered",
    "failed": "failed",
    "gw_timeout": "unknown",
    "dlr_timeout": "unknown",
}
"""By status of a target. After a time-out nobody knows whether the message arrived."""
RANKS: Mapping[str, int] = {status: min(n, 2) for n, status in enumerate(RECEIPT_STATUSES)}
"""A status is followed by those of a higher rank only: all but the first two are final."""

FAX_STATUSES = ("received", "sent", "failed")
KAZOO_FAXES: Mapping[str, tuple[str, str]] = {
    "inbound_fax": ("inbound", "received"),
    "inbound_fax_error": ("inbound", "failed"),
    "outbound_fax": ("outbound", "sent"),
    "outbound_fax_error": ("outbound", "failed"),
}
"""Direction and status, by `event_name`."""
