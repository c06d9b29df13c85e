"""Payloads by version: made from the current one, and only where a webhook asks for them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.domain.delivery import Delivery
from service.domain.webhook import Webhook
from service.pipeline.request.build import content_of, request_for
from service.pipeline.request.destination import owed_of
from service.pipeline.request.versions import Snapshot
from service.text.json_text import write_json
from tests.builders import make_delivery, make_webhook
from tests.toy_dialect import FIRST, GROWN, GROWN_HOOK, HOOK, TOY

NEW = {"visitor": {"name": "Bob"}}
OLD = {"rang": "Bob"}
DELIVERY: Delivery = make_delivery(hook=GROWN_HOOK.hook_id, source="toy")
SCHEMA = "X-Switchhook-Schema"


def pinned(version: int | None) -> Webhook:
    return replace(make_webhook(), schema_version=version)


def sent(
    payload: Mapping[str, Any], version: int, pin: int | None, delivery: Delivery = DELIVERY
) -> tuple[bytes | None, dict[str, str]]:
    snapshot = Snapshot(payload, write_json(payload), version)
    content = content_of(GROWN, delivery.hook, snapshot)
    request = request_for(owed_of(delivery, pinned(pin)), content, 1, 0.0)
    return request.body, request.headers


def test_a_pinned_webhook_gets_its_version_and_hears_that_it_is_deprecated() -> None:
    body, headers = sent(NEW, 2, 1)
    assert body == b'{"rang":"Bob"}'
    assert headers[SCHEMA] == "front/doorbell/1"
    assert headers["Deprecation"] == "@1772323200"
    assert headers["Sunset"] == "Mon, 01 Mar 2027 12:00:00 GMT"


def test_the_others_get_the_current_version() -> None:
    for pin in (None, 2, 3):
        body, headers = sent(NEW, 2, pin)
        assert body == b'{"visitor":{"name":"Bob"}}'
        assert headers[SCHEMA] == "front/doorbell/2"
        assert headers.keys().isdisjoint({"Deprecation", "Sunset"})


def test_an_event_from_before_the_current_version_stays_as_it_was_for_everybody() -> None:
    for pin in (None, 1, 2):
        body, headers = sent(OLD, 1, pin)
        assert body == b'{"rang":"Bob"}'
        assert headers[SCHEMA] == "front/doorbell/1"


def test_a_webhook_that_the_event_carries_has_no_schema() -> None:
    _, headers = sent(NEW, 2, 1, replace(DELIVERY, webhook={"uri": "https://a.example"}))
    assert SCHEMA not in headers


def test_a_payload_is_made_once_for_all_that_are_pinned_to_its_version() -> None:
    made: list[object] = []

    def rule(payload: Mapping[str, Any]) -> dict[str, Any]:
        made.append(payload)
        return FIRST.rule(payload)

    hook = replace(GROWN_HOOK, earlier=(replace(FIRST, rule=rule),))
    content = content_of(replace(GROWN, hooks=(hook,)), hook.hook_id, Snapshot(NEW, b"{}", 2))
    assert content.versions is not None
    for _ in range(2):
        assert content.versions.payload(pinned(1)) == OLD
        assert content.writer.content(pinned(1)).content == b'{"rang":"Bob"}'
    assert len(made) == 1


def test_a_hook_with_one_version_has_no_versions_to_choose_from() -> None:
    assert content_of(TOY, HOOK.hook_id, Snapshot(OLD, b"{}")).versions is None
    assert content_of(TOY, "unknown", Snapshot(OLD, b"{}")).versions is None


def test_of_a_version_no_longer_served_the_next_one_takes_the_place() -> None:
    third = replace(GROWN_HOOK, version=3, earlier=(replace(FIRST, version=2),))
    assert [third.pinned(pin) for pin in (None, 1, 2, 3, 4)] == [3, 2, 2, 3, 3]
    assert third.versions == (2, 3)
