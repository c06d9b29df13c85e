import pytest

from service.bench.figures import Sample, latency, p99_ratio, percentile, ratios, speed, spread
from service.domain.errors import SwitchhookError


def test_the_speed_is_that_between_a_tenth_and_nearly_all() -> None:
    samples = [
        Sample(0.0, 0, 5.0),
        Sample(1.0, 100, 5.5),  # the tenth: timing starts here
        Sample(2.0, 500, 5.7),
        Sample(3.0, 960, 5.93),  # past the 95 %: timing ends here
        Sample(9.0, 1000, 9.0),
    ]
    found = speed(samples, 1000)
    assert found.per_s == pytest.approx(860 / 2)
    assert found.cpu_us == pytest.approx(0.43 / 860 * 1e6)


def test_a_goal_that_was_reached_between_two_samples_has_no_speed() -> None:
    samples = [Sample(0.0, 0, 0.0), Sample(0.05, 100, 0.1)]
    with pytest.raises(SwitchhookError, match="more --events"):
        speed(samples, 100)


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(value) for value in range(1000, 0, -1)]
    assert percentile(values, 50) == 500
    assert percentile(values, 99) == 990
    assert percentile(values, 99.9) == 999
    assert percentile(values, 100) == 1000
    assert percentile([7.0], 50) == 7


def test_a_spread_keeps_what_it_summarises() -> None:
    assert spread([3.0, 1.0, 2.00001]) == {
        "median": 2.0,
        "low": 1.0,
        "high": 3.0,
        "values": [3.0, 1.0, 2.0],
    }


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratios([1.0, 9.0], [2.0, 3.0]) == [0.5, 3.0]


def test_latencies_of_several_runs_are_taken_together() -> None:
    assert latency([[0.001, 0.002], [0.1]]) == {
        "count": 3,
        "p50_ms": 2.0,
        "p99_ms": 100.0,
        "p99.9_ms": 100.0,
        "max_ms": 100.0,
    }


def test_p99s_are_compared_pair_by_pair() -> None:
    assert p99_ratio([[0.002], [0.003]], [[0.001], [0.001]])["values"] == [2.0, 3.0]
