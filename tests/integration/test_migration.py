"""Moving from Kazoo: a Crossbar of our own on one side, a real MongoDB on the other."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.adapters.crossbar import CrossbarClient
from service.adapters.mongo_migration import MongoMigration
from service.adapters.mongo_store import open_database
from service.dev.servers import MongoServer, free_port
from service.domain.errors import CrossbarRefused, CrossbarUnavailable, StoreUnavailable
from service.management.decision import Decision, Verdict
from service.management.migration import fetch_webhooks, import_webhooks, sync_accounts
from tests.conftest import Documents
from tests.crossbar_stand_in import BRANCH, CUSTOMER, MASTER, RESELLER, TOKEN, Crossbar
from tests.e2e.test_command import switchhook

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def kazoo() -> AsyncIterator[Crossbar]:
    """Four accounts in a line, and three more that fill pages."""
    async with Crossbar() as crossbar:
        crossbar.add_account(MASTER, "Master", reseller="undefined")
        crossbar.add_account(RESELLER, "Reseller", MASTER)
        crossbar.add_account(CUSTOMER, "Customer", MASTER, RESELLER, reseller=RESELLER)
        crossbar.add_account(BRANCH, "Branch", MASTER, RESELLER, CUSTOMER, reseller=RESELLER)
        for number in range(3):
            crossbar.add_account(f"other{number}", f"Other {number}", MASTER, RESELLER)
        yield crossbar


@pytest.fixture
async def client(kazoo: Crossbar) -> AsyncIterator[CrossbarClient]:
    async with client_of(kazoo) as made:
        yield made


@pytest.fixture
def ours(store: MongoServer, database: Documents) -> Iterator[MongoMigration]:
    opened = open_database(store.url, database.name, 5)
    yield MongoMigration(opened)
    opened.client.close()


def client_of(kazoo: Crossbar, token: str = TOKEN, page_size: int = 2) -> CrossbarClient:
    return CrossbarClient(kazoo.url, token, page_size, pauses_s=(0.01, 0.01))


async def sync(client: CrossbarClient, ours: MongoMigration, **flags: Any) -> list[Decision]:
    chosen = {"prune": False, "dry_run": False} | flags
    return await sync_accounts(client, ours, RESELLER, **chosen)


async def bring(
    client: CrossbarClient, ours: MongoMigration, now: datetime = NOW, **flags: Any
) -> list[Decision]:
    found, skipped = await fetch_webhooks(
        client, ours, CUSTOMER, descendants=flags.pop("descendants", False)
    )
    chosen = {"overwrite": False, "dry_run": False} | flags
    return skipped + await import_webhooks(found, ours, now, **chosen)


def verdicts(decisions: list[Decision]) -> dict[str, str]:
    return {decision.item_id: decision.verdict.value for decision in decisions}


async def test_accounts_come_with_their_whole_tree_and_reseller(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    decisions = await sync(client, ours)
    assert set(verdicts(decisions).values()) == {"taken"}
    assert len(decisions) == 6
    assert sum("descendants" in path for path in kazoo.requests) == 3
    assert await database["accounts"].find_one({"_id": RESELLER}) == {
        "_id": RESELLER,
        "name": "Reseller",
        "tree": [MASTER],
        "reseller_id": MASTER,
    }
    branch = await database["accounts"].find_one({"_id": BRANCH})
    assert branch is not None
    assert branch["tree"] == [MASTER, RESELLER, CUSTOMER]
    assert branch["reseller_id"] == RESELLER


async def test_accounts_of_an_old_crossbar_are_asked_for_their_tree(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    kazoo.lists_trees = False
    await sync(client, ours)
    branch = await database["accounts"].find_one({"_id": BRANCH})
    assert branch is not None
    assert branch["tree"] == [MASTER, RESELLER, CUSTOMER]


async def test_accounts_may_be_synced_again(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    await sync(client, ours)
    await database["accounts"].update_one({"_id": CUSTOMER}, {"$set": {"quota": 3}})
    kazoo.accounts[CUSTOMER]["name"] = "Customer Ltd"
    del kazoo.accounts["other1"]
    result = verdicts(await sync(client, ours))
    assert (result[CUSTOMER], result["other1"], result[BRANCH]) == ("changed", "gone", "unchanged")
    customer = await database["accounts"].find_one({"_id": CUSTOMER})
    assert customer is not None
    assert (customer["name"], customer["quota"]) == ("Customer Ltd", 3)
    assert await database["accounts"].count_documents({}) == 6


async def test_accounts_are_removed_only_where_asked_and_only_below_the_root(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    await database["accounts"].insert_one({"_id": "elsewhere", "tree": [MASTER]})
    await sync(client, ours)
    del kazoo.accounts["other1"]
    dry = verdicts(await sync(client, ours, prune=True, dry_run=True))
    assert dry["other1"] == "removed"
    assert await database["accounts"].count_documents({}) == 7
    await sync(client, ours, prune=True)
    left = {account["_id"] async for account in database["accounts"].find()}
    assert left == {RESELLER, CUSTOMER, BRANCH, "other0", "other2", "elsewhere"}


async def test_a_page_full_of_one_name_is_an_error_and_no_endless_loop(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration, database: Documents
) -> None:
    for account in kazoo.accounts.values():
        account["name"] = "same"
    with pytest.raises(CrossbarUnavailable, match="use a larger --page-size"):
        await sync(client, ours)
    assert await database["accounts"].count_documents({}) == 0
    async with client_of(kazoo, page_size=100) as larger:
        assert len(await sync(larger, ours)) == 6


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
    with pytest.raises(StoreUnavailable, match="1 documents not written") as caught:
        await ours.write_webhooks([{"_id": "w", "hook": "all", "uri": "https://x/?token=hush"}])
    assert "hush" not in str(caught.value)


async def test_descendants_nobody_knows_of_are_told(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration
) -> None:
    kazoo.add_webhook("mine")
    result = verdicts(await bring(client, ours, descendants=True))
    assert result == {CUSTOMER: "skipped", "mine": "taken"}


async def test_a_busy_crossbar_is_waited_for(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration
) -> None:
    kazoo.busy = 2
    assert len(await sync(client, ours)) == 6
    kazoo.busy = 3
    with pytest.raises(CrossbarUnavailable, match=r"answered 429 to accounts/.*too_many"):
        await sync(client, ours)


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
        (b"<html>", "is --url right?"),
        (b'{"data": 3}', "holds no document"),
        (b"[]", "is not Crossbar's"),
    ):
        kazoo.garbage = garbage
        with pytest.raises(CrossbarUnavailable) as caught:
            await client.account(MASTER)
        assert text in str(caught.value)
    kazoo.garbage = b'{"data": {}}'
    with pytest.raises(CrossbarUnavailable, match="holds no list"):
        await client.descendants(MASTER)


async def test_a_crossbar_or_a_store_that_is_away_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with CrossbarClient(url, TOKEN, 10) as client:
        with pytest.raises(CrossbarUnavailable, match=f"cannot ask Crossbar at {url}"):
            await client.account(MASTER)
    away = open_database(f"mongodb://127.0.0.1:{free_port()}/", "x", 0.5)
    with pytest.raises(StoreUnavailable):
        await MongoMigration(away).accounts_under(MASTER)
    away.client.close()


@pytest.fixture
def environment(store: MongoServer, database: Documents) -> dict[str, str]:
    return {
        "SWITCHHOOK_MONGO__URL": store.url,
        "SWITCHHOOK_MONGO__DATABASE": database.name,
        "CROSSBAR_TOKEN": TOKEN,
    }


async def test_the_commands_move_an_installation(
    kazoo: Crossbar, environment: dict[str, str], database: Documents
) -> None:
    kazoo.add_webhook("w", BRANCH)
    where = ("--url", f"{kazoo.url}/v2/", "--account", RESELLER, "--page-size", "2")
    code, text = await switchhook("accounts", "sync", *where, env=environment)
    assert code == 0, text
    assert "taken            6" in text
    code, text = await switchhook("webhooks", "import", *where, "--descendants", env=environment)
    assert code == 0, text
    assert "taken            1" in text
    assert "requests are not signed until a webhook is given a secret" in text
    assert await database["webhooks"].count_documents({"account_id": BRANCH}) == 1
    code, text = await switchhook("webhooks", "import", *where, "--descendants", env=environment)
    assert (code, "unchanged        1" in text, "not signed" in text) == (0, True, False)


async def test_the_command_imports_a_file_and_fails_where_something_is_refused(
    environment: dict[str, str], database: Documents, tmp_path: Path
) -> None:
    good = {
        "_id": "fax",
        "pvt_type": "webhook",
        "pvt_account_id": CUSTOMER,
        "pvt_modified": 63_877_497_999,
        "uri": "https://hooks.example.net/kazoo",
        "hook": "outbound_fax",
    }
    bad = {**good, "_id": "bad", "uri": "https://u:hush@x/"}
    gone = {**good, "_id": "gone", "pvt_deleted": True}
    file = tmp_path / "webhooks.json"
    file.write_text(json.dumps({"rows": [{"doc": doc} for doc in (good, bad, gone)]}))
    code, text = await switchhook("webhooks", "import", "--file", str(file), env=environment)
    assert code == 1
    assert "refused    bad                              the URI must not carry credentials" in text
    assert "skipped    gone                             deleted in Kazoo" in text
    assert "hush" not in text
    types = {webhook["custom_data"]["type"] async for webhook in database["webhooks"].find()}
    assert types == {"outbound_fax", "outbound_fax_error"}


async def test_the_commands_say_what_is_missing_in_one_line(
    kazoo: Crossbar, environment: dict[str, str], tmp_path: Path
) -> None:
    where = ("--url", kazoo.url, "--account", RESELLER)
    wrong = environment | {"CROSSBAR_TOKEN": "wrong"}
    code, text = await switchhook("accounts", "sync", *where, env=wrong)
    assert code == 1
    assert text == "problem  Crossbar does not accept the token (401); has it expired?\n"
    code, text = await switchhook("accounts", "sync", *where, "--token-env", "X", env=environment)
    assert code == 2
    assert "variable X holds no token" in text
    variable = ("--token-env", "SWITCHHOOK_TOKEN")
    code, text = await switchhook("accounts", "sync", *where, *variable, env=environment)
    assert code == 2
    assert "variables that begin with SWITCHHOOK_ are settings" in text
    token_file = tmp_path / "token"
    token_file.write_text(f"{TOKEN}\n")
    code, text = await switchhook(
        "webhooks", "import", *where, "--token-file", str(token_file), env=wrong
    )
    assert code == 0, text
    code, text = await switchhook("webhooks", "import", env=environment)
    assert code == 2
    assert "say --url and --account, or --file" in text
    broken = tmp_path / "broken"
    broken.write_text("oops")
    code, text = await switchhook("webhooks", "import", "--file", str(broken), env=environment)
    assert code == 2
    assert "is not JSON, nor is line 1" in text
