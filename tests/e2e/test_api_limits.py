"""How often one may ask, and guess."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from service.dev.servers import HOST
from tests.api_client import check_error
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, StartShared, new_account
from tests.e2e.token_crossbar import TokenCrossbar, token_crossbar

RATE_PER_S, BURST = 0.5, 4
LIMITS = {
    "SWITCHHOOK_API__RATE_PER_S": str(RATE_PER_S),
    "SWITCHHOOK_API__BURST": str(BURST),
    "SWITCHHOOK_API__TRUSTED_PROXIES": '["127.0.0.1/32"]',
}
PROXY = HOST
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
async def limited(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service that takes few requests of each token."""
    async with new_shared(**LIMITS) as running:
        yield running


@pytest.fixture
async def unused_crossbar() -> AsyncIterator[tuple[TokenCrossbar, str]]:
    async with token_crossbar() as running:
        yield running


async def test_who_asks_too_often_is_told_when_to_come_again(limited: SharedService) -> None:
    eager, calm = await limited.tenant(), await limited.tenant()
    remaining = []
    for _ in range(BURST):
        reply = await eager.get("webhooks")
        assert reply.status == 200
        assert reply.headers["RateLimit-Limit"] == str(BURST)
        assert int(reply.headers["RateLimit-Reset"]) >= 1
        remaining.append(int(reply.headers["RateLimit-Remaining"]))
    assert remaining == sorted(remaining, reverse=True)
    refused = await eager.get("webhooks")
    check_error(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 1 / RATE_PER_S
    assert refused.headers["RateLimit-Limit"] == str(BURST)
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert refused.headers["RateLimit-Reset"] == refused.headers["Retry-After"]
    assert (await calm.get("webhooks")).status == 200

    async def let_in() -> bool:
        return (await eager.get("webhooks")).status == 200

    await eventually(let_in, 2 / RATE_PER_S + 2, "the next request")


async def guess(shared: SharedService, count: int, client: str = PROXY) -> list[int]:
    """Try some tokens from an address; return what was answered."""
    texts = [f"swh_{next(NUMBERS):012x}_guess" for _ in range(count)]
    guesses = [shared.client(text, new_account(), shared.service) for text in texts]
    headers = {"X-Forwarded-For": client}
    return [(await api.ask("GET", "webhooks", headers=headers)).status for api in guesses]


async def lookups(shared: SharedService) -> int:
    """Return how often the store was asked for a token since it began to profile."""
    asked = {"ns": f"{shared.database.name}.tokens", "op": "query"}
    return await shared.database["system.profile"].count_documents(asked)


@pytest.fixture
async def profiled(limited: SharedService) -> AsyncIterator[SharedService]:
    """The store keeps a record of what it is asked; it begins anew."""
    await limited.database.drop_collection("system.profile")
    await limited.database.command("profile", 2)
    yield limited
    await limited.database.command("profile", 0)


async def test_guessing_tokens_is_slowed_down(limited: SharedService) -> None:
    statuses = await guess(limited, BURST + 2)
    assert statuses[-1] == 429
    assert set(statuses) == {401, 429}


async def test_who_has_a_good_token_is_let_in_although_somebody_guesses_from_behind_the_same_proxy(
    limited: SharedService,
) -> None:
    api = await limited.tenant()
    await guess(limited, BURST + 2, "203.0.113.1")
    reply = await api.ask("GET", "webhooks", headers={"X-Forwarded-For": "203.0.113.2"})
    assert reply.status == 200


async def test_who_was_let_in_before_stays_so_although_somebody_guesses_from_the_same_address(
    limited: SharedService,
) -> None:
    for tokens in range(2):
        api, where = await limited.tenant(), {"X-Forwarded-For": f"203.0.113.{10 + tokens}"}
        assert (await api.ask("GET", "webhooks", headers=where)).status == 200
        await guess(limited, BURST + 2, where["X-Forwarded-For"])
        assert (await api.ask("GET", "webhooks", headers=where)).status == 200


async def test_a_client_that_invents_addresses_is_slowed_down_all_the_same(
    limited: SharedService,
) -> None:
    statuses = []
    for number in range(BURST + 2):
        # What stands left of the address that the proxy appended is of the client's making.
        statuses += await guess(limited, 1, f"198.51.100.{number}, 203.0.113.20")
    assert statuses[-1] == 429


async def test_a_guess_that_is_refused_asks_the_store_nothing(profiled: SharedService) -> None:
    statuses = await guess(profiled, 100, "203.0.113.30")
    assert statuses.count(429) > 80
    assert await lookups(profiled) == statuses.count(401)


async def test_a_holder_who_asks_too_often_asks_the_store_nothing_either(
    profiled: SharedService,
) -> None:
    api, where = await profiled.tenant(), {"X-Forwarded-For": "203.0.113.31"}
    replies = [await api.ask("GET", "webhooks", headers=where) for _ in range(50)]
    refused = [reply for reply in replies if reply.status == 429]
    assert len(refused) > 40
    assert await lookups(profiled) == 50 - len(refused)


async def test_an_unknown_token_is_looked_up_once(profiled: SharedService) -> None:
    where = {"X-Forwarded-For": "203.0.113.32"}
    api = profiled.client("swh_0123456789ab_wrong", new_account(), profiled.service)
    statuses = [(await api.ask("GET", "webhooks", headers=where)).status for _ in range(BURST)]
    assert statuses == [401] * BURST
    assert await lookups(profiled) == 1


async def test_bytes_that_are_no_text_are_no_token(limited: SharedService) -> None:
    reader, writer = await asyncio.open_connection(HOST, limited.service.port)
    writer.write(
        b"GET /v2/accounts/a/webhooks HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.40\r\n"
        b"X-Auth-Token: swh_0123456789ab_\xff\xfe\r\n\r\n"
    )
    status = (await reader.readline()).split()[1]
    writer.close()
    await writer.wait_closed()
    assert status == b"401"


async def test_a_crossbar_is_not_asked_for_what_is_refused(
    new_shared: StartShared, unused_crossbar: tuple[TokenCrossbar, str]
) -> None:
    stand_in, url = unused_crossbar
    async with new_shared(**LIMITS, SWITCHHOOK_API__AUTH__CROSSBAR_URL=url) as shared:
        texts = [f"guess-{number}" for number in range(40)]
        apis = [shared.client(text, new_account(), shared.service) for text in texts]
        statuses = [(await api.get("webhooks")).status for api in apis]
    assert statuses.count(429) > 30
    assert len(stand_in.asked) == statuses.count(401)
