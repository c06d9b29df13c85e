"""Who may see and change what through the API: the paths of an account are closed to all others."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from service.dev.receiver import Receiver
from tests.api_client import Client, check_error
from tests.e2e.paths import HOOK, furnished, is_write, operations, snapshot
from tests.e2e.shared_service import SharedService, new_account

OF_NOBODY = ("sample_id", "hook_id", "schema_version")
"""Names of what belongs to no account."""


async def test_the_schemas_may_be_read_by_anybody_and_their_examples_keep_to_them(
    shared: SharedService,
) -> None:
    nobody = shared.client(None, new_account(), shared.service)
    every = (await nobody.get("/v2/schemas")).data
    hooks = (await nobody.get("/v2/webhooks")).data
    profiled = {
        name.partition("/")[0] for one in hooks for name in one.get("profiles", {}).values()
    }
    of_profiles = {one["hook"] for one in every if one["source"] == "voxtelesys"}
    assert {one["hook"] for one in every} - of_profiles == {hook["id"] for hook in hooks}
    never = {one["hook"] for one in every if "kazoo" in one.get("never", {})}
    assert (profiled | never, profiled & never) == (of_profiles, set())
    for one in every:
        assert (await nobody.get(f"/v2/schemas/{one['hook']}")).data == one
        for version in one["versions"]:
            schema = (await nobody.get(version["path"])).envelope
            assert schema["$id"] == f"{one['hook']}/{version['version']}"
            [example] = schema["examples"]
            Draft202012Validator(schema).validate(example)
    for missing in ("none", "sms/2", "sms/01", "sms/x", "voxtelesys-mo/2"):
        check_error(await nobody.get(f"/v2/schemas/{missing}"), 404, "bad_identifier")


async def test_what_hooks_there_are_may_be_asked_by_anybody(shared: SharedService) -> None:
    nobody = shared.client(None, new_account(), shared.service)
    hooks = await nobody.get("/v2/webhooks")
    assert hooks.status == 200
    assert "version" not in hooks.envelope
    ids = {hook["id"] for hook in hooks.data}
    assert {"channel_create", "notifications", "object", "fax", "sms"} <= ids
    modifiers = {hook["id"]: hook.get("modifiers") for hook in hooks.data}
    assert set(modifiers["object"]) == {"type", "action"}
    samples = await nobody.get("/v2/webhooks/samples")
    assert set(samples.data) == {f"webhooks_{hook_id}" for hook_id in ids}
    for sample_id in samples.data:
        sample = await nobody.get(f"/v2/webhooks/samples/{sample_id}")
        assert isinstance(sample.data[0], dict)
    check_error(await nobody.get("/v2/webhooks/samples/none"), 404, "bad_identifier")
    own = await shared.tenant()
    assert (await own.get("webhooks/samples")).data == samples.data
    check_error(await nobody.get("webhooks/samples"), 401, "invalid_credentials")


async def test_a_read_only_token_is_refused_every_write(shared: SharedService) -> None:
    owner = await shared.tenant()
    reader = await shared.tenant(owner.account_id, read_only=True)
    webhook = await owner.create(HOOK["uri"])
    before = await snapshot(shared.database, owner.account_id)
    others = ("attempt_id", "delivery_id", "replay_id", "call_id", *OF_NOBODY)
    names = dict.fromkeys(others, "x")
    names |= {"account_id": owner.account_id, "webhook_id": webhook["id"]}
    description = (await reader.get("/v2/openapi.json")).envelope
    refused = 0
    for method, template, path, body in operations(description, names):
        reply = await reader.ask(method, path, body)
        if is_write(method, template):
            check_error(reply, 403, "forbidden")
            refused += 1
        else:
            assert reply.status in (200, 404), (method, path, reply.envelope)
    assert refused == 13
    assert await snapshot(shared.database, owner.account_id) == before


async def test_a_token_for_descendants_reaches_those_below_and_nobody_else(
    shared: SharedService,
) -> None:
    root, middle, leaf, stranger = [new_account() for _ in range(4)]
    trees = {root: [], middle: [root], leaf: [root, middle], stranger: []}
    await shared.database["accounts"].insert_many(
        {"_id": account_id, "tree": tree} for account_id, tree in trees.items()
    )
    narrow = await shared.tenant(middle)
    wide = await shared.tenant(middle, descendants=True)

    async def status(api: Client, account_id: str) -> int:
        return (await api.get(f"/v2/accounts/{account_id}/webhooks")).status

    everyone = (root, middle, leaf, stranger)
    assert [await status(narrow, account_id) for account_id in everyone] == [403, 200, 403, 403]
    assert [await status(wide, account_id) for account_id in everyone] == [403, 200, 200, 403]
    created = await wide.ask("PUT", f"/v2/accounts/{leaf}/webhooks", {"data": HOOK})
    assert created.status == 201
    stored = await shared.database["webhooks"].find_one({"_id": created.data["id"]}) or {}
    assert stored["account_id"] == leaf
    superuser = await shared.superuser(leaf)
    assert [await status(superuser, account_id) for account_id in everyone] == [200] * 4
    watcher = await shared.superuser(leaf, read_only=True)
    assert (await watcher.get("webhooks")).status == 200
    assert (await watcher.put("webhooks", **HOOK)).status == 403


async def test_every_path_of_an_account_is_closed_to_the_token_of_another(
    shared: SharedService, receiver: Receiver
) -> None:
    owner, names = await furnished(shared, receiver)
    intruder = await shared.tenant(descendants=True)
    before = await snapshot(shared.database, owner.account_id)
    heard = len(receiver.requests)
    description = (await intruder.get("/v2/openapi.json")).envelope
    asked = 0
    for method, _, path, body in operations(description, names, streams=True):
        bodies: tuple[Any, ...] = (body, None, {})
        for given in bodies:
            reply = await intruder.ask(method, path, given)
            check_error(reply, 403, "forbidden")
            assert "secret" not in json.dumps(reply.envelope)
        asked += 1
    assert asked == 32
    assert await snapshot(shared.database, owner.account_id) == before
    assert len(receiver.requests) == heard


async def test_the_ids_of_another_account_mean_nothing_in_ones_own(
    shared: SharedService, receiver: Receiver
) -> None:
    owner, names = await furnished(shared, receiver)
    intruder = await shared.tenant()
    own = await intruder.create(HOOK["uri"])
    before = await snapshot(shared.database, owner.account_id)
    heard = len(receiver.requests)
    description = (await intruder.get("/v2/openapi.json")).envelope
    # Everything is the other's but the account; then the webhook is one's own as well.
    for mine in ({}, {"webhook_id": own["id"]}):
        mixed = {**names, "account_id": intruder.account_id, **mine}
        for method, template, path, body in operations(description, mixed):
            if mine and template.endswith("/{webhook_id}"):
                continue  # nothing in it is the other's
            reply = await intruder.ask(method, path, body)
            text = json.dumps(reply.envelope)
            foreign = [name for name in names if f"{{{name}}}" in template and name not in mine]
            foreign = [name for name in foreign if name not in ("account_id", *OF_NOBODY)]
            if foreign:
                check_error(reply, 404, "bad_identifier")
            for secret in ("secret-name", "secret-path", "secret-call", owner.account_id):
                assert secret not in text, (method, path, text)
    by_ids = await intruder.post("dead_letters/replay", ids=[names["delivery_id"]], dry_run=True)
    assert by_ids.data["matched"] == 0
    by_filter = {"hook_id": names["webhook_id"]}
    counted = await intruder.post("dead_letters/replay", filter=by_filter, dry_run=True)
    assert counted.data["matched"] == 0
    for key in ("hook_id", "call_id", "delivery_id"):
        value = {"hook_id": names["webhook_id"], "call_id": "secret-call"}.get(
            key, names["delivery_id"]
        )
        reply = await intruder.get("webhooks/attempts", **{f"filter_{key}": value})
        assert reply.data == []
    assert await snapshot(shared.database, owner.account_id) == before
    assert len(receiver.requests) == heard
