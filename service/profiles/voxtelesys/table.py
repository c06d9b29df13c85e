"""The tables of statuses, for `VOXTELESYS.md` beside this file: by the profile's own status."""

from collections.abc import Iterator, Mapping

from service.profiles.voxtelesys import kazoo, voipbin
from service.profiles.voxtelesys.statuses import (
    CALL_STATUSES,
    CALLS_THAT_ASK,
    FAILED,
    KAZOO_CAUSES,
    KAZOO_RECORDINGS,
    RANKS,
    RECEIPT_STATUSES,
    RECORDING_STATUSES,
    VOIPBIN_REASONS,
    VOIPBIN_RECEIPTS,
    VOIPBIN_RECORDINGS,
)

OURS = frozenset(kazoo.STATUSES.values())
"""Statuses of calls that the vendor does not publish."""


CALL_HEAD = (
    "| `CallStatus` | Kazoo: hook, state of a question, or cause | VoIPBIN: hook, or reason |"
)
RECORDING_HEAD = "| `SwitchhookRecordingStatus` | Kazoo: `object`, `call_recording` | VoIPBIN |"
RECEIPT_HEAD = "| `status` | final | VoIPBIN |"


def call_table() -> str:
    """Return a row for each status of a call: what of each switch it stands for."""
    return "".join((f"{CALL_HEAD}\n|---|---|---|\n", *_call_rows()))


def recording_table() -> str:
    """Return a row for each status of a recording: the action, or the type of event."""
    return "".join((f"{RECORDING_HEAD}\n|---|---|---|\n", *_recording_rows()))


def receipt_table() -> str:
    """Return a row for each status of a message."""
    return "".join((f"{RECEIPT_HEAD}\n|---|---|---|\n", *_receipt_rows()))


def _recording_rows() -> Iterator[str]:
    for status in RECORDING_STATUSES:
        own = (_names(KAZOO_RECORDINGS, status), _names(VOIPBIN_RECORDINGS, status))
        yield f"| `{status}` | {' | '.join(own)} |\n"


def _receipt_rows() -> Iterator[str]:
    for status in RECEIPT_STATUSES:
        final = "yes" if RANKS[status] == max(RANKS.values()) else "no"
        yield f"| `{status}` | {final} | {_names(VOIPBIN_RECEIPTS, status)} |\n"


def _call_rows() -> Iterator[str]:
    for status in CALL_STATUSES:
        any_other = "any other" if status == FAILED else ""
        causes = ", ".join(filter(None, (_names(_of_kazoo(), status), any_other)))
        reasons = ", ".join(filter(None, (_names(_of_voipbin(), status), any_other)))
        mark = " (ours)" if status in OURS else ""
        yield f"| `{status}`{mark} | {causes} | {reasons} |\n"


def _of_kazoo() -> Mapping[str, str]:
    asked = {f"Call-Status: {name}": status for name, status in CALLS_THAT_ASK.items()}
    return {**kazoo.STATUSES, **asked, **KAZOO_CAUSES}


def _of_voipbin() -> Mapping[str, str]:
    return {**voipbin.STATUSES, **VOIPBIN_REASONS}


def _names(table: Mapping[str, str], status: str) -> str:
    return ", ".join(f"`{name}`" for name, own in table.items() if own == status)
