from itertools import pairwise
from xml.etree import ElementTree as ET

from service.bench.chart import Bar, Chart, chart

SVG = "{http://www.w3.org/2000/svg}"
CHARTS = [
    Chart("speed < light", [Bar("floor", 2000, "floor"), Bar("service", 1000)]),
    Chart("ms", [Bar("p50", 1.234), Bar("p99", 0.0)]),
]


def bars(svg: str) -> list[ET.Element]:
    paper, *found = ET.fromstring(svg).findall(f"{SVG}rect")  # noqa: S314 (written by us)
    assert paper.get("fill") == "white"
    return found


def test_a_bar_is_as_long_as_its_share_of_the_longest_of_its_chart() -> None:
    lengths = [int(bar.get("width", "")) for bar in bars(chart(CHARTS))]
    assert lengths[1] == lengths[0] / 2
    assert lengths[2] == lengths[0]
    assert lengths[3] == 1, "a value of nothing is still seen"


def test_nothing_overlaps_and_nothing_is_cut_off() -> None:
    svg = chart(CHARTS)
    tops = [int(bar.get("y", "")) for bar in bars(svg)]
    assert all(b - a >= 18 for a, b in pairwise(tops))
    assert tops[-1] + 18 <= int(ET.fromstring(svg).get("height", ""))  # noqa: S314


def test_titles_labels_and_figures_are_there() -> None:
    texts = [text.text for text in ET.fromstring(chart(CHARTS)).iter(f"{SVG}text")]  # noqa: S314
    assert texts[:3] == ["speed < light", "floor", "2,000"]
    assert "1.23" in texts


def test_no_charts_are_an_empty_picture() -> None:
    assert bars(chart([])) == []
