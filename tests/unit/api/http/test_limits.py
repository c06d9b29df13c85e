import pytest

from service.api.http.limits import MOST_BUCKETS, RateLimit


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_is_allowed_and_then_a_steady_rate(clock: Clock) -> None:
    limit = RateLimit(2.0, 3, clock)
    assert [limit.take("a") for _ in range(4)] == [True, True, True, False]
    assert limit.wait_s("a") == 0.5
    clock.now += 0.5
    assert [limit.take("a") for _ in range(2)] == [True, False]
    clock.now += 1000
    assert [limit.take("a") for _ in range(4)] == [True, True, True, False]


def test_everybody_has_a_bucket_of_their_own(clock: Clock) -> None:
    limit = RateLimit(1.0, 1, clock)
    assert limit.take("a")
    assert not limit.take("a")
    assert limit.take("b")


def test_who_is_refused_does_not_wait_longer_for_asking(clock: Clock) -> None:
    limit = RateLimit(1.0, 1, clock)
    limit.take("a")
    for _ in range(100):
        assert not limit.take("a")
    assert limit.wait_s("a") == 1.0


def test_headers_tell_size_rest_and_when_it_is_full_again(clock: Clock) -> None:
    limit = RateLimit(2.0, 10, clock)
    for _ in range(5):
        limit.take("a")
    assert limit.headers("a") == {
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "5",
        "RateLimit-Reset": "3",
    }


def test_the_longest_unused_bucket_is_forgotten(clock: Clock) -> None:
    limit = RateLimit(1.0, 1, clock)
    limit.take("first")
    limit.take("second")
    for number in range(MOST_BUCKETS - 2):
        limit.take(f"other-{number}")
    assert not limit.take("first")
    limit.take("one more")
    assert not limit.take("first"), "it was used just now"
    assert limit.take("second"), "it was forgotten"
