from typing import Any

import pytest

from service.domain.disable import DisablePolicy, policy_in


def test_failures_count_while_they_are_within_the_window() -> None:
    policy = DisablePolicy(failure_count=3, window_s=60.0)
    assert policy.counted([0.0, 940.0, 940.1, 1000.0], 1000.0) == 2
    assert not policy.exceeded([940.1, 1000.0], 1000.0)
    assert policy.exceeded([940.1, 970.0, 1000.0], 1000.0)


@pytest.mark.parametrize(("count", "half"), [(2, 1), (3, 2), (6, 3), (7, 4)])
def test_half_way_is_reached_once(count: int, half: int) -> None:
    policy = DisablePolicy(failure_count=count)
    assert [n for n in range(count) if policy.passed_half([1000.0] * n, 1, 1000.0)] == [half]
    assert policy.passed_half([1000.0] * half, half, 1000.0)
    assert not policy.passed_half([1000.0] * (half + 1), 1, 1000.0)


def test_there_is_nothing_to_warn_of_where_one_failure_disables() -> None:
    assert not DisablePolicy(failure_count=1).passed_half([1000.0], 1, 1000.0)


@pytest.mark.parametrize(
    ("document", "policy"),
    [
        ({}, None),
        ({"disable": {}}, DisablePolicy()),
        ({"disable": {"failure_count": 3}}, DisablePolicy(3)),
        ({"disable": {"failure_count": 3, "window_s": 5, "more": 1}}, DisablePolicy(3, 5)),
        ({"disable": "never"}, None),
        ({"disable": {"failure_count": "3"}}, None),
        ({"disable": {"failure_count": 0}}, None),
        ({"disable": {"window_s": -1}}, None),
    ],
)
def test_an_account_document_may_have_a_rule(
    document: dict[str, Any], policy: DisablePolicy | None
) -> None:
    assert policy_in(document) == policy
