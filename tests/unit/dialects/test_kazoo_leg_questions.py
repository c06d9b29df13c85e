"""The list of all legs, as ecallmgrs answer with it."""

from typing import Any

import orjson
import pytest

from service.dialects.kazoo.leg_questions import KazooLegQuestions

LEGS = KazooLegQuestions()


def test_the_question_for_all_legs_is_the_one_that_ecallmgrs_know() -> None:
    publication = LEGS.listing("q1", "queue-1").publication
    body = orjson.loads(publication.body)
    assert (publication.exchange, publication.routing_key) == (
        "callevt", "call.status_req.channels",
    )  # fmt: skip
    assert (body["Event-Category"], body["Event-Name"]) == ("call_event", "query_channels_req")
    assert (body["Msg-ID"], body["Server-ID"]) == ("q1", "queue-1")
    assert body["Fields"]


@pytest.mark.parametrize(
    ("answer", "legs"),
    [
        ({"Msg-ID": "q1", "Channels": {"a.b@c": {}, "d": {"Account-ID": "x"}}}, {"a.b@c", "d"}),
        ({"Msg-ID": "q1", "Channels": {}}, set()),
        ({"Msg-ID": "q1", "Channels": []}, set()),
        ({"Msg-ID": "q2", "Channels": {"a": {}}}, None),
        ({"Msg-ID": "q1"}, None),
        ({"Msg-ID": "q1", "Channels": ["a"]}, None),
        ([], None),
    ],
    ids=str,
)
def test_an_answer_lists_the_legs_or_is_none(answer: Any, legs: set[str] | None) -> None:
    found = LEGS.listed(orjson.dumps(answer), "q1")
    assert (None if found is None else set(found)) == legs
