import pytest

from service.domain.trace import new_traceparent, trace_id_of, traceparent_in

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("said", "understood"),
    [
        (f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01"),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", f"00-{TRACE}-{SPAN}-01"),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"cc-{TRACE}-{SPAN}-01.more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f"00-{TRACE}-{SPAN}-01\r\nX-Hook-ID: forged", None),
        (f"cc-{TRACE}-{SPAN}-01-\r\nX-Hook-ID: forged", f"00-{TRACE}-{SPAN}-01"),
        ("", None),
        (None, None),
        (b"00-" + TRACE.encode(), None),
        (7, None),
    ],
)
def test_only_what_the_standard_allows_is_taken_over(said: object, understood: str | None) -> None:
    assert traceparent_in(said) == understood


def test_a_new_trace_is_valid_and_nobodys_else() -> None:
    first, second = new_traceparent(), new_traceparent()
    assert traceparent_in(first) == first
    assert trace_id_of(first) != trace_id_of(second)


def test_a_new_part_of_a_trace_keeps_its_id() -> None:
    part = new_traceparent(TRACE)
    assert trace_id_of(part) == TRACE
    assert traceparent_in(part) == part != new_traceparent(TRACE)
