"""The results of all peers as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def table(results: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    """Return a line for each measurement, with a column for each peer."""
    lines = [_line("", list(results))]
    for what, name, shown in _LINES:
        lines.append(_line(what, [_cell(each.get(name), shown) for each in results.values()]))
    return lines


def failures(results: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    """Return a line for each measurement that failed, with its reason."""
    return [
        f"{peer}, {name}: {figures['failed']}"
        for peer, measured in results.items()
        for name, figures in measured.items()
        if "failed" in figures
    ]


def _line(what: str, cells: Sequence[str]) -> str:
    return f"{what:48}" + "".join(f"{cell:>22}" for cell in cells)


def _cell(figures: Figures | None, shown: Callable[[Figures], str]) -> str:
    if figures is None:
        return "-"
    return "failed" if "failed" in figures else shown(figures)


def _latency(figures: Figures) -> str:
    return f"{figures['p50_ms']:.3g} / {figures['p99_ms']:.3g}"


_LINES: Sequence[tuple[str, str, Callable[[Figures], str]]] = (
    ("deliveries/s", "drain", lambda figures: f"{figures['per_s']:,.0f}"),
    ("CPU s per 1,000, all processes", "drain", lambda figures: f"{figures['cpu_s_per_1000']:.3g}"),
    (
        "memory (PSS) after it, all processes, MB",
        "drain",
        lambda figures: f"{figures['pss_mb']:.0f}",
    ),
    ("p50 / p99 at 50/s, ms", "latency_slow", _latency),
    ("p50 / p99 at half of its own rate, ms", "latency_half", _latency),
    ("  that rate", "latency_half", lambda figures: f"{figures['per_s']:,.0f}/s"),
    (
        "healthy p99, without a dead and a slow one, ms",
        "fairness",
        lambda figures: f"{figures['without_p99_ms']:.3g}",
    ),
    ("healthy p99, beside them, ms", "fairness", lambda figures: f"{figures['beside_p99_ms']:.3g}"),
    ("lost after kill -9", "killed", lambda figures: f"{figures['lost']} of {figures['events']}"),
    ("duplicates after kill -9", "killed", lambda figures: f"{figures['duplicates']}"),
    (
        "overtaken by a later event of their call",
        "order",
        lambda figures: f"{figures['overtaken']} of {figures['events']}",
    ),
)
