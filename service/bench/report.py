"""Results as a text table; the JSON contains every figure as well."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from service.bench.chart import Bar, Chart

Results = Mapping[str, Any]
MOST_MB = 150


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; empty cells do not apply. `met` is whether the bar is met."""

    what: str
    floor: str = ""
    service: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool | None = None


def table(report: Mapping[str, Any]) -> str:
    """Return the report as text."""
    heading = Row("", "floor", "service", "ratio, or gain", "bar")
    return "\n".join(
        [conditions(report), "", *map(_line, (heading, *rows_of(report["results"])))],
    )


def conditions(report: Mapping[str, Any]) -> str:
    """Return date, commit, machine, versions and sink in one line."""
    machine, versions = report["machine"], report["versions"]
    return (
        f"{report['date'][:10]} · commit {report['commit'] or 'unknown'} · {machine['cpu']}, "
        f"{machine['cores']} cores · Python {versions['python']}, RabbitMQ {versions['rabbitmq']}, "
        f"mongod {versions['mongod']} · sink: {report['sink']}"
    )


def rows_of(results: Results) -> Iterator[Row]:
    """Yield the lines of all measurements in the results."""
    for name, lines in _LINES.items():
        if name in results:
            yield from lines(results[name])


def charts_of(results: Results) -> list[Chart]:
    """Return the charts of speeds and latencies."""
    speeds = [
        Bar(f"{title}: {kind}", results[name][kind]["per_s"]["median"], kind)
        for name, title in _SPEEDS.items()
        for kind in ("floor", "service")
        if kind in results.get(name, ())
    ]
    ages = [
        Bar(f"{results[name]['per_s']:.0f}/s, {point}: {kind}", ages[f"{point}_ms"], kind)
        for name in ("latency_slow", "latency_half")
        for kind in ("floor", "service")
        if (ages := results.get(name, {}).get(kind))
        for point in ("p50", "p99", "p99.9")
    ]
    charts = Chart("per second", speeds), Chart("publish to receiver, ms", ages)
    return [each for each in charts if each.bars]


_SPEEDS = {
    "drain_1": "deliveries, 1 per event",
    "drain_10": "deliveries, 10 per event",
    "unsubscribed": "events without a webhook",
    "post": "POST alone",
}


def _line(row: Row) -> str:
    mark = {None: "", True: "met", False: "MISSED"}[row.met]
    cells = f"{row.what:42}{row.floor:>24}{row.service:>24}{row.ratio:>20}  {row.bar:8}{mark}"
    return cells.rstrip()


def _turns(what: str, bar: float, result: Results) -> Iterator[Row]:
    floor, service, ratio = result["floor"], result["service"], result["ratio"]
    yield Row(
        what,
        _spread(floor["per_s"]),
        _spread(service["per_s"]),
        _spread(ratio),
        f">= {bar:.2f}",
        ratio["median"] >= bar,
    )
    cpu = _spread(floor["cpu_us"]), _spread(service["cpu_us"]), _spread(result["cpu_ratio"])
    yield Row("  CPU each, µs", *cpu)
    peak = service["peak_mb"]
    yield Row(
        "  peak memory, MB",
        f"{floor['peak_mb']:.0f}",
        f"{peak:.0f}",
        bar=f"<= {MOST_MB}",
        met=peak <= MOST_MB,
    )


def _cores(result: Results) -> Iterator[Row]:
    """Yield a line for each process; there is no floor to compare with."""
    for name in ("broker", "store", "worker"):
        shown = f"{result['one'][name]:,.0f}", f"{result['ten'][name]:,.0f}"
        yield Row(f"CPU per event, µs, 1 webhook | 10: {name}", *shown)


def _post(result: Results) -> Iterator[Row]:
    floor = result["floor"]
    yield Row("POST alone, per second", _spread(floor["per_s"]))
    yield Row("  CPU each, µs", _spread(floor["cpu_us"]))


def _latency(result: Results, most: float | None = None) -> Iterator[Row]:
    what, ratio = f"publish to receiver at {result['per_s']:.0f}/s, ms", result["p99_ratio"]
    shown = _percentiles(result["floor"]), _percentiles(result["service"]), f"p99 {_spread(ratio)}"
    if most is None:
        yield Row(what, *shown)
    else:
        yield Row(what, *shown, f"<= {most:.0f}", ratio["median"] <= most)


def _fairness(result: Results) -> Iterator[Row]:
    ratio = result["p99_ratio"]
    shown = _percentiles(result["without"]), _percentiles(result["beside"])
    what = "healthy, without | beside dead and slow, ms"
    yield Row(what, *shown, f"p99 {_spread(ratio)}", "<= 1.5", ratio["median"] <= 1.5)


def _failures(result: Results) -> Iterator[Row]:
    shown = _spread(result["none"]["per_s"]), _spread(result["tenth"]["per_s"])
    yield Row("attempts/s, none fails | one in ten", *shown, _spread(result["ratio"]))


def _lookers(result: Results) -> Iterator[Row]:
    shown = _spread(result["alone"]["per_s"]), _spread(result["beside"]["per_s"])
    ratio, what = result["ratio"], f"deliveries/s, alone | with people ({result['pages']} pages)"
    yield Row(what, *shown, _spread(ratio), ">= 0.95", ratio["median"] >= 0.95)


def _questions(what: str, result: Results) -> Iterator[Row]:
    added = result["p99_added_ms"]
    shown = _percentiles(result["floor"]), _percentiles(result["service"])
    text = f"p99 +{_spread(added)}"
    yield Row(f"question, {what}, ms", *shown, text, "<= +5", added["median"] <= 5)


def _processes(result: Results) -> Iterator[Row]:
    shown = _spread(result["one"]["per_s"]), _spread(result["two"]["per_s"])
    yield Row("deliveries/s, 1 process | 2", *shown, _spread(result["ratio"]))


def _partitions(result: Results) -> Iterator[Row]:
    """Yield a line for each number of partitions; there is no floor to compare with."""
    for count, by_workers in result.items():
        one, two, four = (_spread(by_workers[workers]) for workers in ("1", "2", "4"))
        yield Row(f"deliveries/s, partitions: {count}, workers: 1 | 2 | 4", one, two, four)


def _webhooks(result: Results) -> Iterator[Row]:
    ratio, each = result["ratio"], result["bytes_each"]
    few, more, most = (
        _spread(result[name]["per_s"]) for name in ("hundred", "ten_thousand", "million")
    )
    met = ratio["median"] >= 0.95
    yield Row("deliveries/s, 100 webhooks | 10,000", few, more)
    yield Row("  1,000,000, against 100", "", most, _spread(ratio), ">= 0.95", met)
    met = each <= 1.5 * 1024
    yield Row("bytes for each cached webhook", "", f"{each:,.0f}", bar="<= 1536", met=met)


def _backlog(result: Results) -> Iterator[Row]:
    growth = result["late_mb"] - result["early_mb"]
    shown = f"early {result['early_mb']:.0f}", f"late {result['late_mb']:.0f}"
    what = f"memory in a backlog of {result['events']:,}, MB"
    # Growth within the allocator's own variation does not count.
    yield Row(what, *shown, f"{growth:+.0f}", "none", growth <= 0.05 * result["early_mb"])


def _percentiles(ages: Results) -> str:
    points = [ages[f"{point}_ms"] for point in ("p50", "p99", "p99.9")]
    return " / ".join(f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}" for ms in points)


def _spread(values: Results) -> str:
    form = ",.0f" if values["median"] >= 20 else ".2f"
    low, high = format(values["low"], form), format(values["high"], form)
    return f"{values['median']:{form}} ({low}..{high})"


_LINES: Mapping[str, Callable[[Results], Iterator[Row]]] = {
    "drain_1": partial(_turns, "deliveries/s, 1 webhook per event", 0.80),
    "drain_10": partial(_turns, "deliveries/s, 10 webhooks per event", 0.85),
    "cores": _cores,
    "unsubscribed": partial(_turns, "events/s, consume + ack | nobody subscribed", 0.90),
    "post": _post,
    "latency_slow": partial(_latency, most=2),
    "latency_half": _latency,
    "fairness": _fairness,
    "failures": _failures,
    "lookers": _lookers,
    "questions_fixed": partial(_questions, "same document"),
    "questions_changing": partial(_questions, "new document each"),
    "processes": _processes,
    "partitions": _partitions,
    "webhooks": _webhooks,
    "backlog": _backlog,
}
