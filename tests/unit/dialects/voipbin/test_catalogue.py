"""The catalogue against itself, and against what is really sent."""

import orjson
import pytest
from jsonschema import Draft202012Validator

from service.dialects.bus_message import Occasion
from service.dialects.dialect import Dialect
from service.dialects.hook import Hook
from service.dialects.voipbin.decode import VoipbinDecoder
from service.dialects.voipbin.dialect import voipbin
from service.dialects.voipbin.exchanges import TOPIC
from service.dialects.voipbin.kinds import INSIDE, KINDS, Reach
from service.dialects.voipbin.policy import Tap, VoipbinPolicy
from service.dialects.voipbin.request import VoipbinRequests
from service.dialects.voipbin.resource import RESOURCES
from service.domain.event import Message
from service.domain.webhook import account_of

CUSTOMER = "5e4a0680-804e-11ec-8477-2fea5968d85b"
CALL = "c1a5d1de-0a31-4a43-9b0e-5a4b1c2f7a01"


def speaking(*taps: Tap) -> Dialect:
    return voipbin(VoipbinPolicy(taps=taps), 100_000)


TAPS: tuple[Tap, ...] = ("topic", "fanout")
EACH_HOOK = [
    pytest.param(hook, id=f"{tap}-{hook.hook_id}") for tap in TAPS for hook in speaking(tap).hooks
]


def test_the_hooks_are_those_that_the_taps_bring() -> None:
    assert len({kind.hook_id for kind in KINDS}) == len(KINDS)
    of_customers = [kind.hook_id for kind in KINDS if kind.reach is Reach.CUSTOMERS]
    assert [hook.hook_id for hook in speaking("topic").hooks] == of_customers
    assert len(of_customers) == 95
    every = {kind.hook_id for kind in KINDS}
    assert {hook.hook_id for hook in speaking("topic", "fanout").hooks} == every
    promised = {kind.hook_id for kind in KINDS if kind.reach is Reach.PROMISED}
    assert promised <= {hook.hook_id for hook in speaking("fanout").hooks}
    assert len(promised) == 9


def test_a_type_has_a_hook_or_stays_inside() -> None:
    assert not INSIDE & {(kind.publisher, kind.type) for kind in KINDS}
    assert {kind.resource for kind in KINDS if "fanout" in kind.taps} == RESOURCES.keys()


def test_exchanges_are_bound_as_voipbin_declares_them() -> None:
    bindings = {one.exchange: one for one in speaking("topic", "fanout").bindings}
    topic = bindings.pop(TOPIC)
    assert (topic.exchange_type, topic.routing_keys) == ("topic", ("customer_id.#",))
    assert {(one.exchange_type, one.routing_keys) for one in bindings.values()} == {
        ("fanout", ("",))
    }
    assert all(one.durable for one in (topic, *bindings.values()))
    assert "bin-manager.queue-manager.event" in bindings
    assert [one.exchange for one in speaking("topic").bindings] == [TOPIC]


@pytest.mark.parametrize("hook", EACH_HOOK)
def test_every_sample_makes_its_hook_fire_and_fits_the_schema(hook: Hook) -> None:
    sample = hook.sample(Occasion.now(CUSTOMER, CALL))
    body = orjson.dumps(sample.body)
    message = Message("voipbin", sample.exchange, sample.routing_key, body)
    [event] = VoipbinDecoder(VoipbinPolicy(), 100_000).decode(message)
    assert (event.hook, event.account_id) == (hook.hook_id, CUSTOMER)
    [binding] = hook.binds
    assert (binding.exchange, binding.durable) == (sample.exchange, sample.durable)
    Draft202012Validator.check_schema(hook.schema)
    payload = VoipbinRequests().payload(event, account_of(CUSTOMER))
    Draft202012Validator(hook.schema).validate(payload)
    assert payload["data"] == sample.body["data"]
