"""The pictures in the README: six pages of an account that looks like one in use."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ViewportSize
from yarl import URL

from service.dev.receiver import ScriptedAnswer
from tests.api_client import Client
from tests.browser.people import People, Stage
from tests.e2e.harness import eventually
from tests.e2e.shared_service import attempts_of

DESK, PHONE = ViewportSize(width=1180, height=700), ViewportSize(width=390, height=760)
MOST_BYTES = 40_960
HOOKS = ("channel_create", "channel_answer", "channel_destroy")
ORDERS = b'{"error": "the orders service is down"}'


async def test_the_pictures_of_the_readme_are_small(
    people: People, stage: Stage, pictures: Path | None
) -> None:
    if pictures is None:
        pytest.skip("make screenshots takes them")
    tenant = await stage.tenant()
    shown = await furnished(stage, tenant)
    person = await people(color_scheme="light", viewport=DESK)
    await person.sign_in(await stage.operator_token())
    for name, path, scheme, size in (
        ("webhooks", shown["webhooks"], "light", DESK),
        ("attempt", shown["attempt"], "light", DESK),
        ("call", shown["call"], "dark", DESK),
        ("overview", "overview", "dark", DESK),
        ("audit", shown["audit"], "light", DESK),
        ("phone", shown["webhooks"], "light", PHONE),
    ):
        await person.page.set_viewport_size(size)
        await person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await person.open(f"/console/{path}")
        picture = await taken(person.page)
        assert len(picture) <= MOST_BYTES, name
        folder = pictures / "readme"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.webp").write_bytes(picture)


async def taken(page: Any) -> bytes:
    """Return a picture of what is in the window, as WebP, which Playwright itself cannot write."""
    devtools = await page.context.new_cdp_session(page)
    order = {"format": "webp", "quality": 70}
    answer = await devtools.send("Page.captureScreenshot", order)
    return base64.b64decode(answer["data"])


async def furnished(stage: Stage, tenant: Client) -> dict[str, str]:
    """Have a day of an account happen; return the paths of its pages."""
    receiver, shared = stage.receiver, stage.shared
    receiver.script("/orders", ScriptedAnswer(503, 0.0, {"Retry-After": "60"}, ORDERS))
    names = {"CRM": "all", "Wall board": "channel_create", "Orders": "channel_destroy"}
    made = {
        name: await tenant.create(
            receiver.url(f"/{name.lower().replace(' ', '-')}"), name=name, hook=hook, retries=1
        )
        for name, hook in names.items()
    }
    calls = [f"{number}-4f21@pbx.example.com" for number in range(8)]
    for hook in HOOKS:
        await shared.call(tenant.account_id, *calls, hook=hook)
    attempts = await attempts_of(tenant, 48)
    failed = next(one for one in attempts if one["outcome"] != "succeeded")

    async def dead() -> Any:
        return (await tenant.get("dead_letters")).data

    await eventually(dead)
    await yesterday(stage, tenant.account_id)
    orders = f"webhooks/{made['Orders']['id']}"
    await tenant.patch(orders, retries=3)
    await tenant.post(f"{orders}/secret/rotate", overlap_s=3600)
    await tenant.post("portal", read_only=True)
    await tenant.post("dead_letters/replay", filter={"reason": "exhausted"})
    account = f"accounts/{tenant.account_id}"
    return {
        "webhooks": f"{account}/webhooks",
        "attempt": f"{account}/webhooks/{failed['hook_id']}/attempts/{failed['id']}",
        "call": f"{account}/calls{URL.build(query={'call_id': calls[0]})}",
        "audit": f"{account}/audit",
    }


async def yesterday(stage: Stage, account_id: str) -> None:
    """Copy the attempts into the hours before, so that there is a day to see."""
    log = stage.shared.database["attempts"]
    rows = await log.find({"account_id": account_id}).to_list()
    for back in range(1, 24):
        count = 4 + (back * 7) % 11
        await log.insert_many(
            {
                **row,
                "_id": f"{int(row['_id'][:12], 16) - back * 3_600_000:012x}{row['_id'][12:]}",
                "started_at": datetime.now(UTC) - timedelta(hours=back),
            }
            for row in rows[:count]
        )
