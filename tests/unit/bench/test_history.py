from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from service.bench.history import MOST_RUNS, Run, append, picture, run_of
from tests.unit.bench.test_report import REPORT

SVG = "{http://www.w3.org/2000/svg}"
RUN = Run(
    "2026-11-28T10:00:00+00:00",
    "0123456789ab",
    "A CPU",
    2,
    {"drain_1 floor": 3000.0, "drain_1 service": 1500.0},
    {"drain_1 floor": 300.0, "drain_1 service": 301.0},
)


def drawn(runs: list[Run], what: str) -> list[ET.Element]:
    return list(ET.fromstring(picture(runs)).iter(f"{SVG}{what}"))  # noqa: S314 (written by us)


def test_a_run_has_the_medians_of_each_drain() -> None:
    run = run_of(REPORT)
    assert run is not None
    assert run.machine() == ("A CPU", 2)
    assert run.per_s["drain_1 floor"] == 3000
    assert run.per_s.keys() == run.cpu_us.keys()
    assert len(run.per_s) == 4


def test_a_run_without_the_drain_is_none() -> None:
    results: dict[str, Any] = {"post": REPORT["results"]["post"]}
    assert run_of(REPORT | {"results": results}) is None


def test_runs_are_appended_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert append(path, RUN) == [RUN]
    later = replace(RUN, commit="later")
    assert append(path, later) == [RUN, later]


def test_each_series_has_a_line_with_a_point_for_each_run() -> None:
    faster = replace(RUN, per_s={"drain_1 floor": 3000.0, "drain_1 service": 3000.0})
    lines = drawn([RUN, faster], "polyline")
    assert len(lines) == 4, "two series in each of two panels"
    points = [line.get("points", "").split() for line in lines]
    assert all(len(each) == 2 for each in points)
    (first_x, first_y), (last_x, last_y) = (point.split(",") for point in points[1])
    assert float(first_x) < float(last_x)
    assert float(last_y) < float(first_y), "faster is higher"


def test_labels_of_equal_values_do_not_overlap() -> None:
    texts = drawn([RUN, RUN], "text")
    labels = [float(text.get("y", "")) for text in texts if "per event" in str(text.text)]
    assert all(abs(b - a) >= 14 for a, b in pairwise(labels))


def test_runs_on_another_machine_are_not_drawn() -> None:
    other = replace(RUN, cpu="another")
    assert len(drawn([RUN, other, RUN], "circle")) == 2 * 4
    assert len(drawn([RUN, other], "circle")) == 4


def test_the_oldest_of_many_runs_are_left_out() -> None:
    assert len(drawn([RUN] * (MOST_RUNS + 5), "circle")) == MOST_RUNS * 4


def test_a_series_that_the_last_run_lacks_is_drawn_as_far_as_it_goes() -> None:
    more = replace(RUN, per_s={**RUN.per_s, "drain_10 service": 9000.0})
    assert len(drawn([more, RUN], "polyline")) == 5
