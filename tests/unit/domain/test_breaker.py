import pytest

from service.domain.breaker import Breaker, BreakerPolicy
from service.domain.delivery import Outcome, Response

POLICY = BreakerPolicy(failure_count=3, open_s=5.0, max_open_s=15.0)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    assert [breaker.failed(POLICY, at) for _ in range(3)] == [False, False, True]
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = opened()
    assert not breaker.closed
    assert not breaker.admits(4.9)


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.failed(POLICY, 0)
        breaker.failed(POLICY, 0)
        assert breaker.succeeded() is False
    assert breaker.spotless
    assert breaker.admits(0)


def test_it_tells_how_long_it_is_open_this_time() -> None:
    assert Breaker().pause_s == 0.0
    breaker = opened()
    pauses = [breaker.pause_s]
    for at in (5.0, 15.0):
        breaker.admits(at)
        breaker.failed(POLICY, at)
        pauses.append(breaker.pause_s)
    breaker.succeeded()
    assert [*pauses, breaker.pause_s] == [5.0, 10.0, 15.0, 0.0]


def test_after_a_while_one_attempt_is_let_through_and_no_other() -> None:
    breaker = opened()
    assert [breaker.admits(5.0), breaker.admits(5.0), breaker.admits(60.0)] == [True, False, False]


def test_the_attempt_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.admits(5.0)
    assert breaker.succeeded() is True
    assert breaker.admits(5.0)
    assert breaker.admits(5.0)
    assert breaker.spotless


def test_the_attempt_that_fails_opens_it_for_longer_up_to_the_longest_time() -> None:
    breaker, at, waits = opened(), 0.0, []
    for _ in range(4):
        wait_s = next(s for s in range(100) if breaker.admits(at + s))
        waits.append(wait_s)
        at += wait_s
        assert breaker.failed(POLICY, at) is False
    assert waits == [5, 10, 15, 15]


def test_failures_that_began_before_it_opened_do_not_prolong_it() -> None:
    breaker = opened()
    for _ in range(100):
        breaker.failed(POLICY, 4.0)
    assert breaker.admits(5.0)


def test_an_attempt_without_an_end_makes_room_for_another() -> None:
    breaker = opened()
    breaker.admits(5.0)
    breaker.abandoned()
    assert breaker.admits(5.1)


def test_it_can_be_forgotten_when_nobody_has_asked_for_long() -> None:
    breaker = opened()
    assert not breaker.stale(POLICY, 20.0)
    assert breaker.stale(POLICY, 20.1)
    assert not Breaker().stale(POLICY, 1e9)


@pytest.mark.parametrize(
    ("response", "failed"),
    [
        (Response(Outcome.TIMED_OUT), True),
        (Response(Outcome.REFUSED), True),
        (Response(Outcome.TLS_FAILED), True),
        (Response(Outcome.BAD_STATUS, 500), True),
        (Response(Outcome.THROTTLED, 503), True),
        (Response(Outcome.THROTTLED, 429), False),
        (Response(Outcome.BAD_STATUS, 404), False),
        (Response(Outcome.GONE, 410), False),
        (Response(Outcome.REDIRECTED, 302), False),
        (Response(Outcome.SUCCEEDED, 204), False),
        (Response(Outcome.EGRESS_REFUSED), False),
        (Response(Outcome.INVALID_REQUEST), False),
    ],
)
def test_a_server_that_answers_one_path_with_an_error_of_its_client_is_well(
    response: Response, failed: bool
) -> None:
    assert response.endpoint_failed is failed
