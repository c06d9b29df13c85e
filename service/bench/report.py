"""Results as a table for people; every figure of it is in the JSON as well."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from service.bench.chart import Bar, Chart

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; what does not apply is empty. `met` tells whether the bar is."""

    what: str
    floor: str = ""
    service: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool | None = None


def table(report: Mapping[str, Any]) -> str:
    """Return the report as text."""
    rows = list(rows_of(report["results"]))
    lines = [_line(Row("", "floor", "service", "ratio", "bar"))]
    return "\n".join([conditions(report), "", *lines, *map(_line, rows)]) + "\n"


def conditions(report: Mapping[str, Any]) -> str:
    """Return in a line where, when and with what it was measured."""
    machine, versions = report["machine"], report["versions"]
    return (
        f"{report['date'][:10]} · commit {report['commit'] or 'unknown'} · {machine['cpu']}, "
        f"{machine['cores']} cores · Python {versions['python']}, RabbitMQ {versions['rabbitmq']}, "
        f"mongod {versions['mongod']} · sink: {report['sink']}"
    )


def rows_of(results: Results) -> Iterator[Row]:
    """Yield the lines of all measurements that were made."""
    for name, lines in _LINES.items():
        if name in results:
            yield from lines(results[name])


def _line(row: Row) -> str:
    mark = {None: "", True: "met", False: "MISSED"}[row.met]
    cells = f"{row.what:44} {row.floor:>20} {row.service:>20} {row.ratio:>22} {row.bar:>10} {mark}"
    return cells.rstrip()


def _drain(fan_out: int, bar: float) -> Any:
    def lines(result: Results) -> Iterator[Row]:
        floor, service, ratio = result["floor"], result["service"], result["ratio"]
        yield Row(
            f"deliveries/s, {fan_out} per event",
            _spread(floor["per_s"]),
            _spread(service["per_s"]),
            _spread(ratio),
            f">= {bar:.2f}",
            ratio["median"] >= bar,
        )
        yield Row(
            "  CPU per delivery, µs",
            _spread(floor["cpu_us"]),
            _spread(service["cpu_us"]),
            _spread(result["cpu_ratio"]),
        )
        peak = service["peak_mb"]
        yield Row(
            "  peak memory, MB", f"{floor['peak_mb']:.0f}", f"{peak:.0f}", "", "<= 150", peak <= 150
        )

    return lines


def _spread(values: Results) -> str:
    form = ",.0f" if values["median"] >= 20 else ".2f"
    low, high = format(values["low"], form), format(values["high"], form)
    return f"{values['median']:{form}} ({low}..{high})"


_LINES = {
    "drain_1": _drain(1, 0.80),
    "drain_10": _drain(10, 0.85),
}


def charts_of(results: Results) -> list[Chart]:
    """Return what is worth a picture: speeds and latencies."""
    speeds = [
        Bar(f"{kind}, {title}", results[name][kind]["per_s"]["median"], kind)
        for name, title in _DRAINS.items()
        if name in results
        for kind in ("floor", "service")
    ]
    return [Chart("deliveries per second", speeds)] if speeds else []


_DRAINS = {"drain_1": "1 webhook per event", "drain_10": "10 webhooks per event"}
