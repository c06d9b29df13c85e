"""Run the benchmark: the measurements in order, and the output of their results."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from service.adapters.rabbitmq.tolerance import install_tolerant_decoders
from service.bench.chart import chart
from service.bench.history import append, picture, run_of
from service.bench.machine import conditions
from service.bench.measurements.cores import cores
from service.bench.measurements.drain import drain
from service.bench.measurements.failures import failures
from service.bench.measurements.fairness import fairness
from service.bench.measurements.latency import latencies
from service.bench.measurements.lookers import lookers
from service.bench.measurements.partitions import partitions
from service.bench.measurements.parts import parts
from service.bench.measurements.questions import questions
from service.bench.measurements.scale import backlog, processes, webhooks
from service.bench.report import charts_of, table
from service.bench.setting.site import Effort, Site, site
from service.bench.stopping import until_stopped

Measure = Callable[[Site], Awaitable[Mapping[str, Any]]]

MEASURES: Mapping[str, Measure] = {
    "drain": drain,
    "cores": cores,
    "parts": parts,
    "latency": latencies,
    "fairness": fairness,
    "failures": failures,
    "lookers": lookers,
    "questions": questions,
    "processes": processes,
    "partitions": partitions,
    "webhooks": webhooks,
    "backlog": backlog,
}
QUICK = ("drain",)
HISTORY = "bench-history.jsonl"


async def bench(effort: Effort, only: Sequence[str], output: Path) -> None:
    """Make the measurements; write `bench.json` and `bench.svg`, and print the table.

    Raises SwitchhookError if SIGTERM or SIGINT ended it, after stopping all that it started.
    """
    await until_stopped(_bench(effort, only, output))


async def _bench(effort: Effort, only: Sequence[str], output: Path) -> None:
    install_tolerant_decoders()
    tell = Progress(len(only))
    results: dict[str, Any] = {}
    async with site(effort, tell) as place:
        report = await conditions(place)
        report |= {"events": effort.events, "pairs": effort.pairs, "results": results}
        for name in only:
            tell.begin(name)
            results |= await MEASURES[name](place)
            write(output, report)
    click.echo(f"\n{table(report)}\n")
    click.echo(f"written to {output}/bench.json and {output}/bench.svg")
    _remember(output, report)


def write(output: Path, report: Mapping[str, Any]) -> None:
    """Write the results so far, so that an interrupted run leaves them."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    (output / "bench.svg").write_text(chart(charts_of(report["results"])), "utf-8")


def _remember(output: Path, report: Mapping[str, Any]) -> None:
    """Add the run to the history, and draw it, if it measured the drain."""
    run = run_of(report)
    if run is not None:
        runs = append(output / HISTORY, run)
        (output / "bench-history.svg").write_text(picture(runs), "utf-8")
        click.echo(f"added to {output / HISTORY}, drawn in {output}/bench-history.svg")


class Progress:
    """Prints a line for each step, with the measurement and the seconds since the start."""

    def __init__(self, count: int) -> None:
        self._start = time.monotonic()
        self._count = count
        self._number = 0
        self._name = ""

    def begin(self, name: str) -> None:
        """Set the current measurement."""
        self._number += 1
        self._name = f"{self._number}/{self._count} {name}"

    def __call__(self, line: str) -> None:
        """Print the line of a step."""
        seconds = time.monotonic() - self._start
        click.echo(f"{seconds:6.0f} s  {self._name:16} {line}")
