"""Kazoo's own tokens, which a Crossbar vouches for."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.api_client import check_error
from tests.e2e.browser import Browser, signed_in
from tests.e2e.shared_service import SharedService, StartShared, new_account
from tests.e2e.token_crossbar import TokenCrossbar, token_crossbar

HOOK = {"name": "crm", "uri": "http://127.0.0.1:9/", "hook": "channel_create"}
CROSSBAR_TOKEN = "eyJhbGciOiJSUzI1NiJ9.of-kazoo"


@pytest.fixture(scope="module")
async def crossbar() -> AsyncIterator[tuple[TokenCrossbar, str]]:
    async with token_crossbar() as running:
        yield running


@pytest.fixture(scope="module")
async def trusting(
    new_shared: StartShared, crossbar: tuple[TokenCrossbar, str]
) -> AsyncIterator[SharedService]:
    """A service that takes Kazoo's tokens as well."""
    options = {
        "SWITCHHOOK_API__AUTH__CROSSBAR_URL": crossbar[1],
        "SWITCHHOOK_API__AUTH__CROSSBAR_CACHE_S": "600",
    }
    async with new_shared(**options) as running:
        yield running


async def test_a_token_of_kazoo_counts_for_its_account_and_those_below(
    trusting: SharedService, crossbar: tuple[TokenCrossbar, str]
) -> None:
    stand_in, _ = crossbar
    account_id, below, stranger = [new_account() for _ in range(3)]
    stand_in.accounts[CROSSBAR_TOKEN] = account_id
    await trusting.database["accounts"].insert_one({"_id": below, "tree": [account_id]})
    api = trusting.client(CROSSBAR_TOKEN, account_id, trusting.service)
    created = await api.put("webhooks", **HOOK)
    assert created.status == 201
    by = created.data["_read_only"]["created_by"]
    assert by == f"crossbar:{account_id}/user-1"
    assert (await api.get(f"/v2/accounts/{below}/webhooks")).status == 200
    assert (await api.get(f"/v2/accounts/{stranger}/webhooks")).status == 403
    assert stand_in.asked.count(CROSSBAR_TOKEN) == 1, "its word is remembered"
    assert CROSSBAR_TOKEN not in trusting.service.log.read_text()
    # Our own tokens are no business of Crossbar's.
    own = await trusting.tenant()
    assert (await own.get("webhooks")).status == 200
    assert str(own.token) not in stand_in.asked
    unknown = trusting.client("eyJ-unknown", account_id, trusting.service)
    check_error(await unknown.get("webhooks"), 401, "invalid_credentials")


async def test_a_token_of_kazoo_opens_the_console(
    trusting: SharedService, crossbar: tuple[TokenCrossbar, str]
) -> None:
    account_id = new_account()
    crossbar[0].accounts["eyJ-of-a-person"] = account_id
    async with aiohttp.ClientSession() as session:
        browser = Browser(session, trusting.url)
        assert "Crossbar" in await browser.page("/console/sign-in")
        await signed_in(browser, "eyJ-of-a-person")
        await browser.page(f"/console/accounts/{account_id}/webhooks")
        page = await browser.page(f"/console/accounts/{account_id}/audit")
        assert f"crossbar:{account_id}/user-1" in page
        await browser.page(f"/console/accounts/{new_account()}/webhooks", 404)
        await browser.page("/console/overview", 404)
        assert (await browser.sign_in("eyJ-of-nobody")).status == 401
    kept = await trusting.database["tokens"].find({"account_id": account_id}).to_list()
    assert "eyJ-of-a-person" not in repr(kept)
    assert "eyJ-of-a-person" not in trusting.service.log.read_text()


async def test_while_crossbar_is_away_its_tokens_are_neither_good_nor_bad(
    trusting: SharedService, crossbar: tuple[TokenCrossbar, str]
) -> None:
    stand_in, url = crossbar
    stand_in.status = 500
    account_id = new_account()
    stand_in.accounts["eyJ-later"] = account_id
    api = trusting.client("eyJ-later", account_id, trusting.service)
    reply = await api.get("webhooks")
    check_error(reply, 503, "datastore_unreachable")
    assert reply.headers["Retry-After"]
    assert url not in json.dumps(reply.envelope)
    stand_in.status = 200
    assert (await api.get("webhooks")).status == 200
