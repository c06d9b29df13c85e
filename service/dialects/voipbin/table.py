"""The table of all events, for the README beside this file."""

from collections.abc import Iterator

from service.dialects.voipbin.kinds import KINDS, Reach

HEAD = "| event | publisher | tap | delivered by VoIPBIN today |"
NOT_WITH_STARS = " (by name only)"


def event_table() -> str:
    """Return a row for each event: where it comes from, and whether VoIPBIN delivers it today."""
    return "\n".join(
        ["| event | publisher | tap | delivered by VoIPBIN today |", "|---|---|---|---|", *_rows()]
    )


def _rows() -> Iterator[str]:
    for kind in KINDS:
        taps = ", ".join(kind.taps)
        mark = NOT_WITH_STARS if kind.reach is Reach.INTERNAL else ""
        yield f"| `{kind.hook_id}`{mark} | {kind.publisher} | {taps} | {kind.reach.value} |"
