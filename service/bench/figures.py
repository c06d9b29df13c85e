"""From samples and repetitions to figures: percentiles, medians, ratios. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any

from service.domain.errors import SwitchhookError

FROM, TO = 0.10, 0.95
"""The share of a backlog that is timed: neither the start nor the last window of the prefetch."""


@dataclass(frozen=True, slots=True)
class Sample:
    """At a moment (monotonic seconds): how much was done, with how much CPU time in all."""

    at: float
    count: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Speed:
    """How much was done per second, and for how many microseconds of CPU time each."""

    per_s: float
    cpu_us: float


def speed(samples: Sequence[Sample], goal: int) -> Speed:
    """Return the speed between the first samples past `FROM` and past `TO` of the goal.

    Both are exact: what was counted at a moment. Raises SwitchhookError where they are the same.
    """
    first = next((s for s in samples if s.count >= FROM * goal), None)
    last = next((s for s in samples if s.count >= TO * goal), None)
    if first is None or last is None or last.count <= first.count:
        raise SwitchhookError(f"{goal} are done before they can be timed: give more --events")
    done = last.count - first.count
    return Speed(done / (last.at - first.at), (last.cpu_s - first.cpu_s) / done * 1e6)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all are not above (nearest rank)."""
    ordered = sorted(values)
    # Rounded first: 99.9 % of a thousand is 999, and not a trillionth more.
    rank = math.ceil(round(percent * len(ordered) / 100, 6))
    return ordered[max(1, rank) - 1]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return median, lowest, highest, and the values themselves."""
    return {
        "median": rounded(median(values)),
        "low": rounded(min(values)),
        "high": rounded(max(values)),
        "values": [rounded(value) for value in values],
    }


def latency(runs: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the percentiles, in milliseconds, of the latencies of several runs taken together."""
    seconds = list(chain.from_iterable(runs))
    points = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
    return {"count": len(seconds)} | {
        f"{name}_ms": rounded(percentile(seconds, percent) * 1000)
        for name, percent in points.items()
    }


def p99_ms(seconds: Sequence[float]) -> float:
    """Return what one in a hundred is above, in milliseconds."""
    return percentile(seconds, 99) * 1000


def p99_ratio(above: Sequence[Sequence[float]], below: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return how the 99th percentiles compare, pair by pair."""
    return spread(ratios([p99_ms(run) for run in above], [p99_ms(run) for run in below]))


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each pair, taken one after the other."""
    return [a / b for a, b in zip(above, below, strict=True)]


def rounded(value: float) -> float:
    """Return the value with four significant digits: more would be noise."""
    return float(f"{value:.4g}")
