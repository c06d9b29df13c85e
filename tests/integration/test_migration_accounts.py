"""Moving accounts from Kazoo: a Crossbar of our own on one side, a real MongoDB on the other."""

import pytest

from service.adapters.mongo.migration import MongoMigration
from service.dialects.kazoo.crossbar.client import CrossbarClient
from service.domain.errors import CrossbarUnavailable
from tests.conftest import Documents
from tests.crossbar_stand_in import BRANCH, CUSTOMER, MASTER, RESELLER, Crossbar
from tests.integration.migration_parts import client_of, sync, verdicts


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


async def test_a_busy_crossbar_is_waited_for(
    kazoo: Crossbar, client: CrossbarClient, ours: MongoMigration
) -> None:
    kazoo.busy = 2
    assert len(await sync(client, ours)) == 6
    kazoo.busy = 3
    with pytest.raises(CrossbarUnavailable, match=r"answered 429 to accounts/.*too_many"):
        await sync(client, ours)
