"""New accounts need https from their first webhook on; accounts with webhooks go on as before."""

from collections.abc import AsyncIterator

import pytest

from service.dev.receiver import Receiver
from tests.api_client import problem
from tests.e2e.harness import webhook_document
from tests.e2e.shared_service import SharedService, StartShared, new_account

# Loopback is allowed here; nobody listens there.
SAFE, PLAIN = "https://127.0.0.1:1/hook", "http://127.0.0.1:1/hook"


@pytest.fixture(scope="module")
async def running(new_shared: StartShared) -> AsyncIterator[SharedService]:
    async with new_shared(SWITCHHOOK_EGRESS__HTTPS_FOR_NEW_ACCOUNTS="true") as service:
        yield service


@pytest.mark.parametrize("hook", ["channel_create", "pivot"])
async def test_the_first_webhook_of_an_account_needs_https_and_all_after_it(
    running: SharedService, hook: str
) -> None:
    api, accounts = await running.tenant(), running.database["accounts"]
    assert problem(await api.put("webhooks", name="crm", hook=hook, uri=PLAIN), "uri")
    assert await accounts.find_one({"_id": api.account_id}) is None
    made = await api.create(SAFE, hook=hook)
    document = await accounts.find_one({"_id": api.account_id})
    assert document is not None
    assert document["require_https"] is True
    assert problem(await api.patch(f"webhooks/{made['id']}", uri=PLAIN), "uri")
    assert problem(await api.put("webhooks", name="crm", hook=hook, uri=PLAIN), "uri")


async def test_an_account_with_a_webhook_goes_on_with_plain_http(
    running: SharedService, receiver: Receiver
) -> None:
    account_id = new_account()
    stored = webhook_document(receiver.url("/old"), _id=new_account(), account_id=account_id)
    await running.database["webhooks"].insert_one(stored)
    api = await running.tenant(account_id)
    await api.create(receiver.url("/new"))
    await running.call(account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    assert await running.database["accounts"].find_one({"_id": account_id}) is None


async def test_an_account_that_is_excepted_may_begin_with_plain_http(
    running: SharedService, receiver: Receiver
) -> None:
    api, accounts = await running.tenant(), running.database["accounts"]
    await accounts.insert_one({"_id": api.account_id, "require_https": False, "name": "Dash"})
    await api.create(receiver.url("/old"))
    await running.call(api.account_id, "c-1")
    await receiver.until(lambda: len(receiver.requests) == 1, 10)
    document = await accounts.find_one({"_id": api.account_id})
    assert document == {"_id": api.account_id, "require_https": False, "name": "Dash"}
