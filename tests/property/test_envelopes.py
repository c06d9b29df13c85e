from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from service.domain.delivery import DeadLetter, Delivery
from service.domain.errors import RejectedMessage
from service.pipeline.envelope import holds_several, seal, seal_letters, unseal, unseal_letters
from tests.builders import make_letter, make_past
from tests.property.strategies import deliveries, json_objects, json_values, letters

payloads = json_objects.map(orjson.dumps)
SEALED: dict[str, Any] = orjson.loads(seal_letters([make_letter()]))
PAST: dict[str, Any] = orjson.loads(orjson.dumps(make_past()))


@given(deliveries(payloads))
def test_any_delivery_comes_back_as_it_was_sealed(delivery: Delivery) -> None:
    assert unseal(seal([delivery])) == [delivery]


@given(letters(payloads))
def test_any_dead_letter_comes_back_as_it_was_sealed(letter: DeadLetter) -> None:
    assert unseal_letters(seal_letters([letter])) == [letter]


@given(st.lists(deliveries(st.just(b'{"a":1}')), min_size=1, max_size=5))
def test_any_deliveries_of_one_event_come_back_as_they_were_sealed(several: list[Delivery]) -> None:
    assert unseal(seal(several)) == several
    assert holds_several(seal(several)) == (len(several) > 1)


@given(deliveries(payloads))
def test_sealing_what_was_unsealed_gives_the_same_bytes(delivery: Delivery) -> None:
    sealed = seal([delivery])
    assert seal(unseal(sealed)) == sealed


@given(st.binary(max_size=200) | json_values().map(orjson.dumps))
def test_any_bytes_are_a_delivery_or_a_rejection(body: bytes) -> None:
    for read in (unseal, unseal_letters):
        with suppress(RejectedMessage):
            read(body)


@given(
    st.dictionaries(st.sampled_from(sorted(SEALED)), json_values(), max_size=3),
    st.dictionaries(st.sampled_from(sorted(PAST)), json_values(), max_size=3),
)
def test_any_damage_gives_a_delivery_or_a_rejection(
    changes: dict[str, Any], past: dict[str, Any]
) -> None:
    one = SEALED | {"past": [PAST | past]} | changes
    for members in (
        one | {"version": 1},
        {"version": 2, "deliveries": [SEALED, one], "payload": {}},
    ):
        for read in (unseal, unseal_letters):
            with suppress(RejectedMessage):
                read(orjson.dumps(members))
