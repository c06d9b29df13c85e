"""Numbers of a switch's message reach the receiver as they were written, whichever way they go."""

import re
from urllib.parse import parse_qs

import orjson
from hypothesis import given
from hypothesis import strategies as st

from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.delivery import Delivery
from service.domain.webhook import Format, Webhook
from service.pipeline.envelope import seal, unseal
from service.pipeline.match import fits
from service.text.json_text import read_json, write_json
from tests.builders import make_account, make_delivery, make_message, make_webhook
from tests.dialects import content_of, payload_of

DECODER = KazooDecoder(KazooPolicy(), 100_000)
NUMBER = r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?"

# JSON has a negative zero, but no integer of Erlang or of orjson is one.
numbers = st.from_regex(NUMBER, fullmatch=True).filter(lambda text: text != "-0")


def body_of(number: str) -> bytes:
    """Return a text message of the switch with the number at three depths."""
    return (
        '{"Event-Category":"sms","Event-Name":"inbound","Route-Type":"offnet","Message-ID":"1",'
        '"From":"a","To":"b","Body":"c","Account-ID":"00000000000000000000000000000c03",'
        f'"Charges":{{"Total":{number},"Parts":[{number},{{"x":{number}}}]}}}}'
    ).encode()


def snapshot_of(number: str) -> bytes:
    (event,) = DECODER.decode(make_message(body_of(number)))
    return write_json(payload_of(event, make_account()))


def as_json(number: str) -> bytes:
    return f'"charges":{{"Total":{number},"Parts":[{number},{{"x":{number}}}]}}'.encode()


def body_for(delivery: Delivery, webhook: Webhook, cluster_id: str | None = None) -> bytes:
    """Return what the delivery lane sends of a delivery that came back from a tier."""
    encoder = content_of(read_json(delivery.payload), cluster_id, delivery.payload)
    return encoder.writer.content(webhook).content


@given(numbers)
def test_a_json_body_has_the_number_as_the_switch_wrote_it(number: str) -> None:
    snapshot = snapshot_of(number)
    assert as_json(number) in snapshot
    delivery = make_delivery(payload=snapshot)
    plain = make_webhook(format=Format.JSON)
    assert body_for(delivery, plain) == snapshot
    with_data = make_webhook(format=Format.JSON, custom_data={"mine": 1})
    assert as_json(number) in body_for(delivery, with_data)
    assert as_json(number) in body_for(delivery, plain, "c1b2")


@given(numbers)
def test_a_form_has_the_number_as_the_switch_wrote_it(number: str) -> None:
    form = parse_qs(body_for(make_delivery(payload=snapshot_of(number)), make_webhook()).decode())
    assert form["charges[Total]"] == [number]
    assert form["charges[Parts][]"] == [number, f'{{"x":{number}}}']


@given(st.lists(numbers, min_size=1, max_size=3))
def test_what_went_through_a_tier_has_the_number_as_the_switch_wrote_it(several: list[str]) -> None:
    snapshot = snapshot_of(several[0])
    document = {"id": "w", "custom_data": read_json(f"[{','.join(several)}]")}
    one = make_delivery(payload=snapshot, webhook=document)
    for deliveries in ([one], [one, make_delivery(payload=snapshot, webhook_id="hook-2")]):
        sealed = seal(deliveries)
        opened = unseal(sealed)
        assert [delivery.payload for delivery in opened] == [snapshot] * len(deliveries)
        assert seal(opened) == sealed
        assert write_json(opened[0].webhook) == write_json(document)


@given(numbers)
def test_a_filter_compares_the_value_and_not_its_spelling(number: str) -> None:
    payload = read_json(f'{{"n":{number},"deep":[{number}]}}')
    wanted = orjson.loads(f'{{"n":{number},"deep":[[{number}]]}}')
    assert fits(wanted, payload)


def test_the_numbers_that_are_tried_are_numbers_of_json() -> None:
    assert re.fullmatch(NUMBER, "-12.50E+07")
