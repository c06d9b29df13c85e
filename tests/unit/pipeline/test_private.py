"""Webhooks that mask: nothing that leaves the pipeline has the values."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from service.domain.delivery import Delivery, Outcome, Response
from service.domain.privacy import Mask, Privacy
from service.domain.webhook import Format, Verb, Webhook
from service.pipeline.envelope import seal, unseal
from service.pipeline.progress import Progress
from service.pipeline.request.build import content_of
from service.pipeline.request.private import split_by_privacy
from service.pipeline.request.versions import Snapshot
from service.text.json_text import write_json
from tests.builders import CALL_ID, channel_body, make_delivery, make_webhook
from tests.fakes import incoming
from tests.toy_dialect import GROWN, GROWN_HOOK
from tests.unit.pipeline.parts import Parts
from tests.virtual_time import in_virtual_time

KEY = b"k" * 32
BODY = channel_body()
CALLER = BODY["Caller-ID-Number"]
PRIVACY = Privacy(
    (Mask(("caller_id_number",), 4), Mask(("call_id",), hashed=True)),
    (("custom_channel_vars",),),
    KEY,
)
FAILED = Response(Outcome.TIMED_OUT)


def make_private(webhook_id: str = "private", **changes: Any) -> Webhook:
    return make_webhook(webhook_id, privacy=PRIVACY, **changes)


def hidden_in(data: bytes | str) -> bool:
    text = data if isinstance(data, str) else data.decode()
    return CALL_ID not in text and CALLER not in text and CALLER.lstrip("+") not in text


@in_virtual_time
async def test_what_is_sent_is_masked_in_every_format_and_others_get_it_all() -> None:
    parts = Parts()
    parts.subscribe(
        make_webhook("open", format=Format.JSON),
        make_private("json", format=Format.JSON, custom_data={"caller_id_number": "mine"}),
        make_private("form"),
        make_private("get", verb=Verb.GET),
    )
    await parts.events(incoming(BODY), Progress())
    sent = {request.headers["X-Hook-ID"]: request for request in parts.sender.sent}
    assert orjson.loads(sent["open"].body or b"")["caller_id_number"] == CALLER
    told = orjson.loads(sent["json"].body or b"")
    assert told["caller_id_number"] == "mine"
    assert "custom_channel_vars" not in told
    assert hidden_in(sent["form"].body or b"")
    assert "caller_id_number=%2A" in (sent["form"].body or b"").decode()
    assert hidden_in(sent["get"].query)
    assert f"call_id={told['call_id']}" in sent["get"].query


@in_virtual_time
async def test_webhooks_with_equal_rules_share_one_copy() -> None:
    parts = Parts()
    webhooks = [make_private(f"hook-{number}") for number in range(3)]
    pairs = [(make_delivery(webhook_id=one.webhook_id), one) for one in webhooks]
    pairs.append((make_delivery(), make_webhook()))
    snapshot = Snapshot({"call_id": CALL_ID}, b"{}")
    content = parts.shared(pairs[0][0]).content
    (_, plain), (_, private) = split_by_privacy(pairs, content, snapshot)
    assert [webhook.webhook_id for _, webhook in plain] == ["hook-1"]
    assert len({id(delivery.payload) for delivery, _ in private}) == 1
    assert plain[0][0] is pairs[-1][0]


@in_virtual_time
async def test_the_log_and_the_dead_letter_have_what_was_sent() -> None:
    parts = Parts()
    parts.sender.responses = [FAILED]
    parts.subscribe(make_private(retries=0))
    await parts.events(incoming(BODY), Progress())
    await parts.attempt_writer.flush()
    (letter,), (attempt,) = parts.queues.dead_lettered, parts.log.rows
    for delivery in (letter.delivery, attempt.delivery):
        assert hidden_in(delivery.payload)
        assert delivery.call_id == orjson.loads(delivery.payload)["call_id"] != CALL_ID
        assert delivery.hashed == ("call_id",)


@in_virtual_time
async def test_a_retry_is_masked_once_and_by_the_rules_of_now() -> None:
    parts = Parts()
    parts.sender.responses = [FAILED, FAILED]
    parts.subscribe(make_private())
    await parts.events(incoming(BODY), Progress())
    first = orjson.loads(parts.queues.retried[0][0].payload)
    harder = replace(PRIVACY, masks=(*PRIVACY.masks, Mask(("to",))))
    parts.subscribe(make_webhook("private", privacy=harder, format=Format.JSON))
    await parts.retries(incoming(seal([parts.queues.retried[0][0]])), Progress())
    again = orjson.loads(parts.sender.sent[1].body or b"")
    assert again == first | {"to": "*" * len(first["to"])}
    assert parts.queues.retried[1][0].call_id == first["call_id"]


@in_virtual_time
async def test_a_delivery_of_before_is_masked_when_it_comes_back() -> None:
    parts = Parts()
    waiting = make_delivery(payload=write_json({"call_id": CALL_ID}), webhook_id="private")
    parts.subscribe(make_private(format=Format.JSON), make_webhook(format=Format.JSON))
    plain = replace(waiting, webhook_id="hook-1", delivery_id="2")
    await parts.retries(incoming(seal([waiting, plain])), Progress())
    sent = {one.headers["X-Hook-ID"]: orjson.loads(one.body or b"") for one in parts.sender.sent}
    assert sent["hook-1"]["call_id"] == CALL_ID
    assert len(sent["private"]["call_id"]) == 32


@in_virtual_time
async def test_deferred_deliveries_of_one_event_keep_their_own_payloads() -> None:
    parts = Parts()
    deliveries = [
        make_delivery(delivery_id=str(n), payload=p) for n, p in enumerate((b"{}", b"[]"))
    ]
    tasks = [parts.deliverer.deferrals.put_off(one, 1000) for one in deliveries]
    for task in tasks:
        await task
    assert [one.payload for one, _ in parts.queues.retried] == [b"{}", b"[]"]
    assert parts.queues.batches == [1, 1]


def test_the_members_hashed_travel_with_a_delivery() -> None:
    delivery = make_delivery(hashed=("a", "b.c"))
    assert unseal(seal([delivery])) == [delivery]
    assert delivery.put_off(1).hashed == ("a", "b.c")


def test_the_rules_of_a_pinned_webhook_name_the_members_of_its_version() -> None:
    pinned = make_webhook(schema_version=1, privacy=Privacy((Mask(("rang",)),)))
    payload = {"visitor": {"name": "Bob"}}
    snapshot = Snapshot(payload, write_json(payload), 2)
    delivery: Delivery = make_delivery(hook=GROWN_HOOK.hook_id, source="toy", schema_version=2)
    content = content_of(GROWN, delivery.hook, snapshot)
    ((own, ((masked, _),)),) = split_by_privacy([(delivery, pinned)], content, snapshot)
    assert (masked.payload, masked.schema_version) == (b'{"rang":"***"}', 1)
    assert own.writer.content(pinned).content == b'{"rang":"***"}'


@pytest.mark.parametrize("verb", [Verb.POST, Verb.GET])
def test_a_webhook_without_rules_shares_the_content(verb: Verb) -> None:
    snapshot = Snapshot({}, b"{}")
    content = content_of(GROWN, GROWN_HOOK.hook_id, snapshot)
    pair = make_delivery(), make_webhook(verb=verb)
    assert split_by_privacy([pair], content, snapshot) == [(content, [pair])]
