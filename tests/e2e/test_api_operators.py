"""Operators of the store, and what it could misread, mean nothing wherever they stand."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from tests.api_client import Client, make_token, problem
from tests.e2e.shared_service import SharedService, new_account
from tests.e2e.strict import GOOD, OPERATOR, PUBLIC, check_envelope

DEEP = 950
"""What JSON's parser lets through, but not everything that comes after it."""


@pytest.mark.parametrize("member", ["name", "retries", "enabled", "custom_data", "secret", "auth"])
async def test_a_value_that_is_nested_deeply_is_refused(api: Client, member: str) -> None:
    good = orjson.dumps(GOOD | {member: "HERE"})
    for deep in (b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP):
        reply = await api.ask("PUT", "webhooks", raw=good.replace(b'"HERE"', deep))
        check_envelope(reply, 400)
        assert any(field.startswith(member) for field in reply.data), reply.data


async def test_an_event_that_is_nested_deeply_is_refused(api: Client) -> None:
    deep = b"[" * DEEP + b"]" * DEEP
    raw = b'{"hook": "channel_create", "event": {"Custom": ' + deep + b"}}"
    reply = await api.ask("POST", "webhooks/match", raw=raw)
    check_envelope(reply, 400)
    assert "event" in reply.data


def body_models(description: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Yield method, path, example and properties of every operation that takes a body."""
    models = description["components"]["schemas"]

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref")
        return models[reference.rpartition("/")[2]] if reference else schema

    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                data = resolved(content["schema"])["properties"]["data"]
                properties = resolved(data)["properties"]
                yield method.upper(), path, content["example"]["data"], properties


async def test_an_operator_of_the_store_is_refused_in_every_member_of_every_body(
    strict: SharedService, owner: tuple[Client, str]
) -> None:
    api, webhook_id = owner
    operator = await strict.superuser(api.account_id)
    description = (await api.get("/v2/openapi.json")).envelope
    asked = 0
    for method, path, example, properties in body_models(description):
        # The body is looked at before the attempt.
        ids = {"account_id": api.account_id, "webhook_id": webhook_id, "attempt_id": "none"}
        where = path.format(**ids)
        good = {**example, "uri": PUBLIC} if "uri" in example else example
        asking = api if "{account_id}" in path else operator
        for member in properties:
            if member == "event":
                continue  # its members are the switch's own
            reply = await asking.ask(method, where, {"data": good | {member: OPERATOR}})
            check_envelope(reply, 400)
            named = [field for field in reply.data if field.split(".")[0] == member]
            assert named, (method, path, member, reply.data)
            asked += 1
    assert asked > 40
    filters = description["components"]["schemas"]["LetterFilter"]["properties"]
    for member in filters:
        order = {"filter": {member: OPERATOR}, "dry_run": True}
        reply = await api.post("dead_letters/replay", **order)
        check_envelope(reply, 400)
        assert any(field.startswith(f"filter.{member}") for field in reply.data)
    reply = await api.post("dead_letters/replay", ids=[OPERATOR], dry_run=True)
    assert any(field.startswith("ids.0") for field in reply.data)
    assert await strict.database["replays"].count_documents({}) == 0


@pytest.mark.parametrize("key", ["$gt", "a\0b"])
async def test_a_name_of_a_credential_that_the_store_could_misread_is_refused(
    owner: tuple[Client, str], key: str
) -> None:
    api, webhook_id = owner
    auth = {"type": "bearer", "token": "t", key: "x"}
    reply = await api.patch(f"webhooks/{webhook_id}", auth=auth)
    check_envelope(reply, 400)
    assert any(field.startswith("auth") for field in reply.data)


async def test_an_operator_as_a_posted_event_is_no_operator(owner: tuple[Client, str]) -> None:
    api, _ = owner
    for event in (OPERATOR, {"Call-ID": OPERATOR}, {"Custom-Channel-Vars": OPERATOR}):
        reply = await api.post("webhooks/match", hook="channel_create", event=event)
        assert reply.status in (200, 400)


async def test_operators_in_the_query_select_nothing_more(owner: tuple[Client, str]) -> None:
    api, webhook_id = owner
    listed = await api.get("webhooks", **{"filter_hook[$ne]": "x"})
    assert problem(listed, "filter_hook[$ne]")
    text = '{"$gt":""}'
    assert problem(await api.get("webhooks", filter_hook=text), "filter_hook")
    before = await api.get("webhooks", start_key=text)
    assert [item["id"] for item in before.data] in ([], [webhook_id])
    for path in ("webhooks/attempts", f"webhooks/{webhook_id}/attempts", "dead_letters"):
        reply = await api.get(path, **{"filter_hook[$ne]": "x"})
        assert problem(reply, "filter_hook[$ne]")
        assert problem(await api.get(path, filter_hook=text), "filter_hook")
        assert (await api.get(path, call_id=text)).data == []
        assert (await api.get(path, start_key=text)).status in (200, 400)
    assert problem(await api.get("dead_letters", start_key=text), "start_key")
    assert (await api.get(f"webhooks/{text}")).status == 404
    assert (await api.get(f"dead_letters/{text}")).status == 404
    token = await api.ask("GET", "webhooks", headers={"X-Auth-Token": text})
    assert token.status == 401


async def test_nul_characters_are_refused_wherever_they_stand(owner: tuple[Client, str]) -> None:
    api, _ = owner
    for path in ("webhooks/%00", "webhooks/a%00b/attempts/c%00d", "dead_letters/%00"):
        assert "invalid" in problem(await api.get(path), "path")
    for path in ("webhooks/attempts", "dead_letters"):
        assert "invalid" in problem(await api.get(path, call_id="a\0b"), "call_id")
    assert "invalid" in problem(await api.get("webhooks", has_key="\0"), "has_key")
    assert "invalid" in problem(await api.get("webhooks", filter_name="a\0b"), "filter_name")
    assert "invalid" in problem(await api.get("dead_letters", start_key="0-\0"), "start_key")
    reply = await api.post("webhooks/match", hook="channel_create", event={"a\0b": "c\0d"})
    assert "invalid" in problem(reply, "event.a\0b")
    assert (await api.ask("GET", "/v2/accounts/a%00b/webhooks")).status in (403, 404)


async def test_an_account_id_that_is_none_is_not_found(strict: SharedService) -> None:
    token = await make_token(strict.database, None)
    superuser = strict.client(token, new_account(), strict.service)
    for account_id in ("x" * 65, "$gt", "a.b", '{"$gt":""}', "a b"):
        reply = await superuser.ask("GET", f"/v2/accounts/{account_id}/webhooks")
        check_envelope(reply, 404)
