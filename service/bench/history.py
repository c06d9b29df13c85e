"""One line for each run that measured the drain, and a picture of all runs on this machine."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import orjson

from service.bench.chart import COLOURS, figure

LEFT, WIDTH, RIGHT = 60, 640, 150
TOP, HEIGHT, BOTTOM = 40, 160, 30
LABEL = 14
"""Least distance of two labels, so that they do not overlap."""
MOST_RUNS = 40
NAMES = ("drain_1", "drain_10")


@dataclass(frozen=True, slots=True)
class Run:
    """Conditions of a run, and its medians by drain and kind: `{"drain_1 service": 3000.0}`."""

    date: str
    commit: str
    cpu: str
    cores: int
    per_s: Mapping[str, float]
    cpu_us: Mapping[str, float]

    def machine(self) -> tuple[str, int]:
        """Return what runs must have in common to be compared."""
        return self.cpu, self.cores


def run_of(report: Mapping[str, Any]) -> Run | None:
    """Return the run of a report; None if it did not measure the drain."""
    results, machine = report["results"], report["machine"]
    medians = {
        unit: {
            f"{name} {kind}": results[name][kind][unit]["median"]
            for name in NAMES
            if name in results
            for kind in ("floor", "service")
        }
        for unit in ("per_s", "cpu_us")
    }
    if not medians["per_s"]:
        return None
    return Run(report["date"], report["commit"], machine["cpu"], machine["cores"], **medians)


def append(path: Path, run: Run) -> list[Run]:
    """Add a run to a file of JSON lines; return all that are in it, the oldest first."""
    with path.open("ab") as file:
        file.write(orjson.dumps(asdict(run), option=orjson.OPT_APPEND_NEWLINE))
    return [Run(**orjson.loads(line)) for line in path.read_bytes().splitlines()]


def picture(runs: Sequence[Run]) -> str:
    """Return speed and CPU time of the newest runs on the last run's machine, as SVG."""
    shown = [run for run in runs if run.machine() == runs[-1].machine()][-MOST_RUNS:]
    panels = [
        *_panel("deliveries per second", [run.per_s for run in shown], 0),
        *_panel("CPU per delivery, µs", [run.cpu_us for run in shown], _panel_height()),
    ]
    labels = list(_dates(shown, 2 * _panel_height()))
    width, height = LEFT + WIDTH + RIGHT, 2 * _panel_height() + BOTTOM
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    style = ' font-family="sans-serif" font-size="12">'
    paper = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head + style, paper, *panels, *labels, "</svg>", ""])


def _panel_height() -> int:
    return TOP + HEIGHT + BOTTOM


def _panel(title: str, runs: Sequence[Mapping[str, float]], top: int) -> Iterator[str]:
    most = max(value for run in runs for value in run.values())
    base = top + TOP + HEIGHT
    yield f'<text x="8" y="{top + 22}" font-weight="bold">{escape(title)}</text>'
    for share in (0, 0.5, 1):
        y = base - share * HEIGHT
        yield f'<path d="M{LEFT} {y}H{LEFT + WIDTH}" stroke="#e4e7eb"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{figure(share * most)}</text>'
    label_y = 0.0
    for name in _series(runs):
        points = [
            (_x(number, len(runs)), base - run[name] / most * HEIGHT)
            for number, run in enumerate(runs)
            if name in run
        ]
        label_y = max(points[-1][1] + 4, label_y + LABEL)
        yield from _line(name, points, label_y)


def _series(runs: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the names of all series in the order of their last values, the highest first."""
    last: dict[str, float] = {}
    for run in runs:
        last |= run
    return sorted(last, key=lambda name: -last[name])


def _line(name: str, points: Sequence[tuple[float, float]], label_y: float) -> Iterator[str]:
    drain, kind = name.split()
    colour, x = COLOURS[kind], points[-1][0]
    dashes = ' stroke-dasharray="5 3"' if drain == "drain_10" else ""
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{drawn}" fill="none" stroke="{colour}"{dashes}/>'
    for each_x, each_y in points:
        yield f'<circle cx="{each_x:.1f}" cy="{each_y:.1f}" r="2.5" fill="{colour}"/>'
    label = f"{kind}, {drain.removeprefix('drain_')} per event"
    yield f'<text x="{x + 8:.1f}" y="{label_y:.1f}" fill="{colour}">{label}</text>'


def _dates(runs: Sequence[Run], top: int) -> Iterator[str]:
    """Label the first and the last run."""
    for number, anchor in {0: "start", len(runs) - 1: "end"}.items():
        text = escape(f"{runs[number].date[:10]} {runs[number].commit[:7]}")
        x = _x(number, len(runs))
        yield f'<text x="{x:.1f}" y="{top + 14}" text-anchor="{anchor}">{text}</text>'


def _x(number: int, count: int) -> float:
    return LEFT + WIDTH * (number / (count - 1) if count > 1 else 0.5)
