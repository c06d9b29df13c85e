import re
from datetime import UTC, datetime, timedelta

import pytest
from markupsafe import Markup

from service.console.charts import spark_line, track
from service.console.pages.calls import time_line
from service.console.rendering import Templates, milliseconds, pretty, prose, relative, share

HOUR = {"at": "2026-01-01T00:00:00+00:00", "succeeded": 0, "failed": 0}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "just now"), (1, "1 second ago"), (59, "59 seconds ago"), (61, "1 minute ago"),
     (7300, "2 hours ago"), (90_000, "1 day ago"), (-600, "in 10 minutes")],
)  # fmt: skip
def test_ages_are_told_in_words(seconds: float, text: str) -> None:
    assert relative(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(1, "100 %"), (0.99999, "99.9 %"), (0, "0.0 %")])
def test_only_a_full_share_is_shown_as_such(value: float, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.23, "1.2 ms"), (27.0, "27 ms"), (1840.0, "1.8 s"), (30_000.0, "30 s")]
)
def test_durations_have_the_unit_that_reads_best(value: float, text: str) -> None:
    assert milliseconds(value) == text


def test_json_is_indented_and_other_text_stays_as_it_is() -> None:
    assert pretty('{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty("<b>no json") == "<b>no json"


def test_a_spark_line_tells_its_numbers_to_those_who_cannot_see_it() -> None:
    hours = [HOUR] * 22 + [{**HOUR, "succeeded": 8, "failed": 1}, {**HOUR, "failed": 3}]
    svg = spark_line(hours)
    assert 'aria-label="last 24 hours: 12 attempts, 4 failed"' in svg
    assert [len(re.findall("M", path)) for path in re.findall(r'd="([^"]+)"', svg)] == [22, 1, 2]


def test_a_failure_among_thousands_can_be_seen() -> None:
    svg = spark_line([{**HOUR, "succeeded": 100_000, "failed": 1}])
    (height,) = re.findall(r'class="bad" d="M0 [0-9.]+h4v([0-9.]+)', svg)
    assert float(height) >= 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a `b` c", "a <code>b</code> c"),
        ("`<i>`", "<code>&lt;i&gt;</code>"),
        ("a ` <b>", "a ` &lt;b&gt;"),
    ],
)
def test_names_in_our_texts_are_shown_as_code(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_charts_are_markup_with_numbers_alone() -> None:
    assert isinstance(track(0.5, 7.0, "bad"), Markup)
    assert isinstance(spark_line([]), Markup)


def attempt(at_s: float, event: str, duration_ms: float = 10.0) -> dict[str, object]:
    at = (NOW + timedelta(seconds=at_s)).isoformat(timespec="milliseconds")
    return {"started_at": at, "duration_ms": duration_ms, "event_id": event, "hook": event}


def test_a_time_line_goes_from_the_first_attempt_to_the_end_of_the_last() -> None:
    events = time_line([attempt(9.0, "b", 1000.0), attempt(5.0, "b"), attempt(0.0, "a")])
    assert [event.event_id for event in events] == ["a", "b"]
    starts = [bar.start for event in events for bar in event.bars]
    assert starts == pytest.approx([0.0, 0.5, 0.9])
    assert events[1].bars[1].length == pytest.approx(0.1)
    assert time_line([]) == []


def test_every_template_escapes_what_it_shows() -> None:
    hostile = '"><script>alert(1)</script>'
    text = Templates().render("error.html", status=400, kind=hostile, text=hostile)
    assert "<script>alert" not in text
    text = Templates().render("sign_in.html", csrf=hostile, next=hostile, problem=hostile)
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;") == 3
