"""File descriptors: raises the limit, and bounds requests in flight by it."""

import resource

MANY = 1_048_576
"""Default of the kernel's own limit, fs.nr_open; stands in for an infinite limit."""
RESERVED = 512
"""Kept for broker, store, API, metrics, files and name lookups; at most half of the limit."""


def raise_descriptor_limit() -> int:
    """Raise the process's soft limit to its hard limit; return the new soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = MANY
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return MANY if soft == resource.RLIM_INFINITY else soft


def requests_possible(wanted: int, descriptors: int) -> int:
    """Return how many requests can be in flight with `descriptors`, at most `wanted`.

    Counts two descriptors per request: beside each, one idle connection may be kept alive.
    """
    return max(2, min(wanted, (descriptors - min(RESERVED, descriptors // 2)) // 2))
