"""The catalogue against itself, and against what is really sent."""

import re
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from service.dialects.binding import Binding
from service.dialects.bus_message import Occasion
from service.dialects.hook import Hook
from service.dialects.kazoo.catalogue import hooks
from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.dialect import kazoo
from service.dialects.kazoo.events.notification_types import TYPES
from service.dialects.kazoo.policy import KazooPolicy
from service.documents.webhook import FILTER_KEYS
from service.domain.event import Message
from service.pipeline.dry_run.sample import sample_payload
from tests import kazoo_vectors
from tests.builders import ACCOUNT, CALL_ID
from tests.dialects import HOOKS, KAZOO, MOST_BYTES
from tests.kazoo_vectors import Vector
from tests.unit.test_vectors import FIRES, VECTORS, requests_of

BY_ID = {hook.hook_id: hook for hook in HOOKS}
each_hook = pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.hook_id)


def test_the_hooks_are_those_of_kazoo_and_the_fax() -> None:
    assert [hook.hook_id for hook in HOOKS] == [
        "channel_create", "channel_answer", "channel_bridge", "channel_destroy", "parking",
        "sms", "mms", "object", "notifications", "fax",
    ]  # fmt: skip


@each_hook
def test_every_sample_makes_just_its_own_hook_fire(hook: Hook) -> None:
    sample = hook.sample(Occasion.now(ACCOUNT, CALL_ID))
    message = Message("kazoo", sample.exchange, sample.routing_key, orjson.dumps(sample.body), None)
    [event] = KazooDecoder(KazooPolicy(), 100_000).decode(message)
    assert (event.hook, event.source, event.account_id) == (hook.hook_id, "kazoo", ACCOUNT)
    assert event.reaches_all


@each_hook
def test_every_sample_is_brought_by_the_bindings_of_its_hook(hook: Hook) -> None:
    sample = hook.sample(Occasion.now(ACCOUNT, CALL_ID))
    assert any(_brings(binding, sample.exchange, sample.routing_key) for binding in hook.binds)
    assert {binding.exchange_type for binding in hook.binds} == {sample.exchange_type}


def _brings(binding: Binding, exchange: str, routing_key: str) -> bool:
    """Match as a topic exchange does."""
    patterns = (
        re.escape(key).replace(r"\*", r"[^.]+").replace(r"\#", r".*")
        for key in binding.routing_keys
    )
    return binding.exchange == exchange and any(re.fullmatch(p, routing_key) for p in patterns)


def test_every_vector_that_kazoo_gets_is_brought_by_our_bindings_and_no_other() -> None:
    ours = KAZOO.bindings
    for vector in VECTORS.values():
        amqp = vector["amqp"]
        brought = any(_brings(b, amqp["exchange"], amqp["routing_key"]) for b in ours)
        assert brought == vector["bound"], vector["id"]


def test_each_exchange_is_bound_once_with_distinct_keys() -> None:
    policy = KazooPolicy(sms_routes=("offnet", "onnet", "outbound"))
    ours = kazoo(policy, MOST_BYTES).bindings
    assert [b.exchange for b in ours] == [
        "callevt",
        "im",
        "configuration",
        "notifications",
        "faxes",
    ]
    for binding in ours:
        assert len(set(binding.routing_keys)) == len(binding.routing_keys)
    keys = {binding.exchange: binding.routing_keys for binding in ours}
    assert len(keys["notifications"]) == len(TYPES) == 38
    assert "sms.outbound.#" in keys["im"]


@each_hook
def test_every_schema_is_one_and_describes_every_property(hook: Hook) -> None:
    Draft202012Validator.check_schema(hook.schema)
    for name, member in hook.schema["properties"].items():
        assert member["type"], name
        assert member["description"], name
    assert set(hook.required) <= set(hook.schema["properties"])


@each_hook
def test_every_sample_payload_is_what_its_schema_says(hook: Hook) -> None:
    _validate(hook, sample_payload(KAZOO, hook))


@pytest.mark.parametrize(
    "name", [n for n in FIRES if VECTORS[n]["webhook"] and "body" in VECTORS[n]["expect"]]
)
def test_what_is_sent_for_every_vector_is_what_the_schema_says(name: str) -> None:
    vector = VECTORS[name]
    for request in requests_of(vector):
        schema_id = request.headers["X-Switchhook-Schema"]
        hook = BY_ID[schema_id.partition("/")[0]]
        assert schema_id == hook.schema_id
        _validate(hook, _without_custom_data(vector, orjson.loads(request.body or b"")))


def _without_custom_data(vector: Vector, payload: dict[str, Any]) -> dict[str, Any]:
    """A webhook's own data is no part of the schema."""
    own = vector["webhook"].get("custom_data") or {}
    sent = own.keys() - FILTER_KEYS
    return {key: value for key, value in payload.items() if key not in sent}


def _validate(hook: Hook, payload: dict[str, Any]) -> None:
    errors = [error.message for error in Draft202012Validator(hook.schema).iter_errors(payload)]
    assert not errors
    assert set(payload) <= set(hook.schema["properties"]), "a field nobody described"


def test_the_schema_of_a_notification_asks_for_the_fields_of_its_type() -> None:
    payload = sample_payload(KAZOO, BY_ID["notifications"])
    del payload["voicemail_id"]
    errors = [
        e.message for e in Draft202012Validator(BY_ID["notifications"].schema).iter_errors(payload)
    ]
    assert errors == ["'voicemail_id' is a required property"]


def test_the_types_of_objects_on_offer_are_a_setting() -> None:
    [hook] = [h for h in hooks(KazooPolicy(object_types=("user",))) if h.hook_id == "object"]
    assert hook.modifiers["type"]["items"] == ["all", "user"]


def test_all_vectors_are_known_to_the_catalogue() -> None:
    assert {kazoo_vectors.family(vector) for vector in VECTORS.values()} == {
        "all", "cd", "cf", "ch", "del", "form", "mms", "mod", "nt", "obj", "park", "sms", "sub",
    }  # fmt: skip
