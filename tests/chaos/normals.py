"""What is normal for each fault in full length; a row may be three times as bad, and no more.

Measured figures of `make chaos`. A fault that is not listed is judged by its own test alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.report import Row

TIMES = 3
LEAST_DUPLICATES = 5
LEAST_RECOVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Normal:
    """Figures of a row: duplicates, seconds to recover, and the p99 of the healthy in seconds."""

    duplicated: int = 0
    recovery_s: float = 0.0
    p99_s: float | None = None


NORMAL: Mapping[str, Normal] = {
    "broker restart (graceful), 5 times": Normal(recovery_s=1.0),
    "broker SIGKILL under publish load, 5 times": Normal(recovery_s=1.6),
    "publishing connection cut, 50 times after random bytes": Normal(
        duplicated=118, recovery_s=24.9, p99_s=146.995
    ),
    "consuming connection cut, 50 times after random bytes": Normal(recovery_s=17.9),
    "broker memory alarm, 60 s": Normal(recovery_s=1.1),
    "broker hangs (black hole), 60 s": Normal(recovery_s=7.6),
    # The broker itself tries dead letters that were under way again every 180 s.
    "cluster of three brokers: SIGKILL of the leader, back after 15 s": Normal(
        duplicated=1, recovery_s=180, p99_s=1.012
    ),
    "replica set of three: SIGKILL of the primary": Normal(recovery_s=0.4, p99_s=0.03),
    "16 kinds of misbehaving endpoints at once: the healthy": Normal(p99_s=0.026),
    "DNS fails for 12 s, then recovers": Normal(recovery_s=2.0, p99_s=0.014),
    "64 file descriptors for 100 requests at a time": Normal(recovery_s=58.6),
    "3 endpoints of one account that never answer, 1 worker": Normal(p99_s=0.019),
    "12 endpoints of one account that never answer, 1 worker": Normal(p99_s=0.055),
    "120 endpoints of one account that never answer, 1 worker": Normal(p99_s=0.034),
    "1,000 endpoints of one account that never answer, 1 worker": Normal(p99_s=0.071),
    "12 endpoints of each of 20 accounts that never answer, 1 worker": Normal(p99_s=0.034),
    "120 endpoints of each of 20 accounts that never answer, 1 worker": Normal(p99_s=0.095),
    "12 endpoints of one account that send a byte a second, 1 worker": Normal(p99_s=0.01),
    "12 endpoints of one account that answer just before the time-out, 1 worker": Normal(
        p99_s=0.011
    ),
    "12 endpoints of one account that answer every other request, 1 worker": Normal(p99_s=0.02),
    "12 endpoints of one account that never answer, 4 workers": Normal(p99_s=0.068),
    "one tenant's backlog of 10,000 against a dead endpoint: 50 healthy ones": Normal(
        recovery_s=0.1, p99_s=0.028
    ),
}
"""As measured on 2026-11-27 with two cores, at commit 558011f."""


def beyond_normal(row: Row) -> list[str]:
    """Return which figures of a row are more than three times what is normal."""
    normal = NORMAL.get(row.fault)
    if normal is None:
        return []
    found = []
    most = max(TIMES * normal.duplicated, LEAST_DUPLICATES)
    if row.duplicated > most:
        found.append(f"{row.duplicated} duplicates, {most} at most")
    longest_s = max(TIMES * normal.recovery_s, LEAST_RECOVERY_S)
    if row.recovery_s is not None and row.recovery_s > longest_s:
        found.append(f"recovered after {row.recovery_s:.1f} s, {longest_s:.1f} at most")
    if normal.p99_s is not None and not row.is_normal(normal.p99_s):
        found.append(f"p99 {row.p99_s} s, normal {normal.p99_s}")
    return found
