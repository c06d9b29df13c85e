"""The parser of Server-Sent Events, wherever the network cuts the bytes."""

from hypothesis import given
from hypothesis import strategies as st

from service.tools.event_stream import EventParser

STREAM = (
    ":\n\nevent: start\ndata: {}\n\nevent: request\r\ndata:é\r\ndata: b\r\n\r\nodd\n\n".encode()
)
EVENTS = [("start", "{}"), ("request", "é\nb")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=10))
def test_a_stream_gives_the_same_events_however_it_is_cut(cuts: list[int]) -> None:
    parser, begin = EventParser(), 0
    events: list[tuple[str, str]] = []
    for end in [*sorted(cuts), len(STREAM)]:
        events += parser.feed(STREAM[begin:end])
        begin = end
    assert events == EVENTS


def test_an_event_that_is_not_complete_is_kept_back() -> None:
    parser = EventParser()
    assert [*parser.feed(b"event: a\ndata: 1\n")] == []
    assert [*parser.feed(b"\n")] == [("a", "1")]
