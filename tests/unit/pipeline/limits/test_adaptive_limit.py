import pytest

from service.pipeline.limits.adaptive_limit import AdaptiveLimit


@pytest.mark.parametrize(("most", "first"), [(1, 1), (3, 3), (10, 10), (50, 10)])
def test_an_unknown_endpoint_begins_with_ten_requests_or_with_fewer(most: int, first: int) -> None:
    assert AdaptiveLimit(most).requests == first


def test_the_limit_grows_by_one_with_each_answer_up_to_the_most() -> None:
    limit = AdaptiveLimit(12)
    grown = []
    for _ in range(3):
        limit.answered(12)
        grown.append(limit.requests)
    assert grown == [11, 12, 12]


def test_the_limit_is_halved_by_each_failure_down_to_one() -> None:
    limit = AdaptiveLimit(50)
    shrunk = []
    for _ in range(4):
        limit.failed()
        shrunk.append(limit.requests)
    assert shrunk == [5, 2, 1, 1]


def test_an_endpoint_that_answers_again_gets_more_again() -> None:
    limit = AdaptiveLimit(50)
    for _ in range(4):
        limit.failed()
    limit.answered(50)
    assert limit.requests == 2
