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


NORMAL: Mapping[str, Normal] = {}


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
