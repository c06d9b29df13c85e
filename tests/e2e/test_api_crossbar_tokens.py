"""Kazoo's own tokens, which a Crossbar vouches for."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from service.dev.servers import HOST, free_port
from tests.api_client import check_error
from tests.e2e.stage import NewStage, Stage, new_account

HOOK = {"name": "crm", "uri": "http://127.0.0.1:9/", "hook": "channel_create"}
CROSSBAR_TOKEN = "eyJhbGciOiJSUzI1NiJ9.of-kazoo"


class TokenCrossbar:
    """Crossbar as far as `GET /v2/token_auth` goes."""

    def __init__(self) -> None:
        self.accounts: dict[str, str] = {}
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("X-Auth-Token", "")
        self.asked.append(token)
        if self.status != 200:
            return web.json_response({"data": {}, "status": "error"}, status=self.status)
        if token not in self.accounts:
            body = {"data": {}, "error": "401", "status": "error"}
            return web.json_response(body, status=401)
        data = {"account_id": self.accounts[token], "owner_id": "user-1", "method": "cb_user_auth"}
        return web.json_response({"data": data, "status": "success", "auth_token": token})


@pytest.fixture(scope="module")
async def crossbar() -> AsyncIterator[tuple[TokenCrossbar, str]]:
    stand_in, application, port = TokenCrossbar(), web.Application(), free_port()
    application.router.add_get("/v2/token_auth", stand_in.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    yield stand_in, f"http://{HOST}:{port}"
    await runner.cleanup()


@pytest.fixture(scope="module")
async def trusting(
    new_stage: NewStage, crossbar: tuple[TokenCrossbar, str]
) -> AsyncIterator[Stage]:
    """A service that takes Kazoo's tokens as well."""
    options = {
        "SWITCHHOOK_API__AUTH__CROSSBAR_URL": crossbar[1],
        "SWITCHHOOK_API__AUTH__CROSSBAR_CACHE_S": "600",
    }
    async with new_stage(**options) as running:
        yield running


async def test_a_token_of_kazoo_counts_for_its_account_and_those_below(
    trusting: Stage, crossbar: tuple[TokenCrossbar, str]
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


async def test_while_crossbar_is_away_its_tokens_are_neither_good_nor_bad(
    trusting: Stage, crossbar: tuple[TokenCrossbar, str]
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
