from dataclasses import replace
from hashlib import blake2b

import pytest

from service.domain.delivery import (
    Outcome,
    PastAttempt,
    Response,
    delivery_id_of,
    outcome_of_status,
)
from service.domain.event import event_id_of
from tests.builders import NOW, make_attempt, make_delivery, make_past


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (100, Outcome.BAD_STATUS),
        (199, Outcome.BAD_STATUS),
        (200, Outcome.SUCCEEDED),
        (201, Outcome.SUCCEEDED),
        (204, Outcome.SUCCEEDED),
        (299, Outcome.SUCCEEDED),
        (300, Outcome.REDIRECTED),
        (307, Outcome.REDIRECTED),
        (399, Outcome.REDIRECTED),
        (400, Outcome.BAD_STATUS),
        (404, Outcome.BAD_STATUS),
        (409, Outcome.BAD_STATUS),
        (410, Outcome.GONE),
        (411, Outcome.BAD_STATUS),
        (428, Outcome.BAD_STATUS),
        (429, Outcome.THROTTLED),
        (500, Outcome.BAD_STATUS),
        (502, Outcome.BAD_STATUS),
        (503, Outcome.THROTTLED),
        (504, Outcome.BAD_STATUS),
        (599, Outcome.BAD_STATUS),
        (999, Outcome.BAD_STATUS),
    ],
)
def test_any_2xx_is_success_and_everything_else_a_failure(status: int, outcome: Outcome) -> None:
    assert outcome_of_status(status) is outcome


@pytest.mark.parametrize("outcome", Outcome)
def test_only_one_outcome_is_success(outcome: Outcome) -> None:
    assert outcome.succeeded == (outcome.value == "succeeded")


def test_a_delivery_id_is_the_same_for_ever() -> None:
    # Receivers have stored such ids: another algorithm would break their de-duplication.
    expected = blake2b(b"eventhook", digest_size=16).hexdigest()
    assert delivery_id_of("event", "hook") == expected == "05d8a7988ef534da05a3804b2d666243"


def test_an_event_id_is_the_same_for_ever() -> None:
    assert event_id_of("kazoo", b'{"a":1}') == "e781714dc1abcc41e7e451b756b1de2d"


@pytest.mark.parametrize("webhook_id", ["5f0c2a9be1d44c7f9a3be0d1c2b3a495", "a.b.c", "ž"])
def test_a_delivery_id_is_32_hex_digits_without_a_dot(webhook_id: str) -> None:
    delivery_id = delivery_id_of("e" * 32, webhook_id)
    assert len(delivery_id) == 32
    assert set(delivery_id) <= set("0123456789abcdef")


def test_each_event_and_each_webhook_has_a_delivery_of_its_own() -> None:
    pairs = [("e" * 32, "1"), ("e" * 32, "2"), ("f" * 32, "1")]
    assert len({delivery_id_of(*pair) for pair in pairs}) == 3


def test_each_source_and_each_body_is_an_event_of_its_own() -> None:
    pairs = [("kazoo", b"1"), ("kazoo", b"2"), ("voipbin", b"1")]
    ids = {event_id_of(*pair) for pair in pairs}
    assert {len(event_id) for event_id in ids} == {32}
    assert len(ids) == 3


def test_a_step_tells_attempts_and_deferrals_apart() -> None:
    first = make_delivery()
    later = replace(first, past=(make_past(),))
    deferred = replace(first, deferrals=1)
    waiting_on = replace(first, deferrals=1, wait_left_s=2.5)
    assert first.step == (first.delivery_id, 0, 0, 0.0, None)
    assert later.step == (first.delivery_id, 1, 0, 0.0, None)
    assert deferred.step == (first.delivery_id, 0, 1, 0.0, None)
    assert waiting_on.step == (first.delivery_id, 0, 1, 2.5, None)


def test_what_travels_of_an_attempt_is_its_number_its_time_and_its_end() -> None:
    response = Response(Outcome.RESET, None, body=b"left behind", detail="peer went away")
    attempt = make_attempt(response, attempt=3)
    assert attempt.as_past() == PastAttempt(3, NOW, 0.25, Outcome.RESET, None, "peer went away")
