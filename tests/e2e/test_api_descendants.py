"""What a token without the right for the accounts below its own cannot see or change of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.dev.receiver import Receiver
from tests.api_client import Client, check_error
from tests.e2e.harness import eventually, webhook_document
from tests.e2e.paths import HOOK, furnished, operations, snapshot
from tests.e2e.shared_service import SharedService, new_account


@dataclass(frozen=True)
class Family:
    """A child with some of everything, and its parent, whose token is for the parent alone.

    The parent has a webhook that includes sub-accounts; it got an event of each.
    """

    narrow: Client
    child: Client
    names: dict[str, str]
    own_names: dict[str, str]
    description: Mapping[str, Any]

    @classmethod
    async def settle(cls, shared: SharedService, receiver: Receiver) -> "Family":
        narrow, child_id = await shared.tenant(), new_account()
        parent_id = narrow.account_id
        await shared.database["accounts"].insert_one({"_id": child_id, "tree": [parent_id]})
        receiver.script("/parent", *[500] * 4)
        wide = webhook_document(receiver.url("/parent"), _id=new_account(), account_id=parent_id)
        wide |= {"include_subaccounts": True, "retries": 0}
        await shared.database["webhooks"].insert_one(wide)
        child, names = await furnished(shared, receiver, child_id)
        failing = {"enabled": False, "disable_reason": "disabled due to repeated failures"}
        await shared.database["webhooks"].update_one(
            {"_id": names["webhook_id"]}, {"$set": failing}
        )
        await shared.call(parent_id, "own-call")
        own_names = await own_ids(shared, wide["_id"])
        description = (await narrow.get("/v2/openapi.json")).envelope
        return cls(narrow, child, names, own_names, description)

    @property
    def child_webhook(self) -> str:
        return self.names["webhook_id"]

    def bodies(self, template: str) -> list[Any]:
        """Return bodies beside the example that ask for what is below."""
        if template.endswith("/match"):
            return [{"hook": "sms", "account_id": self.child.account_id}]
        if template.endswith(("/webhooks", "/{webhook_id}")):
            return [HOOK | {"include_subaccounts": True}, {"include_subaccounts": True}]
        return []


async def own_ids(shared: SharedService, webhook_id: str) -> dict[str, str]:
    """Return the ids of a webhook's two attempts and dead letters, as soon as they are there."""

    async def settled() -> Any:
        wanted = {"webhook_id": webhook_id}
        rows = [
            {row["call_id"]: str(row["_id"]) async for row in shared.database[name].find(wanted)}
            for name in ("attempts", "dead_letters")
        ]
        return rows if all(len(found) == 2 for found in rows) else None

    attempts, letters = await eventually(settled, what="the parent's attempts and dead letters")
    return {
        "webhook_id": webhook_id,
        "attempt_id": attempts["own-call"],
        "delivery_id": letters["own-call"],
        "below_attempt_id": attempts["secret-call"],
        "below_delivery_id": letters["secret-call"],
        "replay_id": "none",
        "call_id": "c-none",
        "sample_id": "webhooks_sms",
        "hook_id": "sms",
        "schema_version": "1",
    }


async def test_every_path_of_an_account_is_closed_to_its_parents_token_without_the_right(
    shared: SharedService, receiver: Receiver
) -> None:
    family = await Family.settle(shared, receiver)
    before = await snapshot(shared.database, family.child.account_id)
    asked = 0
    for method, _, path, body in operations(family.description, family.names, streams=True):
        bodies: tuple[Any, ...] = (body, None, {})
        for given in bodies:
            reply = await family.narrow.ask(method, path, given)
            check_error(reply, 403, "forbidden")
            assert "secret" not in json.dumps(reply.envelope)
        asked += 1
    assert asked == 32
    assert await snapshot(shared.database, family.child.account_id) == before


async def test_no_path_of_the_parent_reaches_the_child_without_the_right(
    shared: SharedService, receiver: Receiver
) -> None:
    family = await Family.settle(shared, receiver)
    before = await snapshot(shared.database, family.child.account_id)
    refused = set()
    # The ids are those of the child, and then the parent's own.
    for names in (family.names, family.own_names):
        mixed = {**names, "account_id": family.narrow.account_id}
        for method, template, path, body in operations(family.description, mixed):
            for given in (body, *family.bodies(template)):
                reply = await family.narrow.ask(method, path, given)
                text = json.dumps(reply.envelope)
                assert "secret-" not in text, (method, path, given, text)
                if reply.status == 403:
                    refused.add((method, template.removeprefix("/v2/accounts/{account_id}/")))
    assert refused == {
        ("PATCH", "descendants/webhooks"),
        ("PUT", "webhooks"),
        ("POST", "webhooks/{webhook_id}"),
        ("PATCH", "webhooks/{webhook_id}"),
        ("POST", "webhooks/match"),
    }
    assert await snapshot(shared.database, family.child.account_id) == before
    stored = await shared.database["webhooks"].find_one({"_id": family.child_webhook}) or {}
    assert stored["enabled"] is False


async def test_what_a_webhook_got_of_the_accounts_below_is_seen_with_the_right_only(
    shared: SharedService, receiver: Receiver
) -> None:
    family = await Family.settle(shared, receiver)
    wide = await shared.tenant(family.narrow.account_id, descendants=True)
    own = family.own_names
    for api, events in ((wide, ["own-call", "secret-call"]), (family.narrow, ["own-call"])):
        for path in ("webhooks/attempts", f"webhooks/{own['webhook_id']}/attempts", "dead_letters"):
            assert sorted(row["call_id"] for row in (await api.get(path)).data) == events
        counted = await api.post("dead_letters/replay", filter={}, dry_run=True)
        assert counted.data["matched"] == len(events)
        stats = (await api.get(f"webhooks/{own['webhook_id']}/stats")).data
        assert stats["last_hour"]["attempts"] == len(events)
        attempt = f"webhooks/{own['webhook_id']}/attempts/{own['below_attempt_id']}"
        letter = f"dead_letters/{own['below_delivery_id']}"
        for path in (attempt, letter):
            reply = await api.get(path)
            if api is wide:
                assert reply.data["call_id"] == "secret-call"
                assert reply.data["payload"]["account_id"] == family.child.account_id
            else:
                check_error(reply, 404, "bad_identifier")
    check_error(await family.narrow.post(f"{attempt}/replay"), 404, "bad_identifier")
    order = {"filter": {}, "limit": 10}
    replay = (await family.narrow.post("dead_letters/replay", **order)).data
    assert replay["matched"] == 1

    async def over() -> bool:
        found = await family.narrow.get(f"dead_letters/replays/{replay['id']}")
        return bool(found.data["state"] == "finished")

    await eventually(over, what="the end of the replay")
    letter_of_child = {"_id": own["below_delivery_id"]}
    found = await shared.database["dead_letters"].find_one(letter_of_child) or {}
    assert not found.get("replayed_at")


async def test_a_webhook_that_includes_sub_accounts_is_changed_with_the_right_only(
    shared: SharedService,
) -> None:
    narrow = await shared.tenant()
    wide = await shared.tenant(narrow.account_id, descendants=True)
    root = await shared.superuser(narrow.account_id)
    for given in (True, "true"):
        refused = await narrow.put("webhooks", **HOOK, include_subaccounts=given)
        check_error(refused, 403, "forbidden")
    for api in (wide, root):
        webhook = await api.create(HOOK["uri"], include_subaccounts=True)
        path = f"webhooks/{webhook['id']}"
        for members in ({"uri": "http://127.0.0.1:9/mine"}, {"include_subaccounts": False}):
            check_error(await narrow.patch(path, **members), 403, "forbidden")
            check_error(await narrow.post(path, **members), 403, "forbidden")
        assert (await narrow.get(path)).data["uri"] == HOOK["uri"]
        assert (await api.patch(path, uri="http://127.0.0.1:9/x")).status == 200
        assert (await narrow.delete(path)).status == 200
    plain = await narrow.create(HOOK["uri"], include_subaccounts=False)
    path = f"webhooks/{plain['id']}"
    check_error(await narrow.patch(path, include_subaccounts=True), 403, "forbidden")
    harmless: tuple[dict[str, Any], ...] = (
        {"include_subaccounts": False},
        {"include_subaccounts": None},
        {"name": "x"},
    )
    for members in harmless:
        assert (await narrow.patch(path, **members)).status == 200
