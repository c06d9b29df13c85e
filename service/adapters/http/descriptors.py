"""File descriptors: as many as the machine allows, and how many requests that is enough for."""

import resource

MANY = 1_048_576
"""The default of the kernel's own limit, fs.nr_open."""
RESERVED = 512
"""For broker, store, API, metrics, files and name look-ups; half of what there is at most."""


def raise_descriptor_limit() -> int:
    """Raise the process's soft limit to its hard limit; return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = MANY
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return MANY if soft == resource.RLIM_INFINITY else soft


def requests_possible(wanted: int, descriptors: int) -> int:
    """Return how many requests can be in flight with so many descriptors, `wanted` at most.

    Beside each there may be a connection that is kept alive.
    """
    return max(2, min(wanted, (descriptors - min(RESERVED, descriptors // 2)) // 2))
