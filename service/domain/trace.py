"""Trace of an event: the part of W3C Trace Context (level 1) that the service needs."""

import random
import re

FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Version, trace id, parent span id, flags (section 3.2.2); later versions may append members."""
LENGTH = 55


def traceparent_in(said: object) -> str | None:
    """Return the `traceparent` that a switch gave its message, or None where it is not valid.

    Members that a later version of the standard adds are cut off.
    """
    if not isinstance(said, str) or not FORM.match(said):
        return None
    if len(said) > LENGTH and (said[:2] == "00" or said[LENGTH] != "-"):
        return None
    return f"00{said[2:LENGTH]}"


def new_traceparent(trace_id: str | None = None) -> str:
    """Return the context of a new trace, or of a new part of `trace_id`, with sampling off."""
    # An ordinary random generator is enough: the ids are not secret. The standard forbids zero.
    trace_id = trace_id or f"{random.getrandbits(128) or 1:032x}"
    return f"00-{trace_id}-{random.getrandbits(64) or 1:016x}-00"


def trace_id_of(traceparent: str) -> str:
    """Return the trace id, 32 hex digits."""
    return traceparent[3:35]
