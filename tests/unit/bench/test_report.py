from typing import Any

from service.bench.report import charts_of, rows_of, table


def spread(median: float) -> dict[str, Any]:
    return {"median": median, "low": median * 0.9, "high": median * 1.1, "values": [median]}


def speeds(per_s: float) -> dict[str, Any]:
    return {"per_s": spread(per_s), "cpu_us": spread(1e6 / per_s), "peak_mb": 60.4}


def ages(p99: float) -> dict[str, float]:
    return {"count": 1000, "p50_ms": 1.5, "p99_ms": p99, "p99.9_ms": 2 * p99, "max_ms": 3 * p99}


def turns(ratio: float) -> dict[str, Any]:
    return {
        "floor": speeds(3000),
        "service": speeds(3000 * ratio),
        "ratio": spread(ratio),
        "cpu_ratio": spread(1 / ratio),
    }


RESULTS: dict[str, Any] = {
    "drain_1": turns(0.81),
    "drain_10": turns(0.70),
    "unsubscribed": turns(0.95),
    "post": {"floor": speeds(9000)},
    "latency_slow": {
        "per_s": 50.0,
        "floor": ages(4.0),
        "service": ages(6.0),
        "p99_ratio": spread(1.5),
    },
    "latency_half": {
        "per_s": 1200.0,
        "floor": ages(5254.0),
        "service": ages(2627.0),
        "p99_ratio": spread(0.5),
    },
    "fairness": {
        "per_s": 100.0,
        "without": ages(4.0),
        "beside": ages(8.0),
        "p99_ratio": spread(2.0),
    },
    "failures": {"none": speeds(2000), "tenth": speeds(1500), "ratio": spread(0.75)},
    "questions_fixed": {
        "floor": ages(1.5),
        "service": ages(6.0),
        "p99_added_ms": spread(4.5),
    },
    "questions_changing": {
        "floor": ages(1.5),
        "service": ages(8.0),
        "p99_added_ms": spread(6.5),
    },
    "partitions": {
        partitions: {workers: spread(1234.0) for workers in ("1", "2", "4")}
        for partitions in ("1", "2", "4")
    },
    "processes": {"one": speeds(2000), "two": speeds(3000), "ratio": spread(1.5)},
    "webhooks": {
        "hundred": speeds(2000),
        "ten_thousand": speeds(2000),
        "million": speeds(1980),
        "ratio": spread(0.99),
        "bytes_each": 1234.0,
    },
    "backlog": {"events": 200_000, "early_mb": 80.0, "late_mb": 120.0, "peak_mb": 121.0},
}
REPORT: dict[str, Any] = {
    "date": "2026-11-21T10:00:00+00:00",
    "commit": "",
    "machine": {"cpu": "A CPU", "cores": 2},
    "versions": {"python": "3.11.7", "rabbitmq": "3.10.8", "mongod": "6.0.5"},
    "sink": "nginx",
    "results": RESULTS,
}


def met() -> dict[str, bool]:
    return {row.what: row.met for row in rows_of(RESULTS) if row.met is not None}


def test_each_bar_says_whether_it_is_met() -> None:
    found = met()
    assert found["deliveries/s, 1 webhook per event"]
    assert not found["deliveries/s, 10 webhooks per event"]
    assert found["publish to receiver at 50/s, ms"]
    assert "publish to receiver at 1200/s, ms" not in found, "no bar is set"
    assert not found["healthy, without | beside dead and slow, ms"]
    assert found["question, same document, ms"]
    assert not found["question, new document each, ms"]
    assert found["bytes for each cached webhook"]
    assert not found["memory in a backlog of 200,000, MB"]


def test_the_table_tells_where_it_was_measured_and_every_figure() -> None:
    text = table(REPORT)
    assert text.startswith("2026-11-21 · commit unknown · A CPU, 2 cores · Python 3.11.7")
    assert "2,430 (2,187..2,673)" in text
    assert "0.81 (0.73..0.89)" in text
    assert "1.5 / 6 / 12" in text
    assert "p99 +6.50 (5.85..7.15)" in text
    assert text.count("1,234 (1,111..1,357)") == 9
    assert "  1.5 / 5,254 / 10,508  " in text
    assert text.count("MISSED") == 4
    assert max(map(len, text.splitlines()[1:])) < 130


def test_a_measurement_that_was_not_made_has_no_lines() -> None:
    assert [row.what for row in rows_of({"post": RESULTS["post"]})] == [
        "POST alone, per second",
        "  CPU each, µs",
    ]
    assert charts_of({}) == []


def test_speeds_and_latencies_are_worth_a_picture() -> None:
    speed, latency = charts_of(RESULTS)
    assert [bar.value for bar in speed.bars if bar.kind == "floor"] == [3000, 3000, 3000, 9000]
    assert [bar.label for bar in latency.bars][:2] == ["50/s, p50: floor", "50/s, p99: floor"]
    assert len(latency.bars) == 12
