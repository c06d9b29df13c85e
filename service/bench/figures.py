"""Compute figures from samples and repetitions: percentiles, medians, ratios. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any

from service.domain.errors import SwitchhookError

FROM, TO = 0.10, 0.95
"""The timed share of a backlog, without the start and the last prefetch window."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Work done and CPU time used in all, at a time in monotonic seconds."""

    at: float
    count: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Items done per second, and microseconds of CPU time per item."""

    per_s: float
    cpu_us: float


def speed(samples: Sequence[Sample], goal: int) -> Speed:
    """Return the speed between the first samples past `FROM` and past `TO` of the goal.

    Count and time of each sample belong together, so the speed is exact. Raises SwitchhookError if
    both samples are the same.
    """
    first = next((s for s in samples if s.count >= FROM * goal), None)
    last = next((s for s in samples if s.count >= TO * goal), None)
    if first is None or last is None or last.count <= first.count:
        raise SwitchhookError(f"{goal} were done too fast to be timed: give more --events")
    done = last.count - first.count
    return Speed(done / (last.at - first.at), (last.cpu_s - first.cpu_s) / done * 1e6)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    # Rounded before the ceiling: 99.9 % of a thousand is 999, and not a trillionth more.
    rank = math.ceil(round(percent * len(ordered) / 100, 6))
    return ordered[max(1, rank) - 1]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return median, lowest and highest value, and all values."""
    return {
        "median": rounded(median(values)),
        "low": rounded(min(values)),
        "high": rounded(max(values)),
        "values": [rounded(value) for value in values],
    }


def latency(runs: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the percentiles, in milliseconds, of the pooled latencies of several runs."""
    seconds = list(chain.from_iterable(runs))
    points = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
    return {"count": len(seconds)} | {
        f"{name}_ms": rounded(percentile(seconds, percent) * 1000)
        for name, percent in points.items()
    }


def p99_ms(seconds: Sequence[float]) -> float:
    """Return the 99th percentile, in milliseconds."""
    return percentile(seconds, 99) * 1000


def p99_ratio(above: Sequence[Sequence[float]], below: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the ratios of the 99th percentiles, pair by pair."""
    return spread(ratios([p99_ms(run) for run in above], [p99_ms(run) for run in below]))


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each pair, in order."""
    return [a / b for a, b in zip(above, below, strict=True)]


def rounded(value: float) -> float:
    """Return the value with four significant digits; further digits would be noise."""
    return float(f"{value:.4g}")
