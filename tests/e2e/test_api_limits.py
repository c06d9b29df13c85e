"""How often one may ask, and guess."""

from collections.abc import AsyncIterator

import pytest

from tests.api_client import check_error
from tests.e2e.harness import eventually
from tests.e2e.stage import NewStage, Stage, new_account

RATE_PER_S, BURST = 0.5, 4


@pytest.fixture(scope="module")
async def limited(new_stage: NewStage) -> AsyncIterator[Stage]:
    """A service that takes few requests of each token."""
    limits = {
        "SWITCHHOOK_API__RATE_PER_S": str(RATE_PER_S),
        "SWITCHHOOK_API__BURST": str(BURST),
    }
    async with new_stage(**limits) as running:
        yield running


async def test_who_asks_too_often_is_told_when_to_come_again(limited: Stage) -> None:
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


async def guess(stage: Stage) -> list[int]:
    """Try some tokens; return what was answered."""
    texts = [f"swh_{number:012x}_guess" for number in range(BURST + 2)]
    guesses = [stage.client(text, new_account(), stage.service) for text in texts]
    return [(await api.get("webhooks")).status for api in guesses]


async def test_guessing_tokens_is_slowed_down(limited: Stage) -> None:
    statuses = await guess(limited)
    assert statuses[-1] == 429
    assert set(statuses) == {401, 429}


async def test_who_has_a_good_token_is_let_in_although_somebody_guesses_from_the_same_address(
    limited: Stage,
) -> None:
    # Behind a proxy everybody comes from the same address.
    api = await limited.tenant()
    await guess(limited)
    assert (await api.get("webhooks")).status == 200
