from service.pipeline.request.times import times_of


def test_times_are_utc_with_milliseconds() -> None:
    assert times_of(1_700_000_000.9996, 1_700_000_000.0) == {
        "X-Switchhook-Occurred-At": "2023-11-14T22:13:20.000Z",
        "X-Switchhook-Received-At": "2023-11-14T22:13:20.999Z",
    }


def test_a_time_that_the_switch_does_not_tell_is_left_out() -> None:
    assert times_of(0.0, None) == {"X-Switchhook-Received-At": "1970-01-01T00:00:00.000Z"}


def test_a_time_is_the_same_after_it_was_stored_with_milliseconds() -> None:
    at = 1_700_000_000.123456
    assert times_of(at, at) == times_of(1_700_000_000.123, 1_700_000_000.123)
