"""Moving webhooks from Kazoo: a Crossbar of our own on one side, a real MongoDB on the other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.adapters.mongo.migration import MongoMigration
from service.adapters.mongo.store import open_database
from service.dev.servers import free_port
from service.dialects.kazoo.crossbar.client import CrossbarClient
from service.dialects.kazoo.crossbar.decision import Decision, Verdict
from service.dialects.kazoo.crossbar.migration import fetch_webhooks, import_webhooks, sync_accounts
from service.domain.errors import CrossbarRefused, CrossbarUnavailable, StoreUnavailable
from tests.conftest import Documents
from tests.crossbar_stand_in import BRANCH, CUSTOMER, MASTER, RESELLER, TOKEN, Crossbar
from tests.integration.migration_parts import client_of, sync, verdicts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


async def bring(
    client: CrossbarClient, ours: MongoMigration, now: datetime = NOW, **flags: Any
) -> list[Decision]:
    found, skipped = await fetch_webhooks(
        client, ours, CUSTOMER, descendants=flags.pop("descendants", False)
    )
    chosen = {"overwrite": False, "dry_run": False} | flags
    return skipped + await import_webhooks(found, ours, now, **chosen)


async def test_webhooks_come_whole_with_why_they_were_disabled(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    reason = "too many failed attempts"
    for number in range(5):
        kazoo.add_webhook(f"w{number}", custom_data={"n": str(number)})
    kazoo.add_webhook("w5", enabled=False, disable_reason=reason, group="a")
    kazoo.add_webhook("foreign", BRANCH)
    decisions = await bring(client, ours)
    assert verdicts(decisions) == {f"w{number}": "taken" for number in range(6)}
    assert decisions[5].reason == "left out: group"
    assert await database["webhooks"].find_one({"_id": "w5"}) == {
        "_id": "w5",
        "account_id": CUSTOMER,
        "name": "hook w5",
        "uri": "https://hooks.example.net/kazoo",
        "hook": "channel_create",
        "http_verb": "post",
        "format": "json",
        "retries": 3,
        "enabled": False,
        "include_subaccounts": False,
        "include_internal_legs": True,
        "custom_data": {},
        "modifiers": {},
        "disable_reason": reason,
        "created_at": NOW,
        "modified_at": NOW,
    }


async def test_webhooks_of_descendants_come_for_the_accounts_we_know(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    kazoo.add_webhook("mine")
    kazoo.add_webhook("below", BRANCH)
    await sync(client, ours)
    await database["accounts"].insert_one({"_id": "lost", "tree": [MASTER, RESELLER, CUSTOMER]})
    result = verdicts(await bring(client, ours, descendants=True))
    assert result == {"mine": "taken", "below": "taken", "lost": "skipped"}
    below = await database["webhooks"].find_one({"_id": "below"})
    assert below is not None
    assert below["account_id"] == BRANCH


async def test_webhooks_may_be_imported_again_and_keep_their_secret(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    for number in range(3):
        kazoo.add_webhook(f"w{number}")
    await bring(client, ours)
    await database["webhooks"].update_many({}, {"$set": {"secret": SECRET}})
    assert set(verdicts(await bring(client, ours)).values()) == {"unchanged"}
    kazoo.webhooks["w1"]["uri"] = "https://new.example.net/"
    result = verdicts(await bring(client, ours, datetime.now(UTC)))
    assert result == {"w0": "unchanged", "w1": "changed", "w2": "unchanged"}
    changed = await database["webhooks"].find_one({"_id": "w1"})
    assert changed is not None
    assert (changed["uri"], changed["secret"]) == ("https://new.example.net/", SECRET)


async def test_a_webhook_changed_here_is_kept_unless_it_is_to_be_overwritten(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    kazoo.add_webhook("w")
    await bring(client, ours)
    edit = {"name": "mine", "modified_at": datetime.now(UTC)}
    await database["webhooks"].update_one({"_id": "w"}, {"$set": edit})
    (decision,) = await bring(client, ours)
    assert decision.verdict is Verdict.KEPT
    assert decision.reason.startswith("changed here since: name differ")
    (decision,) = await bring(client, ours, overwrite=True)
    assert decision.verdict is Verdict.CHANGED
    assert await database["webhooks"].count_documents({"name": "hook w"}) == 1


async def test_a_dry_run_decides_and_writes_nothing(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    kazoo.add_webhook("w")
    assert verdicts(await bring(client, ours, dry_run=True)) == {"w": "taken"}
    assert len(await sync(client, ours, dry_run=True)) == 6
    assert await database.list_collection_names() == []


async def test_what_cannot_be_used_is_refused_and_the_rest_is_taken(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    kazoo.add_webhook("good")
    kazoo.add_webhook("odd/ id?", uri="ftp://x")
    decisions = {decision.item_id: decision for decision in await bring(client, ours)}
    assert decisions["odd/ id?"].verdict is Verdict.REFUSED
    assert decisions["odd/ id?"].reason == "the scheme must be http or https, not 'ftp'"
    assert [webhook["_id"] async for webhook in database["webhooks"].find()] == ["good"]


async def test_what_the_store_cannot_hold_is_refused(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration
) -> None:
    kazoo.add_webhook("huge", custom_data={"n": 2**63})
    kazoo.add_webhook("null", custom_data={"a\0b": "x"})
    kazoo.add_webhook("dots", custom_data={"a.b": "x", "$c": "y"})
    result = verdicts(await bring(client, ours))
    assert result == {"dots": "taken", "huge": "refused", "null": "refused"}
    assert verdicts(await bring(client, ours))["dots"] == "unchanged"


async def test_what_the_server_will_not_write_is_told_without_the_document(
    ours: MongoMigration, database: Documents
) -> None:
    await database.create_collection("webhooks", validator={"hook": {"$ne": "all"}})
    with pytest.raises(StoreUnavailable, match="1 document not written") as caught:
        await ours.write_webhooks([{"_id": "w", "hook": "all", "uri": "https://x/?token=hush"}])
    assert "hush" not in str(caught.value)


async def test_descendants_nobody_knows_of_are_told(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration
) -> None:
    kazoo.add_webhook("mine")
    result = verdicts(await bring(client, ours, descendants=True))
    assert result == {CUSTOMER: "skipped", "mine": "taken"}


async def test_every_failure_of_crossbar_is_told_in_one_line(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration
) -> None:
    async with client_of(kazoo, token="wrong") as stranger:
        with pytest.raises(CrossbarRefused, match=r"does not accept the token \(401\)"):
            await stranger.account(CUSTOMER)
    kazoo.forbidden.add(CUSTOMER)
    with pytest.raises(CrossbarRefused, match=rf"may not read accounts/{CUSTOMER} \(403\)"):
        await client.account(CUSTOMER)
    with pytest.raises(CrossbarRefused, match="Crossbar has no account nobody"):
        await sync_accounts(client, ours, "nobody", prune=False, dry_run=False)
    with pytest.raises(CrossbarRefused, match="Crossbar has no account nobody"):
        await fetch_webhooks(client, ours, "nobody", descendants=False)
    for garbage, text in (
        (b"<html>", "check --url"),
        (b'{"data": 3}', "contains no document"),
        (b"[]", "is not from Crossbar"),
    ):
        kazoo.garbage = garbage
        with pytest.raises(CrossbarUnavailable) as caught:
            await client.account(MASTER)
        assert text in str(caught.value)
    kazoo.garbage = b'{"data": {}}'
    with pytest.raises(CrossbarUnavailable, match="contains no list"):
        await client.descendants(MASTER)


async def test_a_crossbar_or_a_store_that_is_away_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with CrossbarClient(url, TOKEN, 10) as client:
        with pytest.raises(CrossbarUnavailable, match=f"cannot reach Crossbar at {url}"):
            await client.account(MASTER)
    away = open_database(f"mongodb://127.0.0.1:{free_port()}/", "x", 0.5)
    with pytest.raises(StoreUnavailable):
        await MongoMigration(away).accounts_under(MASTER)
    away.client.close()
