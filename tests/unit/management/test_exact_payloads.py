"""The log and the API keep a payload's numbers as the switch wrote them."""

from typing import Any

import bson
import pytest

from service.api.http.envelope import revision_of, success
from service.api.http.operation import Answer
from service.documents.log import attempt_document, dead_letter_document, delivery_of
from service.domain.delivery import Delivery
from service.management.attempts import attempt_in_full
from service.text.json_text import read_json
from tests.builders import make_attempt, make_delivery, make_letter
from tests.dialects import DIALECTS

PAYLOAD = b'{"n":123456789012345678901234567890,"rate":[0.10,1E+2]}'


def test_the_payload_of_an_attempt_is_told_with_its_numbers_as_they_were_written() -> None:
    row = attempt_document(make_attempt(delivery=make_delivery(payload=PAYLOAD)))
    answer = success(Answer(attempt_in_full(row, DIALECTS)), "request-1", {}, authenticated=True)
    assert isinstance(answer.body, bytes)
    assert b'"payload":' + PAYLOAD in answer.body


def test_a_revision_is_told_of_data_with_such_numbers() -> None:
    row = attempt_document(make_attempt(delivery=make_delivery(payload=PAYLOAD)))
    assert revision_of(attempt_in_full(row, DIALECTS)) == revision_of(
        attempt_in_full(row, DIALECTS)
    )


@pytest.mark.parametrize("number", ["18446744073709551615", "1" * 30, "1.10"])
def test_a_webhook_that_the_message_brought_along_is_stored_and_replayed_as_it_was(
    number: str,
) -> None:
    webhook = read_json(f'{{"id":"w","custom_data":{{"n":{number}}}}}')
    delivery = make_delivery(webhook=webhook)
    for document in (
        attempt_document(make_attempt(delivery=delivery)),
        dead_letter_document(make_letter(delivery=delivery)),
    ):
        stored: dict[str, Any] = bson.decode(
            bson.encode(document), bson.CodecOptions(tz_aware=True)
        )
        assert repr(delivery_of(stored).webhook) == repr(webhook)


def test_a_webhook_that_an_earlier_version_stored_as_an_object_is_read() -> None:
    document = dead_letter_document(make_letter()) | {"webhook": {"id": "w"}}
    replayed: Delivery = delivery_of(document)
    assert replayed.webhook == {"id": "w"}
