"""Summaries of calls: talk, outcomes, directions, single legs, synthetic ends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.call import Conversation, Leg
from service.domain.call_summary import (
    ABANDONED,
    ANSWERED,
    BUSY,
    CANCELLED,
    FAILED,
    INBOUND,
    INTERNAL,
    MISSED,
    OUTBOUND,
    OUTCOMES,
    VOICEMAIL,
    digest_of,
    summary_of,
    talk_s,
)


def leg(
    name: str, created: float, answered: float | None, ended: float | None, **facts: Any
) -> Leg:
    if "end" in facts:
        facts["hangup_cause"] = "as told"
    return Leg(
        name, created_at=created, answered_at=answered, destroyed_at=ended, seen_at=0, facts=facts
    )


def summary(*legs: Leg, **more: Any) -> dict[str, Any]:
    known = {one.call_id: one for one in legs}
    return summary_of(Conversation("talk", "account", "kazoo", known, **more))


CALLER = leg("a", 0, None, 20, outside=True, end=MISSED)


@pytest.mark.parametrize(
    ("legs", "outcome"),
    [
        ([leg("a", 0, 5, 20), leg("b", 1, 5, 20)], ANSWERED),
        ([leg("a", 0, 1, 20)], ANSWERED),
        ([CALLER, leg("b", 1, None, 20, end=MISSED)], MISSED),
        ([CALLER, leg("b", 1, None, 3, end=BUSY), leg("c", 1, None, 20, end=MISSED)], MISSED),
        ([leg("a", 0, None, 9, end=BUSY), leg("b", 1, None, 9, end=BUSY)], BUSY),
        ([leg("a", 0, None, 9, end=BUSY)], BUSY),
        ([leg("a", 0, None, 9, end=BUSY), leg("lost", 1, None, 9)], BUSY),
        ([leg("a", 0, None, 9, end=CANCELLED), leg("b", 1, None, 9, end=CANCELLED)], CANCELLED),
        ([leg("lost", 0, None, 9), leg("b", 1, None, 9, end=CANCELLED)], CANCELLED),
        ([leg("lost", 0, None, 9), leg("b", 1, None, 9, end=MISSED)], MISSED),
        ([leg("lost", 0, None, 9, outside=True), leg("b", 1, None, 9, end=CANCELLED)], MISSED),
        ([leg("a", 0, None, 9, end=MISSED), leg("b", 1, None, 9, end=CANCELLED)], MISSED),
        ([leg("a", 0, None, 9, end=CANCELLED, outside=True)], MISSED),
        ([leg("a", 0, None, 2), leg("b", 1, None, 2, outside=True)], FAILED),
        ([leg("a", 0, None, 2)], FAILED),
        ([leg("a", 0, 21, 50, voicemail="v"), leg("b", 1, None, 20, end=BUSY)], VOICEMAIL),
        ([leg("a", 0, 1, 50, queue_id="q")], ABANDONED),
        ([leg("a", 0, 1, 50), leg("b", 2, None, 9, agent_id="x", end=MISSED)], ABANDONED),
    ],
)
def test_a_call_has_the_outcome_that_its_legs_allow(legs: list[Leg], outcome: str) -> None:
    assert summary(*legs)["outcome"] == outcome


@pytest.mark.parametrize(
    ("caller", "called", "direction"),
    [(True, False, INBOUND), (True, True, INBOUND), (False, True, OUTBOUND),
     (False, False, INTERNAL)],
)  # fmt: skip
def test_a_direction_is_told_by_the_legs_that_lead_outside(
    *, caller: bool, called: bool, direction: str
) -> None:
    legs = leg("a", 0, 5, 20, outside=caller), leg("b", 1, 5, 20, outside=called)
    assert summary(*legs)["direction"] == direction


def test_talk_of_a_blind_transfer_leaves_out_the_time_until_the_third_answers() -> None:
    legs = leg("a", 0, 5, 100), leg("b", 1, 5, 40), leg("c", 41, 50, 100)
    assert summary(*legs)["talk_s"] == 35 + 50


def test_talk_of_an_attended_transfer_counts_each_second_once() -> None:
    legs = leg("a", 0, 5, 100), leg("b", 1, 5, 60), leg("b2", 30, 35, 60), leg("c", 31, 35, 100)
    assert summary(*legs)["talk_s"] == 95


def test_talk_leaves_out_the_legs_within_the_switch() -> None:
    legs = leg("a", 0, 5, 100), leg("l", 1, 5, 100, internal=True), leg("b", 1, 5, 40)
    assert summary(*legs)["talk_s"] == 35


def test_a_single_leg_that_an_application_answered_talked_while_it_was_answered() -> None:
    told = summary(leg("a", 0, 2, 30))
    assert (told["ring_s"], told["talk_s"]) == (2, 28)


def test_a_voicemail_is_no_talk_and_rang_until_the_box_answered() -> None:
    told = summary(leg("a", 0, 21, 50, voicemail="v"), leg("b", 1, None, 20, end=MISSED))
    assert (told["ring_s"], told["talk_s"]) == (21, 0)


def test_a_queue_that_was_given_up_rang_until_the_end() -> None:
    told = summary(leg("a", 0, 1, 50, queue_id="q"), leg("b", 2, None, 9, agent_id="x"))
    assert (told["ring_s"], told["talk_s"]) == (50, 0)
    assert told["queue"] == {"queue_id": "q", "wait_s": 49}


def test_a_queue_names_the_agent_that_answered() -> None:
    agents = leg("b", 2, None, 9, agent_id="x"), leg("c", 2, 9, 50, agent_id="y")
    told = summary(leg("a", 0, 1, 50, queue_id="q"), *agents)
    assert told["queue"] == {"queue_id": "q", "wait_s": 8, "agent_id": "y"}


def test_a_synthetic_end_makes_a_summary_that_is_not_complete() -> None:
    lost = Leg("a", created_at=0, destroyed_at=20, synthetic_end="event")
    told = summary(lost)
    assert (told["synthetic"], told["complete"]) == (True, False)
    assert told["legs"][0]["synthetic"] is True


def test_a_recording_that_is_not_ready_makes_a_summary_that_is_not_complete() -> None:
    one = leg("a", 0, 2, 30)
    early = summary(one, recordings=({"id": "r", "ready": False},))
    late = summary(one, recordings=({"id": "r", "ready": True},))
    assert (early["complete"], late["complete"]) == (False, True)
    assert digest_of(early) != digest_of(late)


TIMES = st.integers(0, 60)
SPANS = st.lists(st.tuples(TIMES, TIMES).map(lambda pair: tuple(sorted(pair))), min_size=2)


@given(SPANS)
def test_talk_equals_a_count_of_the_seconds_with_two_legs(spans: list[tuple[int, int]]) -> None:
    legs = [leg(str(number), 0, *span) for number, span in enumerate(spans)]
    expected = sum(sum(a <= at < b for a, b in spans) >= 2 for at in range(61))
    assert talk_s(legs) == expected


ENDS = st.sampled_from([None, MISSED, BUSY, CANCELLED])
LEGS = st.lists(st.tuples(st.booleans(), st.none() | TIMES, ENDS), min_size=1, max_size=6)


@given(LEGS)
def test_every_call_has_a_known_outcome_and_talks_only_if_answered(
    given_legs: list[tuple[bool, int | None, str | None]],
) -> None:
    legs = [
        leg(str(number), 0, answered, 70, outside=outside, end=end)
        for number, (outside, answered, end) in enumerate(given_legs)
    ]
    told = summary(*legs)
    assert told["outcome"] in OUTCOMES
    assert told["talk_s"] == 0 or told["outcome"] == ANSWERED
    assert 0 <= told["ring_s"] <= told["duration_s"]
