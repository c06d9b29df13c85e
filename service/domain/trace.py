"""Which trace an event belongs to: W3C Trace Context (level 1), as far as it must be understood."""

import random
import re

FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Version, trace id, id of the span above, flags (section 3.2.2); a later version may say more."""
LENGTH = 55


def traceparent_in(said: object) -> str | None:
    """Return the `traceparent` that a switch gave its message, or None where it gave no valid one.

    Additions of later versions of the standard are cut off.
    """
    if not isinstance(said, str) or not FORM.match(said):
        return None
    if len(said) > LENGTH and (said[:2] == "00" or said[LENGTH] != "-"):
        return None
    return f"00{said[2:LENGTH]}"


def new_traceparent(trace_id: str | None = None) -> str:
    """Return a new trace, or a new part of one, with the sampled flag off."""
    # Chance is enough: nothing is secret here. Zero would be invalid.
    trace_id = trace_id or f"{random.getrandbits(128) or 1:032x}"
    return f"00-{trace_id}-{random.getrandbits(64) or 1:016x}-00"


def trace_id_of(traceparent: str) -> str:
    """Return the trace's id, 32 hex digits."""
    return traceparent[3:35]
